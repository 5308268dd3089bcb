"""`checkout`: a small HTTP service with a bounded pool of workers, and a real defect.

A refund takes the ledger's lock. When the refund is for an order that the ledger does not know, the lock is never given
back: every later refund waits for it for ever and keeps its worker. When no worker is left, the service accepts
connections and answers none, `/health` included.
"""

import json
import logging
import queue
import signal
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

from demo.process import announce, arguments, die_with_stdin

NAME = "checkout"
RELEASES = Path(__file__).parent / "releases"
EXIT_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""
MAX_WORKERS = 64
MAX_BODY_BYTES = 16 * 1024
DRAIN_S = 30.0
COMPLAINT_INTERVAL_S = 1.0

log = logging.getLogger(NAME)


class ConfigurationError(Exception):
    """The release's configuration cannot be used."""


class Ledger:
    """Orders, behind one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: dict[str, dict[str, Any]] = {}

    def count(self) -> int:
        """Count the orders taken; needs no lock."""
        return len(self._orders)

    def take(self, order: dict[str, Any]) -> dict[str, Any]:
        """Take an order."""
        number = f"O-{1000 + len(self._orders)}"
        self._orders[number] = order
        return {"id": number, "state": "taken"}

    def refund(self, number: str) -> dict[str, Any] | None:
        """Refund an order; None when there is no such order."""
        self._lock.acquire()
        if number not in self._orders:
            return None  # the defect: this way out keeps the lock
        order = self._orders[number]
        self._lock.release()
        return {"id": number, "state": "refunded", "item": order.get("item")}


class Connection(BaseHTTPRequestHandler):
    """Answers one connection, in a worker of the pool."""

    server: "PooledServer"
    timeout = 10

    def do_GET(self) -> None:
        """Answer `/health` and `/orders`."""
        if self.path == "/health":
            return self._reply(HTTPStatus.OK, {"status": "ok", "release": self.server.release})
        if self.path == "/orders":
            return self._reply(HTTPStatus.OK, {"orders": self.server.ledger.count()})
        return self._reply(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_POST(self) -> None:
        """Take an order, or a refund: `{"item": …}` or `{"refund": ORDER}`."""
        order = self._order()
        if order is None:
            return self._reply(HTTPStatus.BAD_REQUEST, {"error": "an order is a JSON object"})
        if "refund" not in order:
            return self._reply(HTTPStatus.CREATED, self.server.ledger.take(order))
        log.info("refund of %s asked for", order["refund"])
        refunded = self.server.ledger.refund(str(order["refund"]))
        if refunded is None:
            log.warning("refund refused: order %s is not in the ledger", order["refund"])
            return self._reply(HTTPStatus.NOT_FOUND, {"error": "no such order"})
        return self._reply(HTTPStatus.OK, refunded)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Write the access log into the service's own log."""
        log.info(format, *args)

    def _order(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if self.path != "/orders" or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return None
        try:
            order = json.loads(self.rfile.read(int(length)))
        except ValueError:
            return None
        return order if isinstance(order, dict) else None

    def _reply(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class PooledServer(HTTPServer):
    """Accepts in one thread and answers in a fixed number of workers."""

    request_queue_size = 128

    def __init__(self, port: int, release: str, workers: int) -> None:
        self.release, self.ledger, self._size = release, Ledger(), workers
        self._waiting: queue.Queue[tuple[socket.socket, Any]] = queue.Queue()
        self._busy = 0
        self._count = threading.Lock()
        self._complained_at = -COMPLAINT_INTERVAL_S
        super().__init__(("127.0.0.1", port), Connection)
        for number in range(workers):
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Put a connection in the queue instead of answering it here."""
        self._waiting.put((request, client_address))

    def service_actions(self) -> None:
        """Complain, now and then, while nobody is there to answer."""
        waiting, now = self._waiting.qsize(), time.monotonic()
        if waiting and self._busy == self._size and now - self._complained_at > COMPLAINT_INTERVAL_S:
            self._complained_at = now
            log.error("worker pool exhausted: %d of %d workers busy, %d waiting", self._busy, self._size, waiting)

    def drain(self) -> None:
        """Wait until every request that was accepted is answered, at most `DRAIN_S`."""
        deadline = time.monotonic() + DRAIN_S
        while (self._busy or self._waiting.qsize()) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _work(self) -> None:
        while True:
            request, address = self._waiting.get()
            self._add(1)
            try:
                self.finish_request(request, address)
            except OSError:
                log.info("the client at %s went away", address)
            finally:
                self.shutdown_request(request)
                self._add(-1)

    def _add(self, change: int) -> None:
        with self._count:
            self._busy += change


def load_release(name: str) -> int:
    """Read the number of workers of a release. Raises `ConfigurationError`."""
    path = RELEASES / f"{name}.json"
    try:
        workers = json.loads(path.read_text(encoding="utf-8"))["workers"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"release {name} cannot be read: {error}") from error
    if not isinstance(workers, int) or not 1 <= workers <= MAX_WORKERS:
        raise ConfigurationError(f"workers must be a number from 1 to {MAX_WORKERS}, not {workers!r}")
    return workers


def main() -> int:
    """Serve until SIGTERM; give the exit status."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--release", default="stable")
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    _log_to(options.log)
    if options.die_with_stdin:
        die_with_stdin(lambda: None)
    try:
        server = PooledServer(options.port, options.release, load_release(options.release))
    except ConfigurationError as error:
        log.critical("fatal configuration error in release %s: %s", options.release, error)
        return EXIT_CONFIGURATION
    log.info("release %s listens on port %d", options.release, server.server_address[1])
    _serve(server, {"event": "ready", "url": f"http://127.0.0.1:{server.server_address[1]}"}, options.announce)
    return 0


def _serve(server: PooledServer, facts: dict[str, Any], path: Path | None) -> None:
    def stop(number: int, _: FrameType | None) -> None:
        log.info("signal %d: draining", number)
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    announce(facts, path)
    server.serve_forever(poll_interval=0.05)
    server.drain()
    server.server_close()
    log.info("stopped")


def _log_to(path: Path) -> None:
    handler = logging.FileHandler(path, encoding="utf-8")
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(threadName)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    log.addHandler(handler)
    log.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
