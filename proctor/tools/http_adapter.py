"""Tools that are HTTP calls, described by their contract alone."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, ProctorError
from proctor.contracts.tool import (
    Failed,
    HttpImplementation,
    ToolContract,
    ToolInvocation,
    ToolOutcome,
    Unknown,
)
from proctor.tools.authoring import ToolResources
from proctor.tools.credential_uses import HTTP_PLACES, foreign_places, origin_of, resolved
from proctor.tools.egress.client import EgressClient
from proctor.tools.egress.settings import with_base
from proctor.tools.http_answers import judge
from proctor.tools.http_received import MAX_RESPONSE_BYTES, Answer
from proctor.tools.http_request import host_of, outgoing, resolve_base, unresolved_host
from proctor.tools.results import lost


@dataclass
class _Flight:
    """Whether the request has begun to leave the process."""

    dispatched: bool = False

    async def trace(self, event: str, details: dict[str, Any]) -> None:
        """Listen to the transport (httpcore's `trace` extension)."""
        del details
        if event.endswith("send_request_headers.started"):
            self.dispatched = True


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
            async with asyncio.timeout(contract.timeout_s):
                client = self._client(contract)
                request = await self._request(contract, invocation, flight, client)
                answer = await _exchange(client, request)
        except ProctorError as error:
            return _not_sent(contract, error)
        except asyncio.CancelledError:
            if not flight.dispatched:
                raise
            return Unknown(error=f"{contract.name} was cancelled after its request was sent")
        except (TimeoutError, httpx.HTTPError) as error:
            return _broken(contract, flight, error)
        return judge(contract, answer)

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
            self._client(contract)
        except InvalidInput as error:
            found.append(error.diagnostics())
        return found + foreign_places(contract, HTTP_PLACES)

    async def aclose(self) -> None:
        """Hold nothing: the client belongs to the resources."""

    def _client(self, contract: ToolContract) -> EgressClient:
        """Give the client that reaches the tool's own base URL and its egress entries, and nothing else."""
        base = resolve_base(_implementation(contract), self._resources.environment)
        entries = self._resources.for_tool(contract).egress()
        return self._resources.clients.bound_to(with_base(str(base), entries))

    async def _request(
        self, contract: ToolContract, invocation: ToolInvocation, flight: _Flight, client: EgressClient
    ) -> httpx.Request:
        going = outgoing(contract, invocation, self._resources.environment)
        secrets = await resolved(contract, self._resources.credentials, HTTP_PLACES, origin_of(going.url))
        url = secrets.put_into(going.url, going.headers)
        limits = httpx.Timeout(contract.timeout_s).as_dict()
        extensions = {"trace": flight.trace, "timeout": limits}
        return client.build_request(
            going.method, url, headers=going.headers, content=going.content, extensions=extensions
        )


async def _exchange(client: EgressClient, request: httpx.Request) -> Answer:
    response = await client.send(request, stream=True)
    try:
        received, complete = bytearray(), True
        async for chunk in response.aiter_raw():
            received += chunk
            if len(received) > MAX_RESPONSE_BYTES:
                complete = False
                break
        return Answer(response.status_code, bytes(received), complete, response.headers)
    finally:
        await response.aclose()


def _implementation(contract: ToolContract) -> HttpImplementation:
    assert isinstance(contract.implementation, HttpImplementation)
    return contract.implementation


def _not_sent(contract: ToolContract, error: ProctorError) -> ToolOutcome:
    """Judge a request that could not be made, or was not allowed to leave: nothing of it did."""
    return Failed(error=summarize(f"{contract.name}: {error.diagnostics()}", 500), retryable=error.retryable)


def _broken(contract: ToolContract, flight: _Flight, error: Exception) -> ToolOutcome:
    what = f"no answer within {contract.timeout_s:g} s" if isinstance(error, TimeoutError) else type(error).__name__
    why = summarize(f"{contract.name}: {what} {error}".strip(), 500)
    if flight.dispatched:
        return lost(contract, why)
    may_pass = not isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError)
    return Failed(error=f"{why}; the request was not sent", retryable=may_pass)
