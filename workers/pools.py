"""Workers of one process, one for each queue that it polls: a pool that hangs takes no slot of another (R6)."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from proctor.contracts.errors import ProctorError
from proctor.documents.catalog import FileAgentCatalog
from proctor.pools import Poll, polls
from proctor.settings import Settings
from workers.logbook import ActivityLog
from workers.process import ACTIVITIES, WORKFLOWS

CACHED_WORKFLOWS: Final = 2500
"""Runs that wait stay cached: a cache smaller than the open runs replays at each step (measured: 5 times the CPU)."""
HEARTBEAT_THROTTLE: Final = timedelta(milliseconds=200)
"""A cancel reaches a running tool on a heartbeat, so heartbeats must not be held back."""

_log = structlog.get_logger(__name__)


class WorkerGroup:
    """Several workers that run and end together; one that fails ends them all."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        """Take the workers."""
        self.workers, self._exit = tuple(workers), contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Poll until the block ends."""
        for worker in self.workers:
            await self._exit.enter_async_context(worker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop polling, and return when what is under way has ended."""
        await self._exit.__aexit__(kind, error, trace)

    @property
    def is_running(self) -> bool:
        """Whether all of them poll."""
        return all(worker.is_running for worker in self.workers)

    async def run(self) -> None:
        """Work until told to stop. Raises what the first one raised that failed."""
        running = [asyncio.create_task(worker.run()) for worker in self.workers]
        try:
            await asyncio.gather(*running)
        except BaseException:
            await asyncio.gather(*(worker.shutdown() for worker in self.workers if worker.is_running))
            raise

    async def shutdown(self) -> None:
        """Stop polling, and return when what is under way has ended."""
        await asyncio.gather(*(worker.shutdown() for worker in self.workers))


def chosen_polls(settings: Settings) -> list[Poll]:
    """Give the queues that a worker with these settings polls."""
    return polls(settings.pools, named_pools(settings), settings.task_queue)


def named_pools(settings: Settings) -> list[str]:
    """List the pools that tools of the project's agents name; an agent whose files are wrong names none."""
    catalog = FileAgentCatalog(settings.agents, _underived)
    found: set[str] = set()
    for name in catalog.names():
        try:
            found |= {tool.pool for tool in catalog.load(name).tools if tool.pool}
        except ProctorError as error:
            _log.warning("pools_not_read", agent=name, reason=error.message)
    return sorted(found)


def _underived(function: str, *, is_read: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spare the worker the import of every tool: a pool is told without its schemas."""
    del function, is_read
    return {"type": "object"}, {}


def build_workers(
    client: Client,
    settings: Settings,
    *,
    workflows: Sequence[type],
    activities: Sequence[Callable[..., Any]],
    of_pools: Sequence[Callable[..., Any]],
) -> tuple[WorkerGroup, tuple[tuple[str, TaskQueueType.ValueType], ...]]:
    """Build a worker for each queue of the settings, and name the queues; pools carry out `of_pools` alone."""
    built, queues = [], []
    for poll in chosen_polls(settings):
        is_common = not poll.pool
        worker = Worker(
            client,
            task_queue=poll.queue,
            workflows=workflows if is_common else (),
            activities=activities if is_common else of_pools,
            interceptors=[ActivityLog()],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=CACHED_WORKFLOWS if is_common else 0,
            max_concurrent_activities=poll.slots,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
            default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
            graceful_shutdown_timeout=timedelta(seconds=settings.drain_s),
        )
        built.append(worker)
        queues += [(poll.queue, kind) for kind in ((WORKFLOWS, ACTIVITIES) if is_common else (ACTIVITIES,))]
    return WorkerGroup(built), tuple(queues)
