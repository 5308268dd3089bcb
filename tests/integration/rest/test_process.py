"""`proctor gateway` as a process, with real signals."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from proctor.contracts.human import Role
from proctor.store.postgres import PostgresStore
from tests.integration.rest.site import AGENTS, name_of, token_of
from tests.integration.store.scenes import open_scene

ROOT = Path(__file__).parents[3]


async def test_it_starts_tells_the_truth_and_lets_requests_finish_on_sigterm(dsn: str, store: PostgresStore) -> None:
    """A request that waits is answered, a stream ends, and the exit code is 0."""
    await store.people.enrol(name_of(Role.AUDITOR), frozenset({Role.AUDITOR}), token_of("auditor"))
    await open_scene(store, "open")
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PROCTOR_", "PG", "TEMPORAL_"))},
        "DATABASE_URL": dsn,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "PROCTOR_GATEWAY_PORT": "0",
        "PROCTOR_AGENTS": str(AGENTS),
        "PYTHONPATH": str(ROOT),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proctor.command", "gateway", env=environ, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    try:
        url = await _listening(process)
        headers = {"authorization": f"Bearer {token_of('auditor')}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            ready = await client.get("/readyz")
            assert (503, ["Temporal does not answer"]) == (ready.status_code, ready.json()["reasons"])
            waiting = asyncio.create_task(client.get("/v1/runs/open/records?after=1&wait_s=25"))
            seen = asyncio.Event()
            stream = asyncio.create_task(_follow(client, seen))
            await asyncio.wait_for(seen.wait(), 30)
            await asyncio.sleep(1)
            process.send_signal(signal.SIGTERM)
            assert {"items": [], "has_ended": False} == (await waiting).json()
            await asyncio.wait_for(stream, 30)
        assert 0 == await asyncio.wait_for(process.wait(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _follow(client: httpx.AsyncClient, seen: asyncio.Event) -> None:
    async with client.stream("GET", "/v1/runs/open/events") as answer:
        async for line in answer.aiter_lines():
            if line == "event: run_opened":
                seen.set()


async def _listening(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if line.startswith(b"{") and (found := json.loads(line)).get("message") == "gateway_listening":
            return str(found["url"])
    pytest.fail("it ended while starting")
