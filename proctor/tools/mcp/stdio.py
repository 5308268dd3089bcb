"""The SDK's transport over the pipes of a server's process, with bounds that the SDK's own has not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCResponse, jsonrpc_message_adapter

from proctor.tools.mcp.child import ServerProcess
from proctor.tools.mcp.flight import FLIGHT
from proctor.tools.mcp.lines import MAX_MESSAGE_BYTES, TooLongError, lines

MAX_UNASKED = 5000
"""Messages that answer nothing, and lines that are none, between two answers; more ends the session."""
PATIENT_BYTES = 1024 * 1024
STUCK_BYTES = 16 * 1024 * 1024
"""Bytes that wait for a server which does not read; more ends the session."""


@dataclass
class Link:
    """A way to a server, and what became of it."""

    read: Any
    write: Any
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = "the connection ended"
    last_words: Callable[[], str] = str
    """What the server wrote to its standard error at last, if it has one."""

    def end(self, why: str) -> None:
        """Say that nothing will come of it any more; the first reason stands."""
        if not self.ended.is_set():
            self.why = why
            self.ended.set()


@asynccontextmanager
async def stdio_link(child: ServerProcess) -> AsyncIterator[Link]:
    """Speak over the pipes of a child; ends it afterwards."""
    deliver, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    link = Link(read, None, last_words=child.last_words)
    link.write = _Outlet(child, link)
    reading = asyncio.ensure_future(_read(child, deliver, link))
    try:
        yield link
    finally:
        reading.cancel()
        await asyncio.wait({reading})
        read.close()
        # A server that broke the rules is not asked to leave.
        ending = child.end(0.0) if link.ended.is_set() else child.end()
        await asyncio.shield(asyncio.ensure_future(ending))


class _Outlet:
    """The stream on which the SDK writes. It never waits for a server that does not read."""

    def __init__(self, child: ServerProcess, link: Link) -> None:
        self._child, self._link = child, link

    async def send(self, item: SessionMessage) -> None:
        """Write one message. Raises what the SDK takes for a connection that ended."""
        pipe = self._child.stdin
        if self._link.ended.is_set() or pipe.is_closing():
            raise anyio.BrokenResourceError
        line = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
        if pipe.transport.get_write_buffer_size() + len(line) > STUCK_BYTES:
            self._link.end("the server does not read what is sent to it")
            raise anyio.BrokenResourceError
        if (flight := FLIGHT.get()) is not None:
            flight.dispatched = True
        pipe.write(line)
        if pipe.transport.get_write_buffer_size() > PATIENT_BYTES:
            try:
                await pipe.drain()
            except OSError as error:
                raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        """Leave the pipe to whoever ends the child."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


async def _read(child: ServerProcess, deliver: MemoryObjectSendStream[SessionMessage | Exception], link: Link) -> None:
    unasked = 0
    async with deliver:
        try:
            async for line in lines(child.stdout):
                message = _parse(line)
                is_answer = message is not None and isinstance(message.message, JSONRPCResponse | JSONRPCError)
                unasked = 0 if is_answer else unasked + 1
                if unasked > MAX_UNASKED:
                    link.end(f"the server sent {MAX_UNASKED} messages that answer nothing")
                    return
                if message is not None:
                    await deliver.send(message)
            link.end("the server's process ended")
        except TooLongError:
            link.end(f"the server sent a message of more than {MAX_MESSAGE_BYTES} bytes")
        except OSError:
            link.end("the server's process ended")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            link.end("the session ended")


def _parse(line: bytes) -> SessionMessage | None:
    """Read a message; None for what is none, such as a line that a server prints by mistake."""
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return None
