"""Opens the way to a server: its process, or its URL."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from proctor.contracts.tool import McpImplementation, McpServer, ToolContract
from proctor.tools.egress.client import EgressClient
from proctor.tools.egress.settings import with_base
from proctor.tools.mcp.child import start
from proctor.tools.mcp.secrets import Granted
from proctor.tools.mcp.stdio import Link, stdio_link
from proctor.tools.mcp.streamable import http_link
from proctor.tools.mcp.surroundings import Surroundings


def open_link(contract: ToolContract, grant: Granted, surroundings: Surroundings) -> AbstractAsyncContextManager[Link]:
    """Give what opens the way to the contract's server, and closes it."""
    assert isinstance(contract.implementation, McpImplementation)
    server = surroundings.settled(contract.implementation.server)
    if server.url:
        return http_link(server.url, EgressClient(with_base(server.url, contract.egress)))
    return _child_link(server, grant, surroundings)


@asynccontextmanager
async def _child_link(server: McpServer, grant: Granted, surroundings: Surroundings) -> AsyncIterator[Link]:
    async with stdio_link(await start(server, grant.environment, surroundings)) as link:
        yield link
