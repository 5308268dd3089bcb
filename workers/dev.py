"""The stack on one machine: embedded Postgres, embedded Temporal and workers; what `proctor dev` runs."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import structlog

import proctor
from proctor.devstate import Process, RunningStack, remove_stack, write_stack
from proctor.settings import Endpoints, Settings, TemporalEndpoint
from workers.child import WorkerChild, WorkerOrder, inherited_environment
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.temporal import NAMESPACE, EmbeddedTemporal, TemporalPorts
from workers.process import CANCEL_GRACE_S
from workers.state_folder import owning

DEFAULT_PORTS = TemporalPorts(grpc=7233, ui=8233)
DRAIN_S = 5.0
GATEWAY_GRACE_S = 5.0

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
    gateway_port: int | None = None
    """Port of a REST gateway; 0 takes a free one, None: no gateway."""
    gateway_command: Sequence[str] = (sys.executable, "-m", "proctor.command", "gateway")


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
        self.gateway: WorkerChild | None = None

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
        if self._order.gateway_port is not None:
            self.gateway = WorkerChild(self._gateway_order(self._order.gateway_port), self._announce)
            await self.gateway.start()
        await asyncio.gather(*(self._take_into_service(child) for child in self._children))
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

    @property
    def _children(self) -> list[WorkerChild]:
        return [*self.workers, *([self.gateway] if self.gateway is not None else [])]

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
        return next((child.gave_up for child in self._children if child.gave_up), None)

    def _announce(self) -> None:
        pids = [self._temporal.pid, *(child.pid for child in self._children)]
        stack = RunningStack(
            owner=Process.of(os.getpid()),
            temporal_address=self._temporal.address,
            temporal_namespace=NAMESPACE,
            temporal_ui_url=self._temporal.ui_url,
            database_url=self._database_url,
            children=tuple(Process.of(pid) for pid in pids if pid is not None),
            health_urls=tuple(worker.health_url for worker in self.workers),
            gateway_url="" if self.gateway is None else self.gateway.health_url,
        )
        write_stack(self.home, stack)

    async def _stop_workers(self) -> None:
        await asyncio.gather(*(child.stop() for child in self._children))

    @contextlib.contextmanager
    def _expecting_an_end(self) -> Iterator[None]:
        self._restarting = True
        try:
            yield
        finally:
            self._restarting = False

    def _worker_order(self, index: int) -> WorkerOrder:
        drain_s = self._drain_s
        log_path = self.home / "logs" / f"worker-{index}.log"
        command, environ, root = self._order.worker_command, self._environ(), self._given.root
        return WorkerOrder(command, environ, root, log_path, drain_s + CANCEL_GRACE_S)

    def _gateway_order(self, port: int) -> WorkerOrder:
        return WorkerOrder(
            command=self._order.gateway_command,
            environ=self._environ(),
            cwd=self._given.root,
            log_path=self.home / "logs" / "gateway.log",
            stop_timeout_s=self._drain_s + GATEWAY_GRACE_S,
            name="gateway",
            address_variables=("PROCTOR_GATEWAY_HOST", "PROCTOR_GATEWAY_PORT"),
            port=port,
        )

    @property
    def _drain_s(self) -> float:
        return float(self._order.environ.get("PROCTOR_DRAIN_S", DRAIN_S))

    def _environ(self) -> dict[str, str]:
        source = str(Path(proctor.__file__).parents[1])
        return {
            **inherited_environment(),
            "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", "")))),
            "PROCTOR_HOME": str(self.home.resolve()),
            "PROCTOR_AGENTS": str(self._given.agents.resolve()),
            "PROCTOR_TASK_QUEUE": self._given.task_queue,
            "PROCTOR_DRAIN_S": str(self._drain_s),
            "PROCTOR_ENVIRONMENT": self._given.declared_environment or "development",
            "TEMPORAL_ADDRESS": self._temporal.address,
            "DATABASE_URL": self._database_url,
            **self._order.environ,
        }


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
