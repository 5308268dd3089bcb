"""The stack on one machine: embedded Postgres, embedded Temporal and workers; what `proctor dev` runs."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import structlog

import proctor
from proctor.contracts.errors import Unavailable
from proctor.devstate import Process, RunningStack, remove_stack, write_stack
from proctor.settings import Endpoints, Settings, TemporalEndpoint
from workers.child import WorkerChild, WorkerOrder, inherited_environment
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.temporal import NAMESPACE, EmbeddedTemporal, TemporalPorts
from workers.process import CANCEL_GRACE_S
from workers.state_folder import owning

DEFAULT_PORTS = TemporalPorts(grpc=7233, ui=8233)
DRAIN_S = 5.0
WATCH_S = 0.5

PrepareStore = Callable[[str, Path], Awaitable[str]]
"""Given the owner's DSN and the state folder: migrates, enrols local principals, gives the DSN of the workers."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class StackOrder:
    """What a stack is made of. Free ports and one worker, unless said otherwise."""

    prepare: PrepareStore
    ports: TemporalPorts = field(default_factory=TemporalPorts)
    workers: int = 1
    worker_command: Sequence[str] = (sys.executable, "-m", "proctor.command", "worker")
    environ: Mapping[str, str] = field(default_factory=dict)
    """More environment for the workers."""
    restart_workers: bool = True


class DevStack:
    """The running stack, as an async context manager; leaving it stops everything in order, nothing is left behind."""

    def __init__(self, settings: Settings, order: StackOrder) -> None:
        """Describe a stack on the state folder `settings.home`."""
        self._given, self._order, self.home = settings, order, settings.home
        self._exit = contextlib.AsyncExitStack()
        self._postgres = EmbeddedPostgres()
        self._temporal = EmbeddedTemporal(
            self.home / "logs" / "temporal.log", database=self.home / "temporal.db", ports=order.ports
        )
        self._database_url = ""
        self._restarting = False
        self.workers: list[WorkerChild] = []

    @property
    def settings(self) -> Settings:
        """Settings that point at this stack."""
        return replace(self._given, configured=self.endpoints)

    @property
    def endpoints(self) -> Endpoints:
        """Where the parts are."""
        temporal = TemporalEndpoint(self._temporal.address, NAMESPACE, self._temporal.ui_url)
        return Endpoints(temporal, self._database_url, source="dev")

    @property
    def temporal_pid(self) -> int | None:
        """Process id of Temporal."""
        return self._temporal.pid

    @property
    def postgres_pid(self) -> int | None:
        """Process id of Postgres."""
        return self._postgres.process_id

    async def __aenter__(self) -> Self:
        """Start everything and return when the workers are ready.

        Raises:
            Unavailable: a part does not start; what was started is stopped again.

        """
        try:
            self._exit.enter_context(owning(self.home))
            await self._start()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the workers, then Temporal, then Postgres."""
        await self._exit.aclose()

    async def _start(self) -> None:
        self._exit.push_async_callback(asyncio.to_thread, self._postgres.stop)
        self._exit.push_async_callback(self._temporal.stop)
        async with _all_or_first_error() as tasks:
            tasks.create_task(self._start_postgres())
            tasks.create_task(self._temporal.start())
        self._exit.push_async_callback(self._stop_workers)
        for _ in range(self._order.workers):
            await self.add_worker(wait=False)
        await asyncio.gather(*(self._take_into_service(worker) for worker in self.workers))
        self._exit.callback(remove_stack, self.home)
        self._announce()

    async def _start_postgres(self) -> None:
        owner_url = await _to_its_end(self._postgres.start, self.home / "postgres")
        self._database_url = await self._order.prepare(owner_url, self.home)

    async def add_worker(self, *, wait: bool = True) -> WorkerChild:
        """Start one more worker; with `wait`, return when it is ready."""
        worker = WorkerChild(self._worker_order(len(self.workers)), self._announce)
        self.workers.append(worker)
        await worker.start()
        if wait:
            await self._take_into_service(worker)
            self._announce()
        return worker

    async def _take_into_service(self, worker: WorkerChild) -> None:
        await worker.until_ready()
        if self._order.restart_workers:
            worker.supervise()

    async def kill_worker(self, index: int = 0) -> int | None:
        """Kill a worker with SIGKILL; gives its pid. It is started again when the stack restarts workers."""
        return await self.workers[index].kill()

    async def restart_worker(self, index: int = 0) -> None:
        """Kill a worker with SIGKILL and wait until it is back."""
        worker = self.workers[index]
        await worker.kill()
        if not self._order.restart_workers:
            await worker.start()
            self._announce()
        await worker.until_restarted()

    async def restart_temporal(self) -> None:
        """Kill Temporal with SIGKILL and start it on the same ports and state."""
        with self._expecting_an_end():
            await self._temporal.kill()
            await self._temporal.start()
            self._announce()

    async def restart_postgres(self) -> None:
        """Kill Postgres with SIGKILL and start it on the same state."""
        with self._expecting_an_end():
            await asyncio.to_thread(self._postgres.kill)
            await asyncio.to_thread(self._postgres.start, self.home / "postgres")

    def problem(self) -> str | None:
        """Say why the stack cannot go on; None while it can."""
        if self._restarting:
            return None
        if self._temporal.pid is None:
            return f"Temporal ended; see {self.home / 'logs' / 'temporal.log'}"
        if (pid := self._postgres.process_id) is None or not Process.of(pid).started:
            return f"Postgres ended; see {self.home / 'postgres' / 'log'}"
        return next((worker.gave_up for worker in self.workers if worker.gave_up), None)

    def _announce(self) -> None:
        pids = [self._temporal.pid, *(worker.pid for worker in self.workers)]
        stack = RunningStack(
            owner=Process.of(os.getpid()),
            temporal_address=self._temporal.address,
            temporal_namespace=NAMESPACE,
            temporal_ui_url=self._temporal.ui_url,
            database_url=self._database_url,
            children=tuple(Process.of(pid) for pid in pids if pid is not None),
            health_urls=tuple(worker.health_url for worker in self.workers),
        )
        write_stack(self.home, stack)

    async def _stop_workers(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self.workers))

    @contextlib.contextmanager
    def _expecting_an_end(self) -> Iterator[None]:
        self._restarting = True
        try:
            yield
        finally:
            self._restarting = False

    def _worker_order(self, index: int) -> WorkerOrder:
        source = str(Path(proctor.__file__).parents[1])
        given = self._order.environ
        drain_s = float(given.get("PROCTOR_DRAIN_S", DRAIN_S))
        environ = {
            **inherited_environment(),
            "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", "")))),
            "PROCTOR_HOME": str(self.home.resolve()),
            "PROCTOR_AGENTS": str(self._given.agents.resolve()),
            "PROCTOR_TASK_QUEUE": self._given.task_queue,
            "PROCTOR_DRAIN_S": str(drain_s),
            "PROCTOR_ENVIRONMENT": self._given.declared_environment or "development",
            "TEMPORAL_ADDRESS": self._temporal.address,
            "DATABASE_URL": self._database_url,
            **given,
        }
        log_path = self.home / "logs" / f"worker-{index}.log"
        return WorkerOrder(self._order.worker_command, environ, self._given.root, log_path, drain_s + CANCEL_GRACE_S)


async def _to_its_end(start: Callable[[Path], str], folder: Path) -> str:
    """Run a blocking start; when cancelled, wait for it all the same: a thread goes on, and would leave a server."""
    starting = asyncio.ensure_future(asyncio.to_thread(start, folder))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait((starting,))
        raise


@contextlib.asynccontextmanager
async def _all_or_first_error() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a task group that raises the first error itself, not a group of them."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group


async def run_dev(settings: Settings, order: StackOrder) -> int:
    """Run the stack in the foreground until SIGINT or SIGTERM; gives the exit code.

    Raises:
        Unavailable: a part does not start, or cannot go on.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stack = DevStack(settings, order)
    starting = asyncio.ensure_future(stack.__aenter__())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
            await stack.__aexit__()
        return 0
    await starting
    try:
        _say(_addresses(stack))
        await _watch(stack, stop)
    finally:
        _say("stopping\n")
        await stack.__aexit__()
    return 0


async def _watch(stack: DevStack, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if problem := stack.problem():
            raise Unavailable(problem, hint="everything else was stopped; start `proctor dev` again")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH_S)


def _addresses(stack: DevStack) -> str:
    lines = [
        ("Temporal", stack.endpoints.temporal.address),
        ("Temporal UI", stack.endpoints.temporal.ui_url or ""),
        ("Postgres", stack.endpoints.database_url),
        *(("Worker", f"{worker.health_url}/readyz  log {worker.log_path}") for worker in stack.workers),
        ("State", str(stack.home)),
    ]
    return "".join(f"{name:<12} {value}\n" for name, value in lines) + "ready; Ctrl-C stops everything\n"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
