"""The sessions of one worker: one per server and credentials, opened when first needed and again after a loss."""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial

from proctor.contracts.canonical import digest_json
from proctor.contracts.tool import McpImplementation, ToolContract
from proctor.tools.mcp.links import open_link
from proctor.tools.mcp.secrets import Granted
from proctor.tools.mcp.session import McpSession
from proctor.tools.mcp.stdio import Link
from proctor.tools.mcp.surroundings import Surroundings

_Key = tuple[str, str]


class McpSessions:
    """Holds sessions until they are over; those that no further call begins on as well."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._usable: dict[_Key, McpSession] = {}
        self._all: set[McpSession] = set()

    def usable(self, contract: ToolContract, grant: Granted) -> McpSession:
        """Give the session of the contract's server; it may still be opening."""
        place = _place(contract)
        key = (place, grant.fingerprint())
        known = self._usable.get(key)
        if known is not None and known.is_usable:
            return known
        for other in [one for one in self._usable if one[0] == place]:
            self._usable.pop(other).retire()
        session = self._usable[key] = self._open(contract, grant)
        return session

    async def aclose(self) -> None:
        """Close all of them at once."""
        await asyncio.gather(*(session.aclose() for session in tuple(self._all)))

    def _open(self, contract: ToolContract, grant: Granted) -> McpSession:
        assert isinstance(contract.implementation, McpImplementation)
        link: partial[AbstractAsyncContextManager[Link]] = partial(open_link, contract, grant, self._surroundings)
        session = McpSession(contract.implementation.server.name, link)
        self._all.add(session)
        session.when_over(lambda: self._all.discard(session))
        return session


def _place(contract: ToolContract) -> str:
    """Tell servers apart by all that a session depends on, its secrets aside."""
    assert isinstance(contract.implementation, McpImplementation)
    uses = [use.model_dump(mode="json") for use in contract.credentials]
    entries = [entry.model_dump(mode="json") for entry in contract.egress]
    return digest_json([contract.implementation.server.model_dump(mode="json"), uses, entries])
