"""The first and last word on every request: its id, size, form and time; headers of every answer; no traces out."""

import asyncio
import json
import re
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.cli.reading import parse_json
from gateway.http.metrics import HttpMetrics
from gateway.problems import MEDIA_TYPE, Problem, other_problem, problem_of
from proctor.contracts.errors import InvalidInput, OversizeInput, ProctorError

MAX_DEPTH = 100
"""Deepest nesting of JSON that is taken."""
BODY_TIMEOUT_S = 30.0
UNREAD = frozenset({408, 413})
"""After these the connection is closed: what is still to come of the body is not read."""
READ_ON_TIMES, READ_ON_S = 4, 5.0
"""Of a body that is too large, so many times what is taken is still read, and for so long at most."""
RAW_PREFIXES = ("/v1/hooks/",)
"""Where other systems send what they have; the routes look at it themselves."""
API_PREFIX = "/v1/"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
}
_log = structlog.get_logger(__name__)


class BadRequest(Exception):
    """The request is refused before any route sees it."""

    def __init__(self, problem: Problem, *, closes: bool = False) -> None:
        """Carry the answer; `closes`: nothing more is taken from this connection."""
        self.problem, self.closes = problem, closes or problem.status in UNREAD
        super().__init__(problem.detail)


@dataclass
class _Answer:
    started: bool = False
    status: int = 500
    began: float = field(default_factory=time.perf_counter)


class Gatekeeper:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, metrics: HttpMetrics, is_secure: bool) -> None:
        """Guard `app`."""
        self._app, self._max, self._metrics = app, max_body_bytes, metrics
        self._headers = dict(_HEADERS)
        if is_secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer()

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.started, answer.status = True, message["status"]
                self._complete(MutableHeaders(scope=message), request_id)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, await self._checked(scope, receive), send_guarded)
            except BadRequest as error:
                await _send_problem(send_guarded, error.problem, closes=error.closes)
            except Exception:
                _log.exception("request_failed", method=scope["method"], path=scope["path"][:200])
                if answer.started:
                    raise
                await _send_problem(send_guarded, problem_of(ProctorError("something went wrong inside")))
            finally:
                self._count(scope, answer)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """Read the body, at most so much of it, and give it to the application once it has the right form."""
        headers, path = Headers(scope=scope), scope["path"]
        if "transfer-encoding" in headers and "content-length" in headers:
            # A proxy before us may believe the other one, and take the rest of this request for the next one.
            two = other_problem("malformed-body", "Malformed body", "it has a length and comes in chunks, too")
            raise BadRequest(two, closes=True)
        if headers.get("content-encoding", "identity") != "identity":
            raise BadRequest(other_problem("media-type", "Unsupported media type", "bodies are sent uncompressed"))
        body = await self._read(headers, receive)
        if body and path.startswith(API_PREFIX) and not path.startswith(RAW_PREFIXES):
            _check_json(body, headers.get("content-type", ""))
        return _replay(body, receive)

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        if int(headers.get("content-length", "0")) > self._max:  # h11 lets nothing but digits through
            await self._read_on(receive, 0)
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    is_last = not message.get("more_body", False)  # as it is of who has gone
                    if len(body) > self._max:
                        if not is_last:
                            await self._read_on(receive, len(body))
                        raise self._too_large()
                    if is_last:
                        return bytes(body)
        except TimeoutError:
            raise BadRequest(other_problem("slow-body", "Too slow", "the body did not arrive in time")) from None

    async def _read_on(self, receive: Receive, size: int) -> None:
        """Drop what is still to come of a body, within bounds.

        Who is cut off while sending is told of a broken connection by the system, and never reads our answer.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_ON_S):
                while size <= READ_ON_TIMES * self._max:
                    message = await receive()
                    size += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return

    def _too_large(self) -> BadRequest:
        return BadRequest(problem_of(OversizeInput(f"the body has more than {self._max} bytes")))

    def _complete(self, headers: MutableHeaders, request_id: str) -> None:
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        headers["x-request-id"] = request_id

    def _count(self, scope: Scope, answer: _Answer) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        if scope["path"].startswith(API_PREFIX) and route != "unknown" and not route.startswith(API_PREFIX):
            route = f"/v1{route}"  # A router knows its own part of the path only.
        self._metrics.answered(scope["method"], route, answer.status, time.perf_counter() - answer.began)


def _check_json(body: bytes, content_type: str) -> None:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise BadRequest(other_problem("media-type", "Unsupported media type", "send application/json in UTF-8"))
    try:
        content = parse_json(body.decode("utf-8"), "the body")
    except UnicodeDecodeError:
        raise BadRequest(other_problem("malformed-body", "Malformed body", "the body is not UTF-8")) from None
    except InvalidInput as error:
        raise BadRequest(other_problem("malformed-body", "Malformed body", error.message, hint=error.hint)) from None
    check_form(content)


def check_form(content: Any) -> None:
    """Refuse JSON that cannot be kept or told again: too deep, or with characters that are none.

    Raises:
        BadRequest: names what it is.

    """
    level, depth = [content], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadRequest(
                other_problem("malformed-body", "Malformed body", f"it is nested more than {MAX_DEPTH} levels deep")
            )
        level = [inner for outer in level for inner in _inside(outer)]


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        for name in value:
            _check_text(name)
        return list(value.values())
    if isinstance(value, str):
        _check_text(value)
    return value if isinstance(value, list) else []


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise BadRequest(other_problem("malformed-body", "Malformed body", "a text holds half a character (surrogate)"))


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def _send_problem(send: Send, problem: Problem, *, closes: bool = False) -> None:
    body = json.dumps(problem.as_json()).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
