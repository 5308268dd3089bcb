from dataclasses import dataclass
from typing import cast

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from proctor.contracts.errors import Unavailable
from tests.integration.temporal.test_embedded_temporal import WaitingWorkflow
from workers.embedded.temporal import EmbeddedTemporal
from workers.process import WORKFLOWS, _pollers_of


@dataclass
class FakeWorker:
    """A worker that believes in itself."""

    is_running: bool = True


async def test_a_worker_that_temporal_does_not_see_poll_is_not_well(temporal: EmbeddedTemporal) -> None:
    """Another worker on the queue, or a belief of one's own, is not enough."""
    ours = await Client.connect(temporal.address, identity="ours")
    other = await Client.connect(temporal.address, identity="other")
    async with Worker(other, task_queue="q", workflows=[WaitingWorkflow]):
        with pytest.raises(Unavailable, match="does not see this worker poll q"):
            await _pollers_of(ours, [("q", WORKFLOWS)], cast("Worker", FakeWorker()))()
