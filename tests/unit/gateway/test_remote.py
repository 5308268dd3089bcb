"""Where the command sends a person's token."""

import asyncio

import pytest

from gateway.remote import open_remote
from proctor.contracts.errors import Unavailable


async def test_a_token_without_tls_goes_to_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway of this machine is spoken to in the clear, so what the environment calls a proxy must not hear it."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    proxy = await asyncio.start_server(hear, "127.0.0.1", 0)
    free = await asyncio.start_server(hear, "127.0.0.1", 0)
    port, nobody = (one.sockets[0].getsockname()[1] for one in (proxy, free))
    free.close()
    await free.wait_closed()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Unavailable):
        async with open_remote(f"http://127.0.0.1:{nobody}", "the-token"):
            pass
    proxy.close()
    assert [] == heard
