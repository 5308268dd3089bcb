"""The worker process: connects, registers, works until it is told to stop, drains, and tells its health truthfully."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeVar

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from proctor.connection import connect_temporal
from proctor.contracts.errors import ProctorError, Unavailable
from proctor.settings import Settings
from proctor.telemetry.logs import set_up_logs
from proctor.telemetry.metrics import Metrics
from proctor.telemetry.sdk import SdkMetrics
from proctor.telemetry.tracing import Tracing, set_up_tracing
from workers.embedded.ports import HeldPort
from workers.health import Check, Health, HealthServer
from workers.search_attributes import register_search_attributes

PATIENCE_S = 60.0
"""How long a starting worker waits for Temporal and the store."""
CANCEL_GRACE_S = 15.0
"""How long activities may take to end after the drain cancelled them."""
OBSERVE_EVERY_S = 10.0
WORKFLOWS = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Works(Protocol):
    """A worker of Temporal's, or several as one; as a context manager it polls until the block ends."""

    async def __aenter__(self) -> Self:
        """Begin to poll."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Stop polling, and return when what is under way has ended."""

    @property
    def is_running(self) -> bool:
        """Whether it polls."""

    async def run(self) -> None:
        """Work until told to stop."""

    async def shutdown(self) -> None:
        """Stop polling, and return when what is under way has ended."""


@dataclass(frozen=True)
class WorkerParts:
    """A worker that is ready to run, with what its process must look after."""

    worker: "Works"
    ping_store: Check
    close: Callable[[], Awaitable[None]]
    observe: Check | None = None
    """Refreshes the metrics that are read from the store, such as requests that wait; called every ten seconds."""
    queues: tuple[tuple[str, TaskQueueType.ValueType], ...] = ()
    """What it polls; empty: the common queue, for workflows and activities."""


class BuildWorker(Protocol):
    """The composition root, as the process needs it."""

    async def __call__(self, settings: Settings, client: Client, metrics: Metrics) -> WorkerParts:
        """Build the worker with `graceful_shutdown_timeout=settings.drain_s`.

        Raises:
            Unavailable: the store does not answer; it is asked again.

        """


def work(settings: Settings, build: BuildWorker) -> int:
    """Run a worker in this process until SIGTERM or SIGINT; gives the exit code, 0 after a drain.

    The caller flushes and ends with `os._exit`: a Python process that used a Temporal client may crash at exit.
    """
    set_up_logs(settings.log_level)
    tracing = set_up_tracing(settings.otlp_endpoint, "worker")
    try:
        return asyncio.run(run_worker(settings, build, tracing=tracing))
    finally:
        tracing.shutdown()


async def run_worker(
    settings: Settings, build: BuildWorker, *, tracing: Tracing | None = None, patience_s: float = PATIENCE_S
) -> int:
    """Run a worker on the current event loop; see `work`.

    Raises:
        Unavailable: Temporal or the store did not answer within `patience_s`, or the health port is occupied.

    """
    with HeldPort() as port:
        return await _run_worker(settings, build, tracing, patience_s, SdkMetrics(port.number))


async def _run_worker(
    settings: Settings, build: BuildWorker, tracing: Tracing | None, patience_s: float, sdk: SdkMetrics
) -> int:
    metrics, health = Metrics(), Health()
    server = HealthServer(
        health, lambda: _render(metrics, health, sdk), host=settings.health_host, port=settings.health_port
    )
    plugins = [tracing.plugin()] if tracing is not None else []

    async def connect() -> Client:
        client = await connect_temporal(settings.endpoints().temporal, plugins=plugins, runtime=sdk.runtime)
        if added := await register_search_attributes(client):
            _log.info("search_attributes_registered", names=added)
        return client

    async def assemble() -> tuple[Client, WorkerParts]:
        client = await patiently(connect, "Temporal", health, patience_s)
        return client, await patiently(lambda: build(settings, client, metrics), "the store", health, patience_s)

    stop = asyncio.Event()
    with server.serving(), _stopping_on_signals(stop):
        _log.info("worker_starting", health=server.url, task_queue=settings.task_queue)
        assembled = await _unless(stop, asyncio.ensure_future(assemble()))
        if assembled is None:
            _log.info("worker_stopped", reason="told to stop while starting")
            return 0
        client, parts = assembled
        try:
            return await _work_until(stop, settings, client, parts, health)
        finally:
            await parts.close()


async def patiently(attempt: Callable[[], Awaitable[_T]], what: str, health: Health, patience_s: float) -> _T:
    """Try until it works, at growing intervals; gives up with the last `Unavailable` after `patience_s` seconds."""
    health.starting(f"{what} does not answer yet")
    deadline, pause_s = time.monotonic() + patience_s, 0.2
    while True:
        try:
            return await attempt()
        except Unavailable as error:
            if time.monotonic() + pause_s > deadline:
                raise
            _log.warning("worker_waits", waiting_for=what, reason=error.message, next_try_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 5.0)


async def _work_until(
    stop: asyncio.Event, settings: Settings, client: Client, parts: WorkerParts, health: Health
) -> int:
    worker = parts.worker
    queue = settings.task_queue
    queues = parts.queues or tuple((queue, kind) for kind in (WORKFLOWS, ACTIVITIES))
    checks = {"Temporal": _pollers_of(client, queues, worker), "Postgres": parts.ping_store}
    running = asyncio.create_task(worker.run(), name="worker")
    watching = asyncio.gather(health.watch(checks), _observing(parts.observe))
    try:
        _log.info("worker_running", task_queue=settings.task_queue, temporal=client.service_client.config.target_host)
        await _first(running, asyncio.create_task(stop.wait()))
        health.drain()
        return await _end(worker, running, settings.drain_s)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _end(worker: Works, running: asyncio.Task[None], drain_s: float) -> int:
    if running.done():
        _log.error("worker_failed", exc_info=running.exception())
        return 1
    _log.info("worker_draining", seconds=drain_s)
    try:
        async with asyncio.timeout(drain_s + CANCEL_GRACE_S):
            await worker.shutdown()
            await running
    except TimeoutError:
        _log.error("worker_drain_timed_out", reason="activities did not end after they were cancelled")
        return 1
    _log.info("worker_stopped", reason="drained")
    return 0


async def _observing(observe: Check | None) -> None:
    while observe is not None:
        try:
            await observe()
        except ProctorError as error:
            _log.debug("metrics_not_refreshed", reason=error.message)
        await asyncio.sleep(OBSERVE_EVERY_S)


def _pollers_of(client: Client, queues: Sequence[tuple[str, TaskQueueType.ValueType]], worker: Works) -> Check:
    """Check that Temporal answers, and that it sees this worker poll each of its queues."""

    async def check() -> None:
        if not worker.is_running:
            raise Unavailable("the worker does not run")
        for task_queue, kind in queues:
            answer = await client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
                )
            )
            if all(poller.identity != client.identity for poller in answer.pollers):
                raise Unavailable(f"Temporal does not see this worker poll {task_queue}")

    return check


def _render(metrics: Metrics, health: Health, sdk: SdkMetrics) -> bytes:
    metrics.loop_lag(health.lag_s())
    metrics.ready(not health.reasons_not_ready())
    return metrics.render() + sdk.render()


@contextlib.contextmanager
def _stopping_on_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():  # Asked a second time: at once. Temporal gives the work to another worker.
            _log.warning("worker_stopped", reason="told twice to stop")
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, int(number))
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _first(*tasks: "asyncio.Task[object]") -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _unless(stop: asyncio.Event, work: "asyncio.Future[_T]") -> _T | None:
    """Wait for `work`; cancel it and give None when the stop comes first."""
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        return None
    finally:
        stopping.cancel()
