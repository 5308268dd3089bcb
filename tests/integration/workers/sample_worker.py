"""A worker with one workflow and one activity, run as a process: `python sample_worker.py STORE_FILE`.

Its store is a file: it answers while the file is there.
"""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from proctor.contracts.errors import ProctorError, Unavailable
from proctor.settings import Settings
from proctor.telemetry.metrics import Metrics
from workers.process import WorkerParts, work


@activity.defn
async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


@activity.defn
async def block_the_loop(seconds: float) -> None:
    import time

    time.sleep(seconds)  # noqa: ASYNC251 - the very mistake that health must show


@workflow.defn(sandboxed=False)
class SampleWorkflow:
    @workflow.run
    async def run(self, seconds: float) -> str:
        return await workflow.execute_activity(slow, seconds, start_to_close_timeout=timedelta(seconds=30))


@workflow.defn(sandboxed=False)
class BlockingWorkflow:
    @workflow.run
    async def run(self, seconds: float) -> None:
        await workflow.execute_activity(block_the_loop, seconds, start_to_close_timeout=timedelta(seconds=30))


async def build(settings: Settings, client: Client, metrics: Metrics) -> WorkerParts:
    store = sys.argv[1]

    async def ping() -> None:
        if not os.access(store, os.F_OK):
            raise Unavailable("the store is gone")

    async def close() -> None:
        return None

    async def observe() -> None:
        metrics.requests_pending("approval", 3)

    await ping()
    worker = Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[SampleWorkflow, BlockingWorkflow],
        activities=[slow, block_the_loop],
        graceful_shutdown_timeout=timedelta(seconds=settings.drain_s),
    )
    return WorkerParts(worker, ping, close, observe)


if __name__ == "__main__":
    try:
        code = work(Settings.load(os.environ, Path.cwd()), build)
    except ProctorError as error:
        sys.stderr.write(error.diagnostics() + "\n")
        code = error.exit_code
    sys.stderr.flush()
    os._exit(code)
