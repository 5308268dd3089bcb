"""Opens the way to a server: its process, or its URL."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx

from proctor.contracts.errors import Unavailable
from proctor.contracts.tool import McpImplementation, McpServer, ToolContract
from proctor.tools.mcp.child import start
from proctor.tools.mcp.secrets import Granted
from proctor.tools.mcp.stdio import Link, stdio_link
from proctor.tools.mcp.streamable import http_link


def open_link(contract: ToolContract, grant: Granted) -> AbstractAsyncContextManager[Link]:
    """Give what opens the way to the contract's server, and closes it."""
    assert isinstance(contract.implementation, McpImplementation)
    server = contract.implementation.server
    if server.url:
        return http_link(server.url, _client(contract))
    return _child_link(server, grant)


@asynccontextmanager
async def _child_link(server: McpServer, grant: Granted) -> AsyncIterator[Link]:
    try:
        child = await start(server.command, {**server.environment, **grant.environment})
    except OSError as error:
        raise Unavailable(f"{server.name} cannot be started: {error.strerror}") from error
    async with stdio_link(child) as link:
        yield link


def _client(contract: ToolContract) -> httpx.AsyncClient:
    del contract
    return httpx.AsyncClient(trust_env=False, follow_redirects=False)
