"""The two sides of every comparison, each with a Temporal server and a worker of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, Self

from temporalio.client import Client

from benchmarks.bare.loop import QUEUE, BareTask, BareWorkflow
from workers.embedded.temporal import EmbeddedTemporal
from workers.embedded.tether import tethered

ROOT = Path(__file__).parents[1]
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
WAITING_EVENTS = 10
"""Of the bare loop: started, a task of three, the plan of three, a task of three."""

Mode = Literal["effect", "read", "wait", "slow", "work"]


@dataclass(frozen=True)
class Order:
    """A run to be measured."""

    run: str
    mode: Mode
    calls: int


class Side(Protocol):
    """One of the systems that are compared."""

    name: str
    moments: Path
    """Where its tools write when they ran."""

    @property
    def client(self) -> Client:
        """A client of its Temporal server."""

    @property
    def pids(self) -> Mapping[str, int]:
        """Its processes by name: worker, server and, where it has one, postgres."""

    async def start(self, order: Order) -> None:
        """Begin a run the way a caller would; returns when it is accepted."""

    async def until_waiting(self, runs: Sequence[str]) -> None:
        """Return when all these runs of mode `wait` have come to where they wait."""

    async def release(self, run: str) -> None:
        """Let a waiting run go on, the way a person would."""

    async def __aenter__(self) -> Self:
        """Start servers and worker."""

    async def __aexit__(self, *_: object) -> None:
        """Stop them."""


async def poll(is_so: Callable[[], Awaitable[bool]], *, pause_s: float = 0.05) -> None:
    """Return once it is so."""
    while not await is_so():  # noqa: ASYNC110 - what is waited for happens in other processes
        await asyncio.sleep(pause_s)


async def finish(side: Side, run: str) -> None:
    """Wait until a run has ended well."""
    await side.client.get_workflow_handle(run).result()


class BareSide:
    """The bare loop."""

    name = "bare"

    def __init__(self, folder: Path, *, temporal: EmbeddedTemporal | None = None) -> None:
        """Keep everything in `folder`; `temporal` replaces the server as the product starts it."""
        self._folder = folder / self.name
        self.moments = self._folder / "moments"
        self._exit = AsyncExitStack()
        self._temporal = temporal or EmbeddedTemporal(
            self._folder / "temporal.log", database=self._folder / "temporal.db"
        )
        self._worker: asyncio.subprocess.Process | None = None
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """A client of its Temporal server."""
        assert self._client is not None
        return self._client

    @property
    def pids(self) -> Mapping[str, int]:
        """Its two processes."""
        assert self._worker is not None
        assert self._temporal.pid is not None
        return {"worker": self._worker.pid, "server": self._temporal.pid}

    async def start(self, order: Order) -> None:
        """Start the workflow."""
        await self.client.start_workflow(
            BareWorkflow.run, BareTask(order.run, order.mode, order.calls), id=order.run, task_queue=QUEUE
        )

    async def until_waiting(self, runs: Sequence[str]) -> None:
        """Tell by the histories."""
        for run in runs:
            await poll(partial(self._has_begun_to_wait, run))

    async def _has_begun_to_wait(self, run: str) -> bool:
        described = await self.client.get_workflow_handle(run).describe()
        return described.history_length >= WAITING_EVENTS

    async def release(self, run: str) -> None:
        """Send the signal."""
        await self.client.get_workflow_handle(run).signal(BareWorkflow.release)

    async def __aenter__(self) -> Self:
        """Start server and worker."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            await self._exit.enter_async_context(self._temporal)
            self._client = await Client.connect(self._temporal.address)
            self._worker = await _spawn_worker(self._temporal.address, self.moments, self._folder / "worker.log")
            self._exit.push_async_callback(stop_process, self._worker)
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop worker and server."""
        await self._exit.aclose()


async def _spawn_worker(address: str, moments: Path, log_path: Path) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "benchmarks.bare.worker", address, str(moments)]
    with log_path.open("ab") as log:
        worker = await asyncio.create_subprocess_exec(
            *tethered(command), stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT, env=plain_environment()
        )
    assert worker.stdout is not None
    async with asyncio.timeout(READY_TIMEOUT_S):
        line = await worker.stdout.readline()
    if line != b"ready\n":
        raise RuntimeError(f"the bare worker did not start; see {log_path}")
    return worker


async def stop_process(process: asyncio.subprocess.Process) -> None:
    """End a child: SIGTERM, and SIGKILL if that is not enough."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def plain_environment() -> dict[str, str]:
    """Give this process's environment without what would point a child elsewhere; modules are found in the project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "PG", "DATABASE_"))}
    return {**kept, "PYTHONPATH": str(ROOT)}
