"""One call to a tool of an MCP server: what is checked before it is sent, and what is known when it ends."""

import asyncio
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import ProctorError, Refused, Unavailable
from proctor.contracts.tool import Failed, McpImplementation, ToolContract, ToolInvocation, ToolOutcome, Unknown
from proctor.tools.mcp.answers import judge, judge_error
from proctor.tools.mcp.flight import FLIGHT, Flight
from proctor.tools.mcp.said import digest_of
from proctor.tools.mcp.secrets import Granted, granted
from proctor.tools.mcp.session import Answer, McpSession, NotUnderstood, Said
from proctor.tools.mcp.sessions import McpSessions
from proctor.tools.mcp.surroundings import Surroundings
from proctor.tools.results import lost

KEY_META = "proctor/idempotencyKey"
"""Where the key of an effect travels in `_meta`."""
CANCEL_GRACE_S = 0.2
"""How long telling a server of a given up call may hold up the caller."""
NO_SESSION = 404
"""By which a server says over HTTP that it does not know the session any more."""


class McpCalls:
    """Carries out calls, and holds the sessions that they go through."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._sessions = McpSessions(surroundings)
        self._given_up: set[asyncio.Task[Answer]] = set()

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Call the tool once, within the contract's time-out, the opening of a session included."""
        deadline = asyncio.get_running_loop().time() + contract.timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                grant = await self._granted(contract)
                session, said = await self._session(contract, grant)
                _check_reviewed(contract, said)
        except TimeoutError:
            return Failed(error=f"{contract.name}: its server is not ready; the call was not sent", retryable=True)
        except ProctorError as error:
            why = summarize(f"{contract.name}: {error.diagnostics()}", 500)
            return Failed(error=why, retryable=error.retryable)
        flight = Flight(headers=grant.headers)
        calling = asyncio.ensure_future(_send(session, flight, contract, invocation))
        return await self._outcome(contract, session, flight, calling, deadline)

    async def aclose(self) -> None:
        """Close every session and end every server."""
        await self._sessions.aclose()
        for task in self._given_up:
            task.cancel()

    async def said(self, contract: ToolContract) -> Said:
        """Ask what the contract's server says of its tools now. Raises `ProctorError`."""
        grant = await self._granted(contract)
        return (await self._session(contract, grant))[1]

    async def _granted(self, contract: ToolContract) -> Granted:
        assert isinstance(contract.implementation, McpImplementation)
        server = self._surroundings.settled(contract.implementation.server)
        return await granted(contract, self._surroundings.credentials, server.url)

    async def _session(self, contract: ToolContract, grant: Granted) -> tuple[McpSession, Said]:
        """Give an open session, and what the server says of its tools on it."""
        token = FLIGHT.set(Flight(headers=grant.headers))
        try:
            session = self._sessions.usable(contract, grant)
            await asyncio.shield(session.opened)
            return session, await _said(session)
        finally:
            FLIGHT.reset(token)

    async def _outcome(
        self,
        contract: ToolContract,
        session: McpSession,
        flight: Flight,
        calling: asyncio.Task[Answer],
        deadline: float,
    ) -> ToolOutcome:
        try:
            await asyncio.wait({calling}, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
        except asyncio.CancelledError:
            await self._give_up(session, calling)
            if not flight.dispatched:
                raise
            return Unknown(error=f"{contract.name} was cancelled after it was sent")
        if not calling.done():
            await self._give_up(session, calling)
            return lost(contract, f"{contract.name} gave no answer within {contract.timeout_s:g} s")
        return _judged(contract, session, flight, calling)

    async def _give_up(self, session: McpSession, calling: asyncio.Task[Answer]) -> None:
        """Tell the server that nobody waits any more. The next call gets another session: this server may hang."""
        session.retire()
        self._given_up.add(calling)
        calling.add_done_callback(self._given_up.discard)
        calling.cancel()
        await asyncio.wait({calling}, timeout=CANCEL_GRACE_S)


async def _send(session: McpSession, flight: Flight, contract: ToolContract, invocation: ToolInvocation) -> Answer:
    FLIGHT.set(flight)
    assert isinstance(contract.implementation, McpImplementation)
    arguments, meta = dict(invocation.arguments), dict[str, Any]()
    if not contract.is_read:
        meta[KEY_META] = invocation.key
        if contract.key_at:
            arguments[contract.key_at.partition(":")[2]] = invocation.key
    return await session.call(contract.implementation.tool, arguments, meta)


async def _said(session: McpSession) -> Said:
    try:
        return await session.said()
    except Unavailable:
        session.retire()
        raise


def _check_reviewed(contract: ToolContract, said: Said) -> None:
    """Raise `Refused` unless the server says of the tool what a person reviewed."""
    assert isinstance(contract.implementation, McpImplementation)
    server, tool = contract.implementation.server.name, contract.implementation.tool
    hint = "see what changed with `proctor tools verify`; nothing was sent"
    if tool not in said:
        raise Refused(f"the server {server} no longer has the tool {tool}", hint=hint)
    if digest_of(said[tool]) != contract.implementation.reviewed:
        what = f"the server {server} now says something else of {tool} than what a person reviewed"
        raise Refused(what, hint=hint)


def _judged(contract: ToolContract, session: McpSession, flight: Flight, calling: asyncio.Task[Answer]) -> ToolOutcome:
    try:
        return judge(contract, calling.result())
    except MCPError as error:
        if error.code == CONNECTION_CLOSED or flight.status == NO_SESSION:
            session.retire()
        return judge_error(contract, error, flight, session.why_ended)
    except (NotUnderstood, Unavailable) as error:
        return lost(contract, f"{contract.name}: {error.message}")
