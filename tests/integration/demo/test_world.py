"""The demo world is real: it breaks, it is mended, and it leaves nothing behind."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.process import ROOT
from demo.tools import get_restart, get_service_health, read_service_logs, restart_service, restore_service
from demo.world import DemoWorld
from proctor.contracts.errors import Unavailable
from proctor.tools.authoring import ToolFailed, ToolResources
from tests.integration.demo.conftest import gifts_of


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in found for one in (int(child), *children_of(int(child)))]


@contextmanager
def world_process(state: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a world in a process of its own, ended by kill -9."""
    command = [sys.executable, "-m", "demo.world", "--state", str(state)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


async def gone(pids: list[int], within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def actions(world: DemoWorld) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        listed: list[dict[str, Any]] = (await client.get(f"{world.supervisor_url}/actions")).json()["actions"]
        return listed


async def until_begun(state: Path) -> None:
    """Wait until the supervisor has begun an action; asked about it, it would answer after the action only."""
    async with asyncio.timeout(20):
        while True:
            with closing(sqlite3.connect(state / "supervisor.db")) as connection:
                if connection.execute("SELECT count(*) FROM actions").fetchone() != (0,):
                    return
            await asyncio.sleep(0.02)


async def test_poisoned_orders_wedge_the_service_and_a_restart_heals_it(world: DemoWorld, given: ToolResources) -> None:
    """The fault is real: the process lives, accepts, answers nothing, says why in its log, and only a kill helps."""
    before = await get_service_health("checkout", given)
    await world.wedge()
    wedged = await get_service_health("checkout", given)
    assert (before["status"], wedged["status"], wedged["pid"]) == ("healthy", "wedged", before["pid"])
    logs = await read_service_logs("checkout", given)
    assert "pool_exhausted" in logs["findings"]
    assert logs["errors"] > 0
    restart = await restart_service("checkout", "stable", "it is wedged", given, "run/0/0")
    assert (restart["state"], restart["previous_release"]) == ("running", "stable")
    assert not is_alive(wedged["pid"] or 0)
    after = await get_service_health("checkout", given, wait_healthy_s=3)
    assert (after["status"], after["pid"]) == ("healthy", restart["pid"])
    async with httpx.AsyncClient(trust_env=False) as client:
        order = await client.post(f"{world.service_url}/orders", json={"item": "tea"})
        assert order.status_code == 201


async def test_release_next_crashes_at_start_and_a_restore_brings_stable_back(given: ToolResources) -> None:
    """The compensation has something to take back, and takes it back."""
    restart = await restart_service("checkout", "next", "roll forward", given, "run/0/0")
    assert (restart["state"], restart["pid"]) == ("crashed", None)
    assert (await get_service_health("checkout", given))["status"] == "down"
    assert "configuration_error" in (await read_service_logs("checkout", given))["findings"]
    restored = await restore_service("checkout", restart["restart_id"], given, "run/0/0/undo")
    assert (restored["release"], restored["state"]) == ("stable", "running")
    health = await get_service_health("checkout", given)
    assert (health["status"], health["release"]) == ("healthy", "stable")


async def test_repeated_key_gives_the_first_answer_and_restarts_once(world: DemoWorld, given: ToolResources) -> None:
    """Rule 1 at the far end: also when the same key comes several times at once."""
    calls = (restart_service("checkout", "stable", "why", given, "run/0/0") for _ in range(4))
    answers = await asyncio.gather(*calls)
    assert [answers[0]] * 4 == list(answers)
    assert [action["carried_out"] for action in await actions(world)] == [1]
    with pytest.raises(ToolFailed, match="another action"):
        await restart_service("checkout", "next", "why", given, "run/0/0")


async def test_read_back_tells_what_happened(given: ToolResources) -> None:
    """The probe gives what the restart gave, so that it can still be compensated; and no for a key never seen."""
    assert await get_restart("run/0/0", given) == {"happened": False}
    restart = await restart_service("checkout", "stable", "why", given, "run/0/0")
    assert await get_restart("run/0/0", given) == {"happened": True, **restart}


async def test_read_back_waits_for_a_restart_under_way(world: DemoWorld, given: ToolResources, tmp_path: Path) -> None:
    """A call that was cancelled goes on at the supervisor; the probe must not say that it did not happen."""
    await world.wedge()
    running = asyncio.create_task(restart_service("checkout", "stable", "why", given, "run/0/0"))
    await until_begun(tmp_path / "world")
    running.cancel()
    standing = await get_restart("run/0/0", given)
    assert (standing["happened"], standing.get("state")) == (True, "running")


async def test_supervisor_keeps_its_record_over_a_crash(tmp_path: Path) -> None:
    """The record is durable: after kill -9 the same key still gives the first answer, and the release is kept."""
    async with DemoWorld(tmp_path / "world") as world:
        first_gifts = gifts_of(world)
        first = await restart_service("checkout", "stable", "why", first_gifts, "run/0/0")
        await first_gifts.aclose()
        os.kill(world.pids()["demo.supervisor"], signal.SIGKILL)
    async with DemoWorld(tmp_path / "world") as world:
        gifts = gifts_of(world)
        assert await restart_service("checkout", "stable", "why", gifts, "run/0/0") == first
        assert [action["carried_out"] for action in await actions(world)] == [1]
        await gifts.aclose()


@pytest.mark.parametrize(
    ("service", "release"), [("billing", "stable"), ("checkout", "none"), ("checkout", "../releases/stable")]
)
async def test_unknown_service_or_release_is_refused_before_anything_is_stopped(
    given: ToolResources, service: str, release: str
) -> None:
    """A mistake must not take the service down."""
    before = await get_service_health("checkout", given)
    with pytest.raises(ToolFailed, match="there is no"):
        await restart_service(service, release, "why", given, "run/0/0")
    assert (await get_service_health("checkout", given))["pid"] == before["pid"]


async def test_stop_leaves_no_process_even_when_the_service_is_wedged(tmp_path: Path) -> None:
    """A wedged service does not drain; it is killed."""
    async with DemoWorld(tmp_path) as world:
        pids = [one for pid in world.pids().values() for one in (pid, *children_of(pid))]
        assert len(pids) == 3
        await world.wedge()
    assert await gone(pids)


async def test_world_that_cannot_start_leaves_no_process(tmp_path: Path) -> None:
    """Half a world is taken down again, and the message says where to look."""
    (tmp_path / "tickets.db").mkdir()
    world, others = DemoWorld(tmp_path), set(children_of(os.getpid()))  # servers that all tests here share
    with pytest.raises(Unavailable) as raised:
        await world.start()
    assert "demo.tickets.err" in raised.value.diagnostics()
    assert world.pids() == {}
    assert set(children_of(os.getpid())) - others == set()


async def test_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    """Kill -9 of whoever started the world ends the service, its supervisor and the ticket desk."""
    with world_process(tmp_path) as parent:
        announced = await asyncio.to_thread(read_line, parent)
        assert "DEMO_TICKETS_URL" in json.loads(announced)
        pids = children_of(parent.pid)
        assert len(pids) == 3
    assert await gone(pids)


async def test_restart_that_was_cut_short_is_finished_once(tmp_path: Path) -> None:
    """A supervisor killed between its record and the new process finishes at its next start, for the same key."""
    async with DemoWorld(tmp_path) as world:
        gifts = gifts_of(world)
        await world.wedge()
        running = asyncio.create_task(restart_service("checkout", "stable", "why", gifts, "run/0/0"))
        await until_begun(tmp_path)
        os.kill(world.pids()["demo.supervisor"], signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await running
        await gifts.aclose()
    async with DemoWorld(tmp_path) as world:
        gifts = gifts_of(world)
        assert (await get_restart("run/0/0", gifts)).get("state") == "running"
        assert [action["carried_out"] for action in await actions(world)] == [1]
        assert (await get_service_health("checkout", gifts))["status"] == "healthy"
        await gifts.aclose()


async def test_frozen_service_is_killed_and_replaced(given: ToolResources) -> None:
    """A process that can react to nothing at all, neither SIGTERM nor a closed pipe, still gives way."""
    frozen = (await get_service_health("checkout", given))["pid"]
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    restart = await restart_service("checkout", "stable", "frozen", given, "run/0/0")
    assert restart["state"] == "running"
    assert not is_alive(frozen)
    assert (await get_service_health("checkout", given, wait_healthy_s=3))["pid"] == restart["pid"]
