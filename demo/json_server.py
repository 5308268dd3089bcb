"""A small JSON-over-HTTP server for the demo's control plane: a table of routes over the standard library."""

import json
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True)
class Request:
    """A request, with the parts of its path that the route names."""

    method: str
    parts: dict[str, str]
    query: dict[str, str]
    body: Any
    idempotency_key: str


@dataclass(frozen=True)
class Reply:
    """An answer. `drop` closes the connection without one."""

    status: int
    body: Any = None
    drop: bool = False


class Problem(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class Route:
    """A method and a path such as `/tickets/{id}`, and what answers."""

    method: str
    path: str
    answer: Callable[[Request], Reply]
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        named = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        object.__setattr__(self, "pattern", re.compile(named))


class JsonServer:
    """Serves routes on 127.0.0.1, a thread for each connection, until stopped."""

    def __init__(self, port: int, routes: Sequence[Route]) -> None:
        handler = type("Connection", (_Connection,), {"routes": tuple(routes)})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Take no further connections."""
        self._server.shutdown()
        self._server.server_close()


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True
    routes: ClassVar[tuple[Route, ...]] = ()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep standard error quiet."""

    def _serve(self) -> None:
        try:
            reply = self._answer()
        except Problem as problem:
            reply = Reply(problem.status, {"error": str(problem)})
        if reply.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self) -> Reply:
        address = urlsplit(self.path)
        body = self._body()
        for route in self.routes:
            found = route.pattern.fullmatch(address.path)
            if found and route.method == self.command:
                parts = {name: unquote(part) for name, part in found.groupdict().items()}
                key = self.headers.get("Idempotency-Key", "")
                return route.answer(Request(self.command, parts, dict(parse_qsl(address.query)), body, key))
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no {self.command} {address.path}")

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the limit is {MAX_BODY_BYTES} bytes")
        text = self.rfile.read(int(length))
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"not JSON: {error}") from error
