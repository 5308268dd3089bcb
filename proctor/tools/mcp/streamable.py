"""The SDK's streamable HTTP over a client of ours: bounded, without redirects, and honest about what was sent."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any

import httpx
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp_types import INTERNAL_ERROR

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import ProctorError
from proctor.tools.mcp.flight import FLIGHT
from proctor.tools.mcp.lines import MAX_MESSAGE_BYTES
from proctor.tools.mcp.stdio import Link

ANSWER_BYTES = 2 * MAX_MESSAGE_BYTES
"""Bytes of one answer, with the notifications before it."""
LISTENING_BYTES = 4 * MAX_MESSAGE_BYTES
LISTENING_REQUESTS = 100
"""What a server may send of itself over one session; then it is no longer listened to."""
TIMEOUT = httpx.Timeout(30.0, read=None)
"""A call bounds its own answer."""


@asynccontextmanager
async def http_link(url: str, client: AbstractAsyncContextManager[httpx.AsyncClient]) -> AsyncIterator[Link]:
    """Speak with a server over HTTP, through `client`, which is closed afterwards."""
    # `trust_env` is a second wall: a client with a transport of its own asks no proxy.
    async with (
        client as ours,
        httpx2.AsyncClient(transport=_Bridge(ours), trust_env=False) as theirs,
        streamable_http_client(url, http_client=theirs, max_sse_event_size=MAX_MESSAGE_BYTES) as (read, write),
    ):
        yield Link(read, write)


class _Bridge(httpx2.AsyncBaseTransport):
    """Sends the SDK's requests with our client. An error becomes an answer: raised, it would end every other call."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._listened_bytes = self._listened = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request once."""
        flight = FLIGHT.get()
        if request.method == "GET":
            self._listened += 1
            if self._listened > LISTENING_REQUESTS or self._listened_bytes > LISTENING_BYTES:
                return httpx2.Response(HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            response = await self._client.send(await self._ours(request), stream=True)
        except ProctorError as error:
            if flight is not None and not flight.dispatched:
                flight.refused = error.diagnostics()
            return _instead(error.diagnostics())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _instead(f"{type(error).__name__} {error}".strip())
        if flight is not None and request.method == "POST" and flight.status is None:
            flight.status = response.status_code
        return await self._theirs(request, response)

    async def _ours(self, request: httpx2.Request) -> httpx.Request:
        flight = FLIGHT.get()
        headers = httpx.Headers([(name, value) for name, value in request.headers.multi_items() if name != "host"])
        headers["accept-encoding"] = "identity"
        headers["user-agent"] = "proctor"
        if flight is not None:
            headers.update(flight.headers)
        return self._client.build_request(
            request.method,
            str(request.url),
            headers=headers,
            content=await request.aread(),
            extensions={"trace": _trace, "timeout": TIMEOUT.as_dict()},
        )

    async def _theirs(self, request: httpx2.Request, response: httpx.Response) -> httpx2.Response:
        refused = ""
        if HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST:
            refused = f"HTTP {response.status_code}: redirects are not followed"
        if response.headers.get("content-encoding", "identity") != "identity":
            refused = "the answer is compressed, which was not asked for"
        if refused:
            await response.aclose()
            return _instead(refused)
        # No `location` among them, so that the SDK has nowhere to go on to even if it took a redirect for an answer.
        kept = [
            (name, response.headers[name]) for name in ("content-type", "mcp-session-id") if name in response.headers
        ]
        body = _Bounded(self, response, is_listening=request.method == "GET")
        return httpx2.Response(response.status_code, headers=kept, stream=body)

    def heard(self, size: int) -> bool:
        """Count what a server sends of itself; whether it may go on."""
        self._listened_bytes += size
        return self._listened_bytes <= LISTENING_BYTES


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, bridge: _Bridge, response: httpx.Response, *, is_listening: bool) -> None:
        self._bridge, self._response, self._is_listening = bridge, response, is_listening

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        try:
            async for chunk in self._response.aiter_raw():
                received += len(chunk)
                if self._is_listening and not self._bridge.heard(len(chunk)):
                    return
                if not self._is_listening and received > ANSWER_BYTES:
                    raise httpx2.StreamError(f"the answer has more than {ANSWER_BYTES} bytes")
                yield chunk
        except httpx.HTTPError as error:
            raise httpx2.StreamError(f"the answer broke off: {type(error).__name__}") from error

    async def aclose(self) -> None:
        await self._response.aclose()


async def _trace(event: str, details: dict[str, Any]) -> None:
    """Listen to the transport (httpcore's `trace` extension)."""
    del details
    if event.endswith("send_request_headers.started") and (flight := FLIGHT.get()) is not None:
        flight.dispatched = True


def _instead(why: str) -> httpx2.Response:
    error = {"code": INTERNAL_ERROR, "message": summarize(why)}
    return httpx2.Response(HTTPStatus.BAD_GATEWAY, json={"jsonrpc": "2.0", "id": None, "error": error})
