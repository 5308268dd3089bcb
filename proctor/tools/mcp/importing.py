"""From what an MCP server says of its tools to contracts, and the same again for `tools verify` and `tools accept`."""

import asyncio
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from proctor.contracts.catalog import SourcePlace
from proctor.contracts.credentials import CredentialUse
from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import InvalidInput, ProctorError, Refused, Unavailable
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import McpImplementation, McpServer, Provenance, ToolContract
from proctor.tools.mcp.listing import ListingCredentials
from proctor.tools.mcp.names import tool_names
from proctor.tools.mcp.said import digest_of
from proctor.tools.mcp.schemas import readable
from proctor.tools.mcp.surroundings import Surroundings
from proctor.tools.sandbox.local import choose_sandbox

TIMEOUT_S = 30.0
"""Of an imported tool: longer than the usual one, because its server may have to be started first."""
MAX_DESCRIPTION_CHARS = 8000

Said = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class McpSource:
    """A server, and what a session with it needs."""

    server: McpServer
    credentials: tuple[CredentialUse, ...] = ()
    egress: tuple[EgressEntry, ...] = ()

    @property
    def text(self) -> str:
        """Say where the tools come from, as a person would type it."""
        return self.server.url or shlex.join(self.server.command)


async def read_said(source: McpSource, surroundings: Surroundings, tools: Sequence[ToolName] = ()) -> Said:
    """Open a session, ask the server what it says of its tools, close the session.

    Its credentials are had by whichever may have them: the listing itself (`SERVER_tools_list`), or one of `tools`.

    Raises `Unavailable`, `InvalidInput`, or what resolving its credentials raises; `Refused` for a server that says a
    credential again, which must not come into a file.
    """
    await asyncio.to_thread(_import_sdk)
    from proctor.tools.mcp.calling import McpCalls

    asking, given = _asking(source), surroundings.credentials
    listing = None if given is None else ListingCredentials(given, tools)
    calls = McpCalls(replace(surroundings, credentials=listing))
    try:
        said = await calls.said(asking)
    except ProctorError as error:
        if given is not None and given.known(error.diagnostics()):
            raise Unavailable(given.hide(error.message), hint=given.hide(error.hint)) from None
        raise
    finally:
        await calls.aclose()
    if given is not None and given.known(json.dumps(said, ensure_ascii=False)):
        raise Refused(f"{source.server.name} says a credential again in what it says of its tools")
    return said


def contracts_of(source: McpSource, said: Said, only: Sequence[str] = ()) -> list[ToolContract]:
    """Make the contract of each tool, with the most dangerous values; what the server claims stands in `provenance`.

    Raises `InvalidInput` for a name in `only` that the server does not have.
    """
    unknown = [name for name in only if name not in said]
    if unknown:
        raise InvalidInput(f"the server has no tool {unknown[0]}", hint=f"it has {', '.join(sorted(said)) or 'none'}")
    names = tool_names(source.server.name, said)
    return [_contract(source, names[name], tool) for name, tool in said.items() if not only or name in only]


def schema_notes(said: Said) -> dict[str, list[str]]:
    """Say of each tool whose schemas could not be taken as they are what was left out."""
    found = {}
    for name, tool in said.items():
        notes = readable(tool["inputSchema"], is_arguments=True)[1]
        notes += readable(tool.get("outputSchema", {}), is_arguments=False)[1]
        if notes:
            found[name] = notes
    return found


def claims_of(annotations: dict[str, Any]) -> dict[str, Any]:
    """Give what a server claims of a tool, in its words, and what that comes to in ours once a person accepts it."""
    hints: dict[str, Any] = {name: value for name, value in annotations.items() if isinstance(value, bool)}
    if hints.get("readOnlyHint") is True:
        hints |= {"effect": "read", "risk": "low"}
    elif hints.get("idempotentHint") is True:
        hints["idempotency"] = "native"
    return hints


class McpReadAgain:
    """`ReadAgain` for tools of MCP servers."""

    async def __call__(self, contracts: Sequence[ToolContract], place: SourcePlace, /) -> Sequence[ToolContract]:
        """Give the contracts that an import would make now. See `ReadAgain`."""
        sandbox = None if place.state is None else choose_sandbox(place.root, place.state)
        surroundings = Surroundings(place.environment, place.credentials, place.root, sandbox)
        found: list[ToolContract] = []
        for source in dict.fromkeys(_source_key(contract) for contract in contracts):
            mine = [contract for contract in contracts if _source_key(contract) == source]
            found += await _again(mine, surroundings)
        return found


async def _again(contracts: list[ToolContract], surroundings: Surroundings) -> list[ToolContract]:
    source = _source_of(contracts[0])
    said = await read_said(source, surroundings, [contract.name for contract in contracts])
    fresh = {one.provenance.operation: one for one in contracts_of(source, said) if one.provenance is not None}
    found = []
    for contract in contracts:
        assert contract.provenance is not None
        again = fresh.get(contract.provenance.operation)
        if again is not None:
            found.append(again.model_copy(update={"name": contract.name, "version": contract.version}))
    return found


def _contract(source: McpSource, name: Any, said: dict[str, Any]) -> ToolContract:
    digest = digest_of(said)
    return ToolContract(
        name=name,
        description=str(said.get("description") or said.get("title") or "")[:MAX_DESCRIPTION_CHARS],
        input_schema=readable(said["inputSchema"], is_arguments=True)[0],
        output_schema=readable(said.get("outputSchema", {}), is_arguments=False)[0],
        timeout_s=TIMEOUT_S,
        egress=source.egress,
        credentials=source.credentials,
        provenance=Provenance(
            kind="mcp",
            source=source.text,
            operation=said["name"],
            digest=digest,
            claims=claims_of(said.get("annotations", {})),
        ),
        implementation=McpImplementation(server=source.server, tool=said["name"], reviewed=digest),
    )


def _source_of(contract: ToolContract) -> McpSource:
    assert isinstance(contract.implementation, McpImplementation)
    return McpSource(contract.implementation.server, contract.credentials, contract.egress)


def _source_key(contract: ToolContract) -> str:
    return repr(_source_of(contract))


def _asking(source: McpSource) -> ToolContract:
    """Make the contract of no tool in particular, to open a session by."""
    implementation = McpImplementation(server=source.server, tool="tools/list", reviewed=digest_of({}))
    return ToolContract(
        name=tool_names(source.server.name, ["tools_list"])["tools_list"],
        input_schema={"type": "object"},
        timeout_s=60.0,
        egress=source.egress,
        credentials=source.credentials,
        implementation=implementation,
    )


def _import_sdk() -> None:
    import proctor.tools.mcp.calling  # noqa: F401
