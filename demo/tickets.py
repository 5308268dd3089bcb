"""The ticket service: tickets in a database of its own, one for each `Idempotency-Key`, and faults on demand."""

import json
import sqlite3
import sys
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

from demo.json_server import JsonServer, Problem, Reply, Request, Route
from demo.process import announce, arguments, die_with_stdin, wait_for_sigterm

SCHEMA = """
CREATE TABLE IF NOT EXISTS tickets (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed'))
)
"""
SEVERITIES = ("low", "medium", "high")
FAULTS = ("unavailable", "hang_after_write", "drop_after_write")


class Faults:
    """What goes wrong with the next requests to `POST /tickets`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: list[str] = []

    def order(self, request: Request) -> Reply:
        """Take `{"kind": FAULT, "count": N}`."""
        body = request.body if isinstance(request.body, dict) else {}
        kind, count = body.get("kind"), body.get("count", 1)
        if kind not in FAULTS or not isinstance(count, int):
            raise Problem(HTTPStatus.BAD_REQUEST, f"kind is one of {', '.join(FAULTS)}; count is a number")
        with self._lock:
            self._coming += [kind] * count
        return Reply(HTTPStatus.OK, {"coming": len(self._coming)})

    def next(self) -> str:
        """Give the fault of this request; empty when there is none."""
        with self._lock:
            return self._coming.pop(0) if self._coming else ""


class TicketDesk:
    """The tickets. Each change is committed before it is answered."""

    def __init__(self, database: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(SCHEMA)
        self.faults = Faults()
        self.url = ""

    def routes(self) -> list[Route]:
        """List what the service answers."""
        return [
            Route("GET", "/health", lambda _: Reply(HTTPStatus.OK, {"status": "ok"})),
            Route("GET", "/tickets", self.list_all),
            Route("POST", "/tickets", self.create),
            Route("GET", "/tickets/{id}", self.show),
            Route("POST", "/tickets/{id}/close", self.close),
            Route("POST", "/admin/faults", self.faults.order),
        ]

    def list_all(self, _: Request) -> Reply:
        """List every ticket."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM tickets ORDER BY n").fetchall()
        return Reply(HTTPStatus.OK, {"tickets": [self._ticket(row) for row in rows]})

    def create(self, request: Request) -> Reply:
        """File a ticket: 201 when it is new, 200 when the key was seen before."""
        fault = self.faults.next()
        if fault == "unavailable":
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "try again later")
        wanted = json.dumps(_checked(request), sort_keys=True)
        with self._lock:
            written = self._db.execute(
                "INSERT INTO tickets (key, request) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                (request.idempotency_key, wanted),
            )
            row = self._db.execute("SELECT * FROM tickets WHERE key = ?", (request.idempotency_key,)).fetchone()
        if row["request"] != wanted:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "this Idempotency-Key belongs to another ticket")
        if fault == "hang_after_write":
            threading.Event().wait()
        status = HTTPStatus.CREATED if written.rowcount else HTTPStatus.OK
        return Reply(status, self._ticket(row), drop=fault == "drop_after_write")

    def show(self, request: Request) -> Reply:
        """Show a ticket."""
        return Reply(HTTPStatus.OK, self._ticket(self._find(request.parts["id"])))

    def close(self, request: Request) -> Reply:
        """Close a ticket; closing it again changes nothing."""
        row = self._find(request.parts["id"])
        with self._lock:
            self._db.execute("UPDATE tickets SET state = 'closed' WHERE n = ?", (row["n"],))
        return Reply(HTTPStatus.OK, self._ticket(self._find(request.parts["id"])))

    def _find(self, ticket: str) -> sqlite3.Row:
        number = ticket.removeprefix("T-")
        with self._lock:
            row = self._db.execute("SELECT * FROM tickets WHERE n = ?", (number,)).fetchone()
        if row is None or not ticket.startswith("T-"):
            raise Problem(HTTPStatus.NOT_FOUND, f"there is no ticket {ticket}")
        found: sqlite3.Row = row
        return found

    def _ticket(self, row: sqlite3.Row) -> dict[str, Any]:
        name = f"T-{row['n']}"
        return {"id": name, "url": f"{self.url}/tickets/{name}", "state": row["state"], **json.loads(row["request"])}


def _checked(request: Request) -> dict[str, str]:
    body = request.body if isinstance(request.body, dict) else {}
    title, severity, description = body.get("title"), body.get("severity"), body.get("description", "")
    if not request.idempotency_key:
        raise Problem(HTTPStatus.BAD_REQUEST, "Idempotency-Key is missing")
    if not isinstance(title, str) or not isinstance(description, str) or severity not in SEVERITIES:
        raise Problem(HTTPStatus.BAD_REQUEST, f"a ticket has a title and a severity of {', '.join(SEVERITIES)}")
    return {"title": title, "description": description, "severity": severity}


def main() -> int:
    """Serve until SIGTERM; give the exit status."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--database", type=Path, required=True)
    options = parser.parse_args()
    desk = TicketDesk(options.database)
    server = JsonServer(options.port, desk.routes())
    desk.url = server.url
    if options.die_with_stdin:
        die_with_stdin(lambda: None)
    server.start()
    announce({"event": "ready", "url": server.url}, options.announce)
    wait_for_sigterm()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
