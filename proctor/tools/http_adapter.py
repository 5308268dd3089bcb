"""Tools that are HTTP calls, described by their contract alone."""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import (
    Failed,
    HttpImplementation,
    Idempotency,
    ToolContract,
    ToolInvocation,
    ToolOutcome,
    Unknown,
)
from proctor.tools.authoring import ToolResources
from proctor.tools.http_request import (
    host_of,
    request_body,
    request_headers,
    request_url,
    resolve_base,
    unresolved_host,
)
from proctor.tools.results import confirm, lost, oversize, unusable

MAX_RESPONSE_BYTES = 1024 * 1024
IDEMPOTENCY_HEADER = "Idempotency-Key"

_NOT_PROCESSED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_PERHAPS_PROCESSED = {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}
"""Redirects by which a server may answer a request that it has carried out."""


@dataclass
class _Flight:
    """Whether the request has begun to leave the process."""

    dispatched: bool = False

    async def trace(self, event: str, details: dict[str, Any]) -> None:
        """Listen to the transport (httpcore's `trace` extension)."""
        del details
        if event.endswith("send_request_headers.started"):
            self.dispatched = True


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    complete: bool
    encoding: str


class HttpAdapter:
    """Calls HTTP tools.

    What never left the process failed; what left it and was not answered is unknown, unless it only reads. Redirects
    are answers: following one would reach a host that policy has not judged.
    """

    kind = "http"

    def __init__(self, resources: ToolResources) -> None:
        self._resources = resources

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Send the request once. See `ToolPort.invoke`."""
        flight = _Flight()
        try:
            request = self._request(contract, invocation, flight)
        except InvalidInput as error:
            return Failed(error=error.diagnostics())
        try:
            async with asyncio.timeout(contract.timeout_s):
                answer = await self._exchange(request)
        except asyncio.CancelledError:
            if not flight.dispatched:
                raise
            return Unknown(error=f"{contract.name} was cancelled after its request was sent")
        except (TimeoutError, httpx.HTTPError) as error:
            return _broken(contract, flight, error)
        return _judge(contract, answer)

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Name the host of the base URL: arguments cannot change it."""
        del arguments
        implementation = _implementation(contract)
        try:
            return (host_of(resolve_base(implementation, self._resources.environment)),)
        except InvalidInput:
            return (unresolved_host(implementation),)

    def problems(self, contract: ToolContract) -> list[str]:
        """Say why the contract cannot be called as it stands."""
        implementation = _implementation(contract)
        found = [] if implementation.path.startswith("/") else [f"the path {implementation.path!r} must begin with /"]
        try:
            resolve_base(implementation, self._resources.environment)
        except InvalidInput as error:
            found.append(error.diagnostics())
        return found

    async def aclose(self) -> None:
        """Hold nothing: the client belongs to the resources."""

    def _request(self, contract: ToolContract, invocation: ToolInvocation, flight: _Flight) -> httpx.Request:
        implementation, environment = _implementation(contract), self._resources.environment
        url = request_url(resolve_base(implementation, environment), implementation, invocation.arguments)
        headers = httpx.Headers(request_headers(implementation, invocation.arguments, environment))
        if not contract.is_read:
            headers[IDEMPOTENCY_HEADER] = invocation.key
        body = request_body(implementation, invocation.arguments)
        limits = httpx.Timeout(contract.timeout_s).as_dict()
        extensions = {"trace": flight.trace, "timeout": limits}
        client = self._resources.http
        return client.build_request(implementation.method, url, headers=headers, json=body, extensions=extensions)

    async def _exchange(self, request: httpx.Request) -> _Answer:
        response = await self._resources.http.send(request, stream=True)
        try:
            received, complete = bytearray(), True
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > MAX_RESPONSE_BYTES:
                    complete = False
                    break
            encoding = response.headers.get("Content-Encoding", "identity")
            return _Answer(response.status_code, bytes(received), complete, encoding)
        finally:
            await response.aclose()


def _implementation(contract: ToolContract) -> HttpImplementation:
    assert isinstance(contract.implementation, HttpImplementation)
    return contract.implementation


def _broken(contract: ToolContract, flight: _Flight, error: Exception) -> ToolOutcome:
    what = f"no answer within {contract.timeout_s:g} s" if isinstance(error, TimeoutError) else type(error).__name__
    why = summarize(f"{contract.name}: {what} {error}".strip(), 500)
    if flight.dispatched:
        return lost(contract, why)
    may_pass = not isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError)
    return Failed(error=f"{why}; the request was not sent", retryable=may_pass)


def _judge(contract: ToolContract, answer: _Answer) -> ToolOutcome:
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return _result(contract, answer)
    why = f"{contract.name}: HTTP {answer.status} {summarize(answer.body[:2000].decode('utf-8', 'replace'))}".strip()
    if contract.is_read:
        may_pass = answer.status in _NOT_PROCESSED or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return Failed(error=why, retryable=may_pass)
    return _refused_effect(contract, answer.status, why)


def _refused_effect(contract: ToolContract, status: int, why: str) -> ToolOutcome:
    """Judge an effect that was answered with an error. `Failed` claims that nothing happened, so doubt is `Unknown`.

    With native idempotency 409 means that the first request with this key is still at work
    (draft-ietf-httpapi-idempotency-key-header, section 2.6), and 503 that the same key may be sent again.
    """
    native = contract.idempotency is Idempotency.NATIVE
    if status in _NOT_PROCESSED or (native and status == HTTPStatus.SERVICE_UNAVAILABLE):
        return Failed(error=why, retryable=True)
    in_doubt = status in _PERHAPS_PROCESSED or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if in_doubt or (native and status == HTTPStatus.CONFLICT):
        return lost(contract, why)
    return Failed(error=why)


def _result(contract: ToolContract, answer: _Answer) -> ToolOutcome:
    if not answer.complete:
        return oversize(contract, f"the response has more than {MAX_RESPONSE_BYTES} bytes", None)
    if not answer.body:
        return confirm(contract, None)
    try:
        if answer.encoding != "identity":
            raise ValueError(f"it is compressed as {answer.encoding}")  # noqa: TRY301 - one way out for all of these
        value = json.loads(answer.body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return unusable(contract, f"the response is not JSON: {error}", answer.body.decode("utf-8", "replace"))
    return confirm(contract, value)
