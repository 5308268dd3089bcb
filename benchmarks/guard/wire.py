"""Counts what passes between a process and Postgres: statements, round trips, bytes."""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_SYNC, _QUERY, _EXECUTE = b"S"[0], b"Q"[0], b"E"[0]
_HEAD: Final = 5
"""Bytes of a message's type and length."""


@dataclass
class Traffic:
    """What has passed since it was last reset."""

    statements: int = 0
    round_trips: int = 0
    sent: int = 0
    received: int = 0

    def reset(self) -> None:
        """Begin to count anew."""
        self.statements = self.round_trips = self.sent = self.received = 0


class CountingProxy:
    """Stands between asyncpg and a Postgres on a Unix socket."""

    def __init__(self, behind: Path, folder: Path, port: int) -> None:
        self.traffic = Traffic()
        self._behind, self._own = behind / f".s.PGSQL.{port}", folder / f".s.PGSQL.{port}"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self._own)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(self._behind)
        there = asyncio.create_task(self._forward(reader, ours))
        back = asyncio.create_task(self._return(theirs, writer))
        self._tasks |= {there, back}
        await asyncio.gather(there, back, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            writer.write(await self._first(reader))
            while True:
                head = await reader.readexactly(_HEAD)
                body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                self.traffic.sent += len(head) + len(body)
                self.traffic.round_trips += head[0] in {_SYNC, _QUERY}
                self.traffic.statements += head[0] in {_EXECUTE, _QUERY}
                writer.write(head + body)
                await writer.drain()
        writer.close()

    async def _first(self, reader: asyncio.StreamReader) -> bytes:
        """Read the message that begins a connection, which has no type."""
        size = await reader.readexactly(4)
        return size + await reader.readexactly(int.from_bytes(size, "big") - 4)

    async def _return(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.traffic.received += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()
