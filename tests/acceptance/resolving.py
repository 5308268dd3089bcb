"""The incident resolver planned by a model: the real stack and demo world, and a scripted provider on a real socket."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply, ToolCall
from llmock.testing import LLMockServer

from demo.knowledge import load_corpus
from demo.world import DemoWorld
from gateway.connections import Gateway, open_gateway
from proctor.contracts.audit import AuditRecord
from proctor.contracts.ids import RunId
from proctor.local import local_order, local_stack
from proctor.store.postgres import PostgresStore
from tests.acceptance.conftest import PROCTOR, ROOT
from workers.dev import DevStack, StackOrder

MODEL = "openai:gpt-5-mini"
AGENT = "incident-resolver"
WEDGED = {
    "alert": "checkout does not answer on /health",
    "service": "checkout",
    "severity": "high",
    "kind": "unresponsive",
    "release": "stable",
}
HEALTH = {"service": "checkout", "wait_healthy_s": 0}
RESTART = {"service": "checkout", "release": "stable", "reason": "pool exhausted; the runbook advises a restart"}
TICKET = {"title": "checkout was restarted", "severity": "high", "description": "pool exhausted"}
DONE = {"outcome": "completed", "report": {"summary": "checkout answers again", "service": "checkout"}}


@dataclass(frozen=True)
class Resolving:
    """Everything that runs, and how to talk to it."""

    stack: DevStack
    gateway: Gateway
    world: DemoWorld
    provider: LLMock

    def script(self, *calls: tuple[str, dict[str, Any]]) -> None:
        """Say what the model answers, call by call; each answer gives its reason."""
        for name, arguments in calls:
            self.provider.add(Reply(text=f"{name} is next.", tool_calls=(ToolCall(name, arguments),)))

    async def call(self, *arguments: str, stdin: Any = None) -> "subprocess.CompletedProcess[str]":
        """Call the command and wait for its end."""
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PROCTOR_HOME": str(self.stack.home),
            "PROCTOR_AGENTS": str(self.stack.settings.agents),
        }
        return await asyncio.to_thread(command, arguments, environ, stdin)

    async def detach(self, key: str, agent: str = AGENT, task: Mapping[str, str] = WEDGED) -> RunId:
        """Start a run that is planned by the model."""
        arguments = ("run", agent, "--input", "-", "--detach", "--model", MODEL, "--idempotency-key", key)
        done = await self.call(*arguments, stdin=task)
        assert done.returncode == 0, done.stderr
        return RunId(done.stdout.strip())

    async def request_of(self, run_id: RunId) -> str:
        """Wait until a run waits for a person; gives the request's id."""
        async with asyncio.timeout(60):
            while not (pending := await self.gateway.store.people.pending(run_id)):  # noqa: ASYNC110 - a row
                await asyncio.sleep(0.1)
        return str(pending[0].id)

    async def end_of(self, run_id: RunId) -> str:
        """Wait for a run's end; gives its status."""
        async with asyncio.timeout(90):
            while not (run := await self.gateway.store.archive.run(run_id)).status.is_end:  # noqa: ASYNC110 - a row
                await asyncio.sleep(0.1)
        return str(run.status)

    async def trail(self, run_id: RunId, kind: str) -> list[AuditRecord]:
        """Give a run's audit records of one kind."""
        return [record async for record in self.gateway.store.archive.follow(run_id, -1) if record.kind == kind]


def command(
    arguments: Sequence[str], environ: Mapping[str, str], stdin: Any = None
) -> "subprocess.CompletedProcess[str]":
    """Call the installed command."""
    return subprocess.run(
        [PROCTOR, *arguments],
        env=environ,
        cwd=ROOT,
        input=None if stdin is None else json.dumps(stdin),
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@contextlib.asynccontextmanager
async def resolving(**changes: Any) -> AsyncIterator[Resolving]:
    """Start provider, world and stack in a short temporary folder; `changes` go into the stack's order."""
    home = Path(tempfile.mkdtemp(prefix="res-"))
    try:
        with LLMockServer() as server:
            provider = LLMock(server)
            keys = {"OPENAI_BASE_URL": provider.base_url("openai"), "OPENAI_API_KEY": "a-key"}
            async with DemoWorld(home / "world") as world:
                given = local_order(environ={**world.environment(), **keys, **changes.pop("environ", {})})
                order = StackOrder(**{**vars(given), **changes})
                async with (
                    local_stack(home / "state", _agents(home / "agents"), order=order) as stack,
                    open_gateway(stack.settings) as gateway,
                ):
                    assert isinstance(gateway.store, PostgresStore)
                    await load_corpus(gateway.store.knowledge, ROOT / "agents" / AGENT / "kb")
                    yield Resolving(stack, gateway, world, provider)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def worker_of(module: str) -> Sequence[str]:
    """Give the command of a worker that a test brings along."""
    return (sys.executable, "-m", module)


def _agents(folder: Path) -> Path:
    """Copy the resolver, and beside it one that may spend next to nothing."""
    shutil.copytree(ROOT / "agents" / AGENT, folder / AGENT)
    shutil.copytree(ROOT / "agents" / AGENT, folder / "frugal-resolver")
    manifest = folder / "frugal-resolver" / "manifest.yaml"
    text = manifest.read_text().replace(f"name: {AGENT}", "name: frugal-resolver")
    manifest.write_text(text.replace("max_cost_usd: 0.50", "max_cost_usd: 0.001"))
    for lock in folder.glob("*/agent.lock"):
        lock.unlink()
    return folder
