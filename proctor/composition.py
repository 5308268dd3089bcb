"""A worker that also looks after runs without a workflow: the one place that knows both workers and gateway."""

import dataclasses

import structlog
from temporalio.client import Client

from gateway.sweeping import Sweeper
from gateway.temporal_engine import TemporalRunEngine
from proctor.contracts.errors import ProctorError
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from proctor.telemetry.metrics import Metrics
from workers import wiring
from workers.process import WorkerParts

_log = structlog.get_logger(__name__)


async def build_worker(settings: Settings, client: Client, metrics: Metrics) -> WorkerParts:
    """Build the worker of one process, which sweeps each time that it refreshes its metrics.

    Raises:
        Unavailable: the store does not answer, or its schema is not the one that this code needs.

    """
    parts = await wiring.build(settings, client, metrics)
    store = await PostgresStore.connect(settings.endpoints().database_url, min_size=0, max_size=2)

    async def connect() -> Client:
        return client

    engine = TemporalRunEngine(connect, address=settings.endpoints().temporal.address, task_queue=settings.task_queue)
    sweeper = Sweeper(store.admissions, store.archive, store.journal, engine)

    async def observe() -> None:
        if parts.observe is not None:
            await parts.observe()
        try:
            if changed := await sweeper.sweep():
                _log.warning("runs_without_workflow_found", runs=changed)
        except ProctorError as error:
            _log.warning("sweep_failed", reason=error.message)

    async def close() -> None:
        await store.close()
        await parts.close()

    return dataclasses.replace(parts, observe=observe, close=close)
