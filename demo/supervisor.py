"""The supervisor: owns the process of `checkout`, and keeps a durable record of each restart by `Idempotency-Key`."""

import re
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from demo.json_server import JsonServer, Problem, Reply, Request, Route
from demo.process import announce, arguments, die_with_stdin, wait_for_sigterm
from demo.service import NAME, RELEASES
from demo.service_process import ServiceProcess

SCHEMA = """
CREATE TABLE IF NOT EXISTS actions (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('restart', 'restore')),
    subject TEXT NOT NULL,
    previous_release TEXT NOT NULL,
    release TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'crashed')),
    pid INTEGER,
    carried_out INTEGER NOT NULL DEFAULT 0
)
"""


class Supervisor:
    """One action at a time; a repeated key gives the first answer and does nothing."""

    def __init__(self, state: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(state / "supervisor.db", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(SCHEMA)
        self.process = ServiceProcess(state)

    def routes(self) -> list[Route]:
        """List what the control API answers."""
        return [
            Route("GET", "/services/{service}", self.describe),
            Route("GET", "/services/{service}/health", self.health),
            Route("POST", "/services/{service}/restarts", self.restart),
            Route("POST", "/services/{service}/restores", self.restore),
            Route("GET", "/actions", self.actions),
            Route("GET", "/actions/by-key", self.action_by_key),
        ]

    def begin(self) -> None:
        """Start the service as it was left; an action that was cut short is finished first."""
        with self._lock:
            newest = self._db.execute("SELECT * FROM actions ORDER BY n DESC LIMIT 1").fetchone()
            if newest is not None and newest["state"] == "pending":
                self._carry_out(newest)
                return
            self.process.start("stable" if newest is None else newest["release"])

    def end(self) -> None:
        """Stop the service."""
        with self._lock:
            self.process.stop()

    def describe(self, request: Request) -> Reply:
        """Say where the service is and what it runs."""
        _check_service(request)
        process = self.process
        facts = {"service": NAME, "pid": process.pid(), "release": process.release, "url": process.url}
        return Reply(HTTPStatus.OK, {**facts, "log_path": str(process.log_path)})

    def health(self, request: Request) -> Reply:
        """Say how the service is."""
        _check_service(request)
        return Reply(HTTPStatus.OK, self.process.health())

    def restart(self, request: Request) -> Reply:
        """Restart with a release: `{"release": …, "reason": …}`."""
        _check_service(request)
        release, reason = _texts(request, "release", "reason")
        if not re.fullmatch(r"[a-z0-9-]{1,40}", release) or not (RELEASES / f"{release}.json").exists():
            raise Problem(HTTPStatus.NOT_FOUND, f"there is no release {release}")
        with self._lock:
            row = self._once(request.idempotency_key, "restart", release, release, reason)
            return Reply(HTTPStatus.OK, _answer(row))

    def restore(self, request: Request) -> Reply:
        """Go back to what ran before a restart: `{"restart_id": …}`."""
        _check_service(request)
        (restart_id,) = _texts(request, "restart_id")
        with self._lock:
            number = restart_id.removeprefix("R-")
            taken_back = self._db.execute("SELECT * FROM actions WHERE n = ?", (number,)).fetchone()
            if taken_back is None:
                raise Problem(HTTPStatus.NOT_FOUND, f"there is no restart {restart_id}")
            release, reason = taken_back["previous_release"], f"restore {restart_id}"
            row = self._once(request.idempotency_key, "restore", restart_id, release, reason)
            return Reply(HTTPStatus.OK, {**_answer(row), "restart_id": restart_id})

    def actions(self, _: Request) -> Reply:
        """List every action, with how often it was really carried out."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM actions ORDER BY n").fetchall()
        return Reply(HTTPStatus.OK, {"actions": [dict(row) for row in rows]})

    def action_by_key(self, request: Request) -> Reply:
        """Say whether the action with `?key=` happened; waits for one under way."""
        with self._lock:
            row = self._find(request.query.get("key", ""))
        return Reply(HTTPStatus.OK, {"happened": False} if row is None else {"happened": True, **_answer(row)})

    def _once(self, key: str, kind: str, subject: str, release: str, reason: str) -> sqlite3.Row:
        if not key:
            raise Problem(HTTPStatus.BAD_REQUEST, "Idempotency-Key is missing")
        row: sqlite3.Row | None = self._find(key)
        if row is None:
            # The record goes first: were it written after, a crash in between would restart twice.
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._db.execute(
                "INSERT INTO actions (key, kind, subject, previous_release, release, reason, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, kind, subject, self.process.release, release, reason, at),
            )
            row = self._carry_out(self._find(key))
        if (row["kind"], row["subject"]) != (kind, subject):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "this Idempotency-Key belongs to another action")
        return row

    def _carry_out(self, row: Any) -> sqlite3.Row:
        self.process.stop()
        state = "running" if self.process.start(row["release"]) else "crashed"
        self._db.execute(
            "UPDATE actions SET state = ?, pid = ?, carried_out = carried_out + 1 WHERE n = ?",
            (state, self.process.pid(), row["n"]),
        )
        done: sqlite3.Row = self._find(row["key"])
        return done

    def _find(self, key: str) -> Any:
        return self._db.execute("SELECT * FROM actions WHERE key = ?", (key,)).fetchone()


def _answer(row: Any) -> dict[str, Any]:
    shown = {name: row[name] for name in ("previous_release", "release", "pid", "state")}
    return {"service": NAME, "restart_id": f"R-{row['n']}", **shown}


def _check_service(request: Request) -> None:
    if request.parts["service"] != NAME:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no service {request.parts['service']}")


def _texts(request: Request, *names: str) -> tuple[str, ...]:
    body = request.body if isinstance(request.body, dict) else {}
    values = tuple(body.get(name) for name in names)
    if not all(isinstance(value, str) for value in values):
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body must have {', '.join(names)}")
    return tuple(str(value) for value in values)


def main() -> int:
    """Supervise until SIGTERM; give the exit status."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, required=True)
    options = parser.parse_args()
    supervisor = Supervisor(options.state)
    server = JsonServer(options.port, supervisor.routes())
    if options.die_with_stdin:
        die_with_stdin(supervisor.process.stop)
    supervisor.begin()
    server.start()
    announce({"event": "ready", "url": server.url}, options.announce)
    wait_for_sigterm()
    server.stop()
    supervisor.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
