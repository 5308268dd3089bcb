"""Answers that break off or are not answers, from a scripted server: the fault server breaks streams only."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from proctor.contracts.errors import PlannerFailed, PlannerUnavailable
from proctor.contracts.manifest import ModelPlannerSpec
from proctor.contracts.planning import Situation
from proctor.models.access import ModelAccess
from proctor.models.model import ModelPlanner
from tests.unit.models.worlds import FakeTranscript, contract, situation

BODY = b'{"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": ['


class ScriptedServer:
    """Answers every request on a free port with the same raw bytes, then hangs up."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Start to listen; gives the base URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        """Stop to listen."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        self.requests += 1
        writer.write(self.answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


def http(body: bytes, *, length: int | None = None, status: str = "200 OK") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode() + body


@pytest_asyncio.fixture
async def planner() -> AsyncIterator[ModelPlanner]:
    made = ModelPlanner(ModelAccess())
    yield made
    await made.aclose()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    made = ScriptedServer(b"")
    yield made
    await made.stop()


def ask(base_url: str, price: int = 0) -> Situation:
    spec = ModelPlannerSpec(
        model="local:m",
        instructions="Be careful.",
        base_url=base_url,
        price_per_million_input_usd=Decimal(price),
        price_per_million_output_usd=Decimal(price),
    )
    return situation(spec, tools=(contract("ReadLog"),))


BROKEN = {
    "cut off in the body": http(BODY, length=5000),
    "cut off in the head": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "hung up": b"",
    "not JSON": http(b"<html>gateway</html>"),
    "half JSON": http(BODY),
    "JSON of another kind": http(b'{"hello": "world"}'),
    "no choices": http(BODY + b"]}"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_broken_answer_is_retryable_and_never_used(
    planner: ModelPlanner, server: ScriptedServer, answer: bytes
) -> None:
    """Whatever a connection can do to an answer, the plan is tried again later by whoever owns retries."""
    server.answer = answer
    base_url = await server.start()
    with pytest.raises(PlannerUnavailable):
        await planner.propose(ask(base_url), FakeTranscript())
    assert server.requests == 1


async def test_nobody_listening_is_retryable(planner: ModelPlanner, server: ScriptedServer) -> None:
    """A provider that is down is not the agent's failure."""
    base_url = await server.start()
    await server.stop()
    with pytest.raises(PlannerUnavailable):
        await planner.propose(ask(base_url), FakeTranscript())


async def test_redirect_is_not_followed(planner: ModelPlanner, server: ScriptedServer) -> None:
    """A prompt goes to the configured host and to no other."""
    other = ScriptedServer(http(BODY + b"]}"))
    target = await other.start()
    server.answer = http(b"", status=f"307 Temporary Redirect\r\nLocation: {target}/chat/completions")
    base_url = await server.start()
    with pytest.raises(PlannerFailed):
        await planner.propose(ask(base_url), FakeTranscript())
    await other.stop()
    assert other.requests == 0


async def test_provider_that_reports_no_usage_is_charged_the_bound(
    planner: ModelPlanner, server: ScriptedServer
) -> None:
    """Silence about tokens is not a free answer: it would pass every budget."""
    call = {"id": "c1", "type": "function", "function": {"name": "ReadLog", "arguments": "{}"}}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [call]}}
    server.answer = http(BODY + json.dumps(choice).encode() + b"]}")
    now = ask(await server.start(), price=1)
    usage = (await planner.propose(now, FakeTranscript())).usage
    assert usage.output_tokens == 2048
    assert usage.input_tokens > 100
    assert 0 < usage.cost_usd <= planner.estimate_cost_usd(now)
