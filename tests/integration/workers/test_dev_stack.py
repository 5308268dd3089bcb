import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.client import Client

from proctor.contracts.errors import Unavailable
from proctor.devstate import Process, read_stack, running_stack, write_stack
from proctor.settings import Settings
from tests.integration.workers.worker_under_test import ROOT, SAMPLE
from workers.child import MAX_RESTARTS
from workers.dev import DevStack, StackOrder
from workers.embedded.temporal import TemporalPorts


async def prepare(owner_url: str, home: Path) -> str:
    return owner_url


def settings_for(folder: Path) -> Settings:
    return Settings.load({"PROCTOR_HOME": str(folder / "state")}, folder)


def order_for(folder: Path, workers: int = 1) -> StackOrder:
    store = folder / "store"
    store.touch()
    return StackOrder(prepare=prepare, workers=workers, worker_command=(sys.executable, str(SAMPLE), str(store)))


def children_of(stack: DevStack) -> list[Process]:
    pids = [stack.temporal_pid, stack.postgres_pid, *(worker.pid for worker in stack.workers)]
    return [Process.of(pid) for pid in pids if pid is not None]


async def run_sample(stack: DevStack, run_id: str) -> str:
    client = await Client.connect(stack.endpoints.temporal.address)
    result: str = await client.execute_workflow("SampleWorkflow", 0.1, id=run_id, task_queue="proctor")
    return result


async def test_a_stack_works_is_found_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """While it runs others find it by its state folder; after it nothing runs and nothing points to it."""
    settings = settings_for(tmp_path)
    async with DevStack(settings, order_for(tmp_path)) as stack:
        assert await run_sample(stack, "first") == "done"
        assert stack.endpoints == replace(settings.endpoints(), source="dev")
        children = children_of(stack)
        assert len(children) == 3
        assert all(child.is_alive for child in children)
    assert not any(child.is_alive for child in children)
    assert None is read_stack(settings.home)
    with pytest.raises(Unavailable, match="nothing to connect to"):
        settings.endpoints()


async def test_state_is_kept_and_parts_come_back_after_being_killed(tmp_path: Path) -> None:
    """Runs survive a restart of the stack and SIGKILL of worker, Temporal and Postgres."""
    settings = settings_for(tmp_path)
    async with DevStack(settings, order_for(tmp_path)) as stack:
        assert await run_sample(stack, "kept") == "done"
    async with DevStack(settings, order_for(tmp_path)) as stack:
        killed = stack.workers[0].pid
        await stack.restart_worker()
        assert killed != stack.workers[0].pid
        found = running_stack(settings.home)
        assert found is not None
        assert Process.of(stack.workers[0].pid or 0) in found.children
        await stack.restart_temporal()
        before = stack.postgres_pid
        await stack.restart_postgres()
        assert before != stack.postgres_pid
        client = await Client.connect(stack.endpoints.temporal.address)
        assert await client.get_workflow_handle("kept").result() == "done"
        assert await run_sample(stack, "after") == "done"
        assert None is stack.problem()


async def test_two_stacks_cannot_share_a_state_folder(tmp_path: Path) -> None:
    """The second one says who has it, and the first one goes on."""
    settings = settings_for(tmp_path)
    async with DevStack(settings, order_for(tmp_path, workers=0)) as stack:
        with pytest.raises(Unavailable, match=f"already runs on .* \\(pid {os.getpid()}\\)"):
            async with DevStack(settings, order_for(tmp_path, workers=0)):
                pass
        assert None is stack.problem()
        assert None is not running_stack(settings.home)


async def test_an_occupied_port_is_named_and_what_was_started_is_stopped(tmp_path: Path) -> None:
    """A start that cannot succeed leaves neither processes nor a file, and the next start works."""
    settings = settings_for(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack = DevStack(settings, replace(order_for(tmp_path, workers=0), ports=TemporalPorts(grpc=port)))
        with pytest.raises(Unavailable, match=f"port {port} for Temporal is occupied"):
            await stack.__aenter__()
    assert [child for child in children_of(stack) if child.is_alive] == []
    async with DevStack(settings, order_for(tmp_path, workers=0)):
        pass


async def test_a_worker_that_cannot_start_is_given_up_and_named(tmp_path: Path) -> None:
    """A worker that dies at its start makes the stack's start fail with the worker's last words."""
    order = replace(order_for(tmp_path), worker_command=(sys.executable, "-c", "raise SystemExit('no such agent')"))
    with pytest.raises(Unavailable, match="ended while starting: no such agent"):
        async with DevStack(settings_for(tmp_path), order):
            pass


OWNER = """
import asyncio, os, sys
from pathlib import Path
from tests.integration.workers.test_dev_stack import order_for, settings_for
from workers.child import MAX_RESTARTS
from workers.foreground import run_dev
folder = Path(sys.argv[1])
code = asyncio.run(run_dev(settings_for(folder), order_for(folder)))
sys.stdout.flush()
os._exit(code)
"""


def spawn_owner(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "owner.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder)],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


async def start_owner(folder: Path) -> subprocess.Popen[bytes]:
    settings, process = settings_for(folder), spawn_owner(folder)
    deadline = time.monotonic() + 40
    while (stack := running_stack(settings.home)) is None or stack.owner.pid != process.pid:
        assert None is process.poll(), (folder / "owner.log").read_text()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return process


async def test_after_kill_9_of_the_owner_the_next_start_takes_over(tmp_path: Path) -> None:
    """The children die with their owner, the file that is left counts for nothing, and a new start succeeds."""
    settings = settings_for(tmp_path)
    owner = await start_owner(tmp_path)
    stack = read_stack(settings.home)
    assert stack is not None
    owner.kill()
    owner.wait()
    with pytest.raises(Unavailable, match="nothing to connect to"):
        settings.endpoints()
    deadline = time.monotonic() + 20
    while any(child.is_alive for child in stack.children):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    async with DevStack(settings, order_for(tmp_path)) as again:
        assert await run_sample(again, "taken-over") == "done"


async def test_sigint_and_sigterm_stop_the_foreground_stack_in_order(tmp_path: Path) -> None:
    """`proctor dev` ends with 0 on Ctrl-C and on SIGTERM, and leaves nothing running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        owner = await start_owner(tmp_path)
        stack = read_stack(settings_for(tmp_path).home)
        assert stack is not None
        owner.send_signal(number)
        assert await asyncio.to_thread(owner.wait, 40) == 0
        assert not any(child.is_alive for child in stack.children)
        assert None is read_stack(settings_for(tmp_path).home)
        told = (tmp_path / "owner.log").read_text()
        assert (
            -1 < told.find(f"starting on {settings_for(tmp_path).home}\n") < told.find("ready;") < told.find("stopping")
        )


def processes_of(folder: Path) -> list[str]:
    """List the processes that name the folder in their command line, except pytest itself."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (command := entry.read_bytes()) and entry.parent.name != str(os.getpid()):
                found.append(command.decode())
    return found


async def test_a_start_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM at any moment of the start ends every part that had begun, and the next start works."""
    for delay_s in (0.8, 1.2, 1.6, 2.0, 2.6):
        folder = tmp_path / str(delay_s)
        folder.mkdir()
        owner = spawn_owner(folder)
        await asyncio.sleep(delay_s)
        owner.terminate()
        assert await asyncio.to_thread(owner.wait, 40) in {0, -signal.SIGTERM}
        assert processes_of(folder) == []
        assert read_stack(settings_for(folder).home) is None
    async with DevStack(settings_for(folder), order_for(folder)) as stack:
        assert await run_sample(stack, "after-interruption") == "done"


async def test_a_start_cancelled_while_postgres_begins_leaves_no_postgres(tmp_path: Path) -> None:
    """The start of Postgres cannot be cut off, so it is waited for and undone."""
    settings = settings_for(tmp_path)
    starting = asyncio.create_task(DevStack(settings, order_for(tmp_path)).__aenter__())
    while not (settings.home / "postgres").exists():  # noqa: ASYNC110 - nothing tells us
        await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    for _ in range(8):
        assert processes_of(tmp_path) == []
        await asyncio.sleep(0.5)


async def problem_of(stack: DevStack) -> str:
    """Wait until the stack sees a problem."""
    async with asyncio.timeout(20):
        while (problem := stack.problem()) is None:  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.05)
    return problem


async def test_a_worker_that_keeps_dying_is_given_up(tmp_path: Path) -> None:
    """Restarts are bounded: then the stack says which worker and stops."""
    async with DevStack(settings_for(tmp_path), order_for(tmp_path)) as stack:
        worker = stack.workers[0]
        for _ in range(MAX_RESTARTS):
            worker._restarts.append(time.monotonic())
        await stack.kill_worker()
        assert "the worker died 6 times" in await problem_of(stack)
        with pytest.raises(Unavailable, match="the worker died 6 times"):
            await worker.until_restarted(5)


async def test_a_dead_temporal_is_a_problem_of_the_stack(tmp_path: Path) -> None:
    """`proctor dev` does not go on pretending when a part of it is gone."""
    async with DevStack(settings_for(tmp_path), order_for(tmp_path, workers=0)) as stack:
        assert stack.problem() is None
        os.kill(stack.temporal_pid or 0, signal.SIGKILL)
        assert (await problem_of(stack)).startswith("Temporal ended")
    async with DevStack(settings_for(tmp_path), order_for(tmp_path, workers=0)) as stack:
        os.kill(stack.postgres_pid or 0, signal.SIGKILL)
        assert (await problem_of(stack)).startswith("Postgres ended")


def spawn_sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


async def test_leftover_processes_of_a_crashed_owner_are_ended(tmp_path: Path) -> None:
    """A process that a dead owner's file names is ended by the next owner; a reused pid is not touched."""
    settings = settings_for(tmp_path)
    settings.home.mkdir(parents=True)
    leftover, stranger = spawn_sleeper(), spawn_sleeper()
    try:
        async with DevStack(settings, order_for(tmp_path, workers=0)):
            stack = read_stack(settings.home)
            assert stack is not None
        reused = Process(stranger.pid, Process.of(stranger.pid).started - 1)
        write_stack(
            settings.home,
            replace(stack, owner=Process(stack.owner.pid, 1), children=(Process.of(leftover.pid), reused)),
        )
        async with DevStack(settings, order_for(tmp_path, workers=0)):
            assert leftover.wait(5) == -signal.SIGTERM
            assert None is stranger.poll()
    finally:
        for process in (leftover, stranger):
            process.kill()
            process.wait()
