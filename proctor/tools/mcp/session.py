"""One session with one MCP server: opened once, used by many calls, and over for good when it is over."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import mcp_types as types
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter, ValidationError

from proctor.contracts.canonical import CUT, summarize
from proctor.contracts.errors import Corrupted, ProctorError, Unavailable
from proctor.tools.mcp.said import said_of
from proctor.tools.mcp.stdio import Link

OPEN_TIMEOUT_S = 30.0
"""A server that a package runner installs first takes its time; a call waits no longer than its own time-out."""
LISTING_MAX_AGE_S = 300.0
"""A list is read again after this, for servers that change their tools and do not say so."""
LIST_TIMEOUT_S = 10.0
MAX_PAGES = 50
MAX_TOOLS = 2000
CLOSE_TIMEOUT_S = 12.0
WORDS_CHARS = 200

Answer = types.CallToolResult | types.InputRequiredResult
Said = dict[str, dict[str, Any]]
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)
_NOT_INITIALIZE = (types.UNSUPPORTED_PROTOCOL_VERSION, types.METHOD_NOT_FOUND)
_log = logging.getLogger(__name__)


class NotUnderstood(ProctorError):
    """The server answered with what MCP does not have."""


class McpSession:
    """A connection, its handshake and the list of tools, held by one task: the SDK's scopes belong to a task.

    What the server asks of its client is refused by the SDK, as no callback is given.
    """

    def __init__(self, name: str, link: Callable[[], AbstractAsyncContextManager[Link]]) -> None:
        """Take the server's name and what opens the way to it. Opening begins at once."""
        self.name = name
        self._link, self._calls = link, 0
        self._said: Said = {}
        self._listed_at = 0.0
        self._is_stale, self._is_retired = False, False
        self._listing = asyncio.Lock()
        self._leave = asyncio.Event()
        self._words: Callable[[], str] = str
        self._live: tuple[ClientSession, Link] | None = None
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        # Nobody may be waiting any more when opening fails.
        self.opened.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._owner = asyncio.ensure_future(self._own())

    @property
    def is_usable(self) -> bool:
        """Whether a further call may begin on it: it is being opened, or open."""
        if self._is_retired or self._owner.done():
            return False
        return self._live is None or not self._live[1].ended.is_set()

    @property
    def why_ended(self) -> str:
        """Why the connection ended, if it did."""
        return self._live[1].why if self._live is not None and self._live[1].ended.is_set() else ""

    async def said(self) -> Said:
        """Give what the server says of its tools now, by name.

        Raises `Unavailable` when it does not answer, `NotUnderstood` when it answers wrongly.
        """
        async with self._listing:
            age_s = asyncio.get_running_loop().time() - self._listed_at
            if self._is_stale or age_s > LISTING_MAX_AGE_S:
                await self._list(self._session())
            return self._said

    async def call(self, tool: str, arguments: dict[str, Any], meta: dict[str, Any]) -> Answer:
        """Call a tool. Raises `MCPError` for an error answer or a lost connection, `NotUnderstood`.

        Not by the SDK's `call_tool`, which checks results with a library whose patterns can take for ever.
        """
        params = types.CallToolRequestParams(name=tool, arguments=arguments, _meta=meta or None)
        session = self._session()
        self._calls += 1
        try:
            return await session.send_request(types.CallToolRequest(params=params), _ANSWER)
        except ValidationError as error:
            raise NotUnderstood(summarize(f"the answer is not one of MCP: {error.errors()[0]['msg']}")) from error
        finally:
            self._calls -= 1
            self._end_if_left()

    def retire(self) -> None:
        """Begin no further call on it, and close it once none is under way."""
        self._is_retired = True
        self._end_if_left()

    async def aclose(self) -> None:
        """Close it now; what is under way is lost. Takes at most a few seconds."""
        self._is_retired = True
        self._leave.set()
        await asyncio.wait({self._owner}, timeout=CLOSE_TIMEOUT_S)
        if not self._owner.done():
            self._owner.cancel()
            await asyncio.wait({self._owner}, timeout=CLOSE_TIMEOUT_S)

    def when_over(self, done: Callable[[], object]) -> None:
        """Call `done` once it is closed and all of it is gone."""
        self._owner.add_done_callback(lambda _: done())

    def _end_if_left(self) -> None:
        if self._is_retired and not self._calls:
            self._leave.set()

    def _session(self) -> ClientSession:
        if self._live is None:
            raise Unavailable(f"the session with {self.name} is not open")
        return self._live[0]

    async def _own(self) -> None:
        """Open, stay until told to leave or the connection ends, close. Never raises for what the server does."""
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    live = await self._open(stack)
                if not self.opened.done():
                    self.opened.set_result(None)
                await _first({asyncio.ensure_future(self._leave.wait()), asyncio.ensure_future(live.ended.wait())})
        except Exception as error:  # noqa: BLE001 - of many kinds and groups of them: a server's, or its transport's
            self._failed(error)
        finally:
            if self._live is not None:
                self._live[1].end("the session was closed")
            if not self.opened.done():
                self.opened.set_exception(Unavailable(f"the session with {self.name} was closed"))

    async def _open(self, stack: AsyncExitStack) -> Link:
        link = await stack.enter_async_context(self._link())
        self._words = link.last_words
        session = ClientSession(
            link.read,
            link.write,
            message_handler=self._heard,
            client_info=types.Implementation(name="proctor", version="1"),
        )
        await stack.enter_async_context(session)
        greeting = asyncio.ensure_future(self._greet(session))
        ended = asyncio.ensure_future(link.ended.wait())
        try:
            await asyncio.wait({greeting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not greeting.done():
                raise Unavailable(link.why)
            await greeting
        finally:
            for task in (greeting, ended):
                task.cancel()
        self._live = (session, link)
        return link

    async def _greet(self, session: ClientSession) -> None:
        try:
            await session.initialize()
        except MCPError as error:
            if error.code not in _NOT_INITIALIZE:
                raise
            await session.discover()
        await self._list(session)

    async def _list(self, session: ClientSession) -> None:
        self._is_stale = False
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                self._said = await self._pages(session)
        except BaseException as error:
            self._is_stale = True
            if isinstance(error, MCPError | TimeoutError):
                raise Unavailable(f"{self.name} does not list its tools: {summarize(str(error))}") from error
            if isinstance(error, ValidationError):
                raise NotUnderstood(f"{self.name} lists its tools in a way that MCP does not have") from error
            raise
        self._listed_at = asyncio.get_running_loop().time()

    async def _pages(self, session: ClientSession) -> Said:
        said: Said = {}
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            said |= {tool.name: said_of(tool) for tool in page.tools}
            cursor = page.next_cursor
            if not cursor:
                return said
            if len(said) > MAX_TOOLS:
                break
        raise NotUnderstood(f"{self.name} has more than {MAX_TOOLS} tools, or pages without end")

    async def _heard(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._is_stale = True

    def _failed(self, error: Exception) -> None:
        _log.debug("the session with %s failed", self.name, exc_info=error)
        if not self.opened.done():
            self.opened.set_exception(_as_ours(self.name, error, self._words()))


def _as_ours(name: str, error: Exception, words: str) -> ProctorError:
    if isinstance(error, ExceptionGroup):
        return _as_ours(name, error.exceptions[0], words)
    if isinstance(error, ProctorError) and not isinstance(error, Corrupted):
        return error
    what = f"gave no greeting within {OPEN_TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else str(error)
    # Marked where it is cut: what is left of a secret there can be hidden then.
    last = words if len(words) < WORDS_CHARS else f"{CUT}{words[1 - WORDS_CHARS :]}"
    told = f"; it said: {summarize(last)}" if words else ""
    return Unavailable(f"{name} cannot be reached: {summarize(what or type(error).__name__)}{told}")


async def _first(tasks: set[asyncio.Task[Any]]) -> None:
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
