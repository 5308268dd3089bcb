"""Tools that have secrets and tell them, and a server that repeats whatever it is sent."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from proctor.contracts.credentials import Secret
from proctor.tools.authoring import ToolResources
from tests.acceptance.witness import append_then_die

_log = logging.getLogger(__name__)


def send_then_die(note: str, token: Secret, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Log the token and record an effect; the first time, the worker is killed before its end."""
    _log.error("sending with %s", token.reveal())
    return append_then_die(f"sent {note}", idempotency_key, resources) | {"token": token.reveal()}


async def shout(resources: ToolResources) -> None:
    """Log the secret with a traceback, and raise it."""
    value = (await resources.secret("from-environment")).reveal()
    try:
        raise KeyError(value)  # noqa: TRY301 - a traceback of two errors is the point
    except KeyError as error:
        _log.exception("no %s", value)
        raise ValueError(f"broken: {value}") from error


@dataclass
class Echo:
    """What was sent to it, as it came."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    spans: list[bytes] = field(default_factory=list)


@contextmanager
def echoing() -> Iterator[Echo]:
    """Repeat requests in answers: good ones, broken ones, redirects, and one that never ends. Takes spans too."""
    echo = Echo()

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = json.dumps({"path": self.path, "headers": dict(self.headers)})
            echo.heads.append(said)
            place = self.path.partition("?")[0]
            self.send_response({"/broken": 500, "/moved": 302}.get(place, 200))
            self.send_header("Location", f"/lookup{self.path}")
            self.send_header("Content-Length", str(len(said) + (place == "/slow")))
            self.end_headers()
            self.wfile.write(said.encode())
            self.wfile.flush()
            time.sleep(2 if place == "/slow" else 0)

        def do_POST(self) -> None:
            echo.spans.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    echo.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield echo
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
