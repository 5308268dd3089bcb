"""MCP servers over streamable HTTP: what was sent, what was not, and what an answer is worth."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from proctor.contracts.credential_sources import CredentialsFile
from proctor.contracts.tool import Confirmed, Failed, McpServer, ToolContract, Unknown
from proctor.credentials.resolver import ScopedCredentials
from proctor.tools.mcp.adapter import McpAdapter
from proctor.tools.mcp.surroundings import Surroundings
from tests.integration.tools.fake_credentials import FakeCredentials
from tests.integration.tools.mcp_contracts import KEY, call, reads, reviewed
from tests.integration.tools.odd_mcp import answers


@dataclass
class OddHttpServer:
    """The odd server behind HTTP; `status` and `hangs` are what it does to calls of tools."""

    url: str = ""
    status: int = 200
    location: str = ""
    streams: bool = False
    """Answer as an event stream."""
    breaks: bool = False
    """Take the call and close the connection."""
    pads: int = 0
    """Bytes of padding in an answer."""
    called: list[dict[str, Any]] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)
    opened: int = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n"))}
            body = await reader.readexactly(int(headers.get("content-length") or 0))
            self.authorizations.add(headers.get("authorization"))
            if not head.startswith("POST"):
                self._write(writer, 405, b"")
            else:
                self._post(writer, json.loads(body))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _post(self, writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
        if message.get("method") == "initialize":
            self.opened += 1
        if message.get("method") == "tools/call":
            self.called.append(message["params"])
            if self.breaks:
                return
            if self.status != 200:
                self._write(writer, self.status, b"not this")
                return
        found = [json.dumps(answer) for answer in answers(message)]
        if not found:
            self._write(writer, 202, b"")
        elif self.streams:
            self._write(writer, 200, "".join(f"data: {one}\n\n" for one in found).encode(), "text/event-stream")
        else:
            self._write(writer, 200, (found[-1] + " " * self.pads).encode(), "application/json")

    def _write(self, writer: asyncio.StreamWriter, status: int, body: bytes, kind: str = "text/plain") -> None:
        more = f"Location: {self.location}\r\n" if self.location else ""
        head = (
            f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nmcp-session-id: s1\r\n"
        )
        writer.write(f"{head}{more}Connection: close\r\n\r\n".encode() + body)


@asynccontextmanager
async def odd_http() -> AsyncIterator[OddHttpServer]:
    server = OddHttpServer()
    listener = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/mcp"
    async with listener:
        yield server


@pytest.fixture
async def server() -> AsyncIterator[OddHttpServer]:
    async with odd_http() as running:
        yield running


@pytest.fixture
async def adapter() -> AsyncIterator[McpAdapter]:
    adapter = McpAdapter(Surroundings({}, FakeCredentials({"desk": "s3cret"})))
    yield adapter
    await adapter.aclose()


def tool(server: OddHttpServer, name: str, **more: Any) -> ToolContract:
    return reviewed(McpServer(name="odd", url=server.url), name, **more)


@pytest.mark.parametrize("streams", [False, True])
async def test_a_call_over_http_carries_its_key_and_its_credentials(
    adapter: McpAdapter, server: OddHttpServer, streams: bool
) -> None:
    """JSON and event streams are both answers; every request, the first too, carries the header of the credential."""
    server.streams = streams
    uses = [{"name": "desk", "at": "header:Authorization", "form": "Bearer {secret}"}]
    outcomes = [await adapter.invoke(tool(server, "add", credentials=uses), call(a=n)) for n in (1, 2)]
    assert [{"sum": 2}, {"sum": 3}] == [one.result for one in outcomes if isinstance(one, Confirmed)]
    assert [KEY, KEY] == [params["_meta"]["proctor/idempotencyKey"] for params in server.called]
    assert {"Bearer s3cret"} == server.authorizations
    assert 1 == server.opened


async def test_a_credential_with_origins_goes_to_that_server_alone(server: OddHttpServer) -> None:
    """The server that its contract names by URL is the place that counts."""
    uses = [{"name": "desk", "at": "header:Authorization"}]
    for origin, expected in ((server.url.removesuffix("/mcp"), Confirmed), ("https://other.example", Failed)):
        definition = {"source": {"kind": "environment", "name": "DESK"}, "tools": ["*"], "origins": [origin]}
        file = CredentialsFile.model_validate({"credentials": {"desk": definition}})
        adapter = McpAdapter(Surroundings({}, ScopedCredentials(file, {"DESK": "s3cret-of-desk"})))
        assert isinstance(await adapter.invoke(tool(server, "add", credentials=uses), call(a=1)), expected)
        await adapter.aclose()
    assert ({"s3cret-of-desk"}, 1) == (server.authorizations, server.opened)


async def test_a_status_that_says_not_processed_is_a_failure_and_any_other_is_unknown(
    adapter: McpAdapter, server: OddHttpServer
) -> None:
    """An effect is known not to have happened only where the server says that it did not take the request."""
    add = tool(server, "add")
    found = {}
    for status in (400, 401, 404, 429, 500, 502, 303):
        server.status = status
        found[status] = await adapter.invoke(add, call(a=1))
    assert {400: Failed, 401: Failed, 404: Failed, 429: Failed, 500: Unknown, 502: Unknown, 303: Unknown} == {
        status: type(outcome) for status, outcome in found.items()
    }
    assert [404, 429] == [status for status, one in found.items() if isinstance(one, Failed) and one.retryable]
    server.status = 200
    assert isinstance(await adapter.invoke(add, call(a=1)), Confirmed)
    assert 2 == server.opened


async def test_redirects_are_not_followed(adapter: McpAdapter, server: OddHttpServer) -> None:
    """A call goes nowhere that policy has not judged, and is not sent twice."""
    server.status, server.location = 307, server.url + "/other"
    outcome = await adapter.invoke(tool(server, "add"), call(a=1))
    assert isinstance(outcome, Failed)
    assert "HTTP 307: redirects are not followed" in outcome.error
    assert 1 == len(server.called)


async def test_an_answer_that_breaks_off_or_is_too_large_is_lost(adapter: McpAdapter, server: OddHttpServer) -> None:
    """Nobody knows what an effect did whose answer was lost; a read may be tried again; nothing grows without bound."""
    server.breaks = True
    assert isinstance(await adapter.invoke(tool(server, "add"), call(a=1)), Unknown)
    server.breaks, server.pads = False, 9 * 1024 * 1024
    large = await adapter.invoke(tool(server, "add"), call(a=1))
    assert isinstance(large, Unknown)
    server.pads = 0
    again = await adapter.invoke(reads(tool(server, "add")), call(a=1))
    assert isinstance(again, Confirmed)


async def test_a_server_that_cannot_be_reached_was_sent_nothing(adapter: McpAdapter) -> None:
    """Before a session, and on one whose server went away."""
    async with odd_http() as server:
        add = tool(server, "add")
        assert isinstance(await adapter.invoke(add, call(a=1)), Confirmed)
    outcomes = [await adapter.invoke(add, call(a=1)) for _ in range(2)]
    assert [(Failed, True)] * 2 == [(type(one), isinstance(one, Failed) and one.retryable) for one in outcomes]
    assert 1 == len(server.called)


async def test_an_address_that_no_entry_names_is_not_reached(adapter: McpAdapter, server: OddHttpServer) -> None:
    """An entry that names the place speaks for it: what it does not allow is not sent, though the server is there."""
    contract = tool(server, "add")
    port = int(server.url.split("/")[2].partition(":")[2])
    only_get = [{"scheme": "http", "host": "127.0.0.1", "port": port, "methods": ["GET"], "cidrs": ["127.0.0.0/8"]}]
    outcome = await adapter.invoke(tool(server, "add", egress=only_get), call(a=1))
    assert isinstance(outcome, Failed)
    assert [] == server.called
    assert (server.url.split("/")[2],) == adapter.egress_hosts(contract, {})
