"""The bare loop's worker process: `python -m benchmarks.bare.worker ADDRESS MOMENTS_FILE`."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.bare.loop import QUEUE, BareActivities, BareWorkflow
from benchmarks.moments import MomentLog

CACHED_WORKFLOWS = 2500
"""As many as the product's worker keeps, so that both hold the waiting runs in memory."""


async def _main(address: str, moments: Path) -> None:
    client = await Client.connect(address)
    activities = BareActivities(MomentLog(moments))
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareWorkflow],
        activities=[activities.plan, activities.call, activities.work_slowly],
        max_cached_workflows=CACHED_WORKFLOWS,
        max_heartbeat_throttle_interval=timedelta(milliseconds=200),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with worker:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
    sys.stdout.flush()
    os._exit(0)  # A Python process that used a Temporal client may crash at exit (sdk-python#300).
