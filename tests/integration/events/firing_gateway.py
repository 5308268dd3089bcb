"""A gateway's schedule worker as a process of its own, which stops dead in the middle of its first firing."""

import asyncio
import os
import signal
import sys

from gateway.events.firing import FiringWorker
from proctor.connection import connect_temporal
from proctor.contracts.run import RunRecord
from proctor.settings import TemporalEndpoint
from proctor.store.postgres import PostgresStore
from tests.integration.events.scenes import open_gateway
from tests.unit.gateway.fakes import FakeEngine


class FakeDyingEngine(FakeEngine):
    """Kills its process once the run is in the store, before Temporal hears that the firing was carried out."""

    async def start(self, record: RunRecord) -> None:
        print(record.run_id, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


async def main(dsn: str, address: str, queue: str) -> None:
    store = await PostgresStore.connect(dsn, min_size=1, max_size=2)
    gateway = await open_gateway(store, FakeDyingEngine(), queue=queue)
    await FiringWorker(gateway, lambda: connect_temporal(TemporalEndpoint(address, "default"))).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
