"""A real server on a real socket that answers as a test says, and keeps what it was sent."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedServer:
    """Where it listens, and every request as it came: head and body."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    received: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def request_line(self) -> str:
        return self.heads[-1].splitlines()[0]

    def header(self, name: str) -> str | None:
        lines = (line.partition(":") for line in self.heads[-1].splitlines()[1:])
        return next((value.strip() for key, _, value in lines if key.lower() == name.lower()), None)


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """Serve one request for each connection, then close it."""
    server = ScriptedServer()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            server.heads.append(head)
            server.bodies.append(await reader.readexactly(int(server.header("Content-Length") or 0)))
            server.received.set()
            await script(writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        yield server


def answering(status: int, body: Any = None, **headers: str) -> Script:
    """Answer with JSON, or with bytes as they are."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    return script


async def hanging(writer: asyncio.StreamWriter) -> None:
    """Take the request and answer nothing for longer than any test waits."""
    del writer
    await asyncio.sleep(10)


async def dropping(writer: asyncio.StreamWriter) -> None:
    """Take the request and close the connection."""
    del writer


async def trickling(writer: asyncio.StreamWriter) -> None:
    """Answer a byte at a time, so that no single read is ever late."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)
