"""Tools of MCP servers, behind `ToolPort`."""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import Failed, McpImplementation, ToolContract, ToolInvocation, ToolOutcome
from proctor.tools.egress.settings import UNKNOWN_HOST, hosts_of, with_base
from proctor.tools.mcp.surroundings import Surroundings

if TYPE_CHECKING:
    from proctor.tools.mcp.calling import McpCalls

_CALLING = "proctor.tools.mcp.calling"


class McpAdapter:
    """Calls MCP tools, over sessions that each worker keeps per server.

    What a server says of a tool must be what a person reviewed, or nothing is sent. A server that dies, hangs or lies
    costs the calls that it was given, and nothing else.
    """

    kind = "mcp"

    def __init__(self, surroundings: Surroundings) -> None:
        """Take what servers are given here."""
        self._surroundings = surroundings
        self._calls: McpCalls | None = None

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Call the tool once. See `ToolPort.invoke`."""
        if found := self.problems(contract):
            return Failed(error=found[0])
        if self._calls is None:
            # The SDK takes a second and more to import: only workers that call such tools pay, and none stands still.
            await asyncio.to_thread(importlib.import_module, _CALLING)
        return await self._loaded().invoke(contract, invocation)

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Name the host of the server's URL. What a command reaches cannot be told."""
        del arguments
        server = _implementation(contract).server
        try:
            url = self._surroundings.settled(server).url
            return hosts_of(with_base(url, contract.egress)) if url else ()
        except InvalidInput:
            return (UNKNOWN_HOST,) if server.url else ()

    def problems(self, contract: ToolContract) -> list[str]:
        """Say why the contract cannot be called as it stands."""
        server, found = _implementation(contract).server, []
        if bool(server.command) == bool(server.url):
            found.append(f"the server {server.name} needs either a command or a url")
        try:
            settled = self._surroundings.settled(server)
            if settled.url:
                with_base(settled.url, contract.egress)
        except InvalidInput as error:
            found.append(error.diagnostics())
        if server.sandbox is not None and self._surroundings.sandbox is not None:
            refusal = self._surroundings.sandbox.refusal(server.sandbox)
            found += [refusal] if refusal else []
        place = "header" if server.url else "env"
        found += [
            f"the credential {use.name} of {contract.name} must go to {place}:NAME, not to {use.at or 'nowhere'}"
            for use in contract.credentials
            if not use.at.startswith(f"{place}:")
        ]
        where, _, name = contract.key_at.partition(":")
        if where not in {"", "argument"}:
            found.append(f"key_at {contract.key_at} is not for MCP tools: write argument:NAME, or nothing for _meta")
        if where == "argument" and name in contract.input_schema.get("properties", {}):
            found.append(f"the key goes to the argument {name}, so the input schema must not have it")
        return found

    async def aclose(self) -> None:
        """Close every session and end every server."""
        if self._calls is not None:
            await self._calls.aclose()

    def _loaded(self) -> "McpCalls":
        if self._calls is None:
            from proctor.tools.mcp.calling import McpCalls

            self._calls = McpCalls(self._surroundings)
        return self._calls


def _implementation(contract: ToolContract) -> McpImplementation:
    assert isinstance(contract.implementation, McpImplementation)
    return contract.implementation
