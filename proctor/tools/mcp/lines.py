"""Messages on a pipe: one a line, of bounded size."""

import asyncio
from collections.abc import AsyncIterator

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Largest message of a server; a longer one ends the session."""
_CHUNK_BYTES = 65_536


class TooLongError(Exception):
    """A line is longer than any message may be."""


async def lines(pipe: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Give line after line until the pipe ends. Raises `TooLongError`, having read little more than the limit."""
    rest = bytearray()
    while chunk := await pipe.read(_CHUNK_BYTES):
        searched = len(rest)
        rest += chunk
        while (end := rest.find(b"\n", searched)) >= 0:
            yield bytes(rest[:end])
            del rest[: end + 1]
            searched = 0
        if len(rest) > MAX_MESSAGE_BYTES:
            raise TooLongError
