import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client

from tests.integration.workers.worker_under_test import WorkerUnderTest
from workers.embedded.temporal import EmbeddedTemporal

StartWorker = Callable[..., WorkerUnderTest]


@pytest.fixture
async def start_worker(temporal: EmbeddedTemporal, tmp_path: Path) -> AsyncIterator[StartWorker]:
    started: list[WorkerUnderTest] = []

    def start(port: int | None = None) -> WorkerUnderTest:
        started.append(WorkerUnderTest(tmp_path, temporal.address, port=port))
        return started[-1]

    yield start
    for worker in started:
        worker.close()


async def test_readiness_follows_temporal_down_and_up_again(
    start_worker: StartWorker, temporal: EmbeddedTemporal
) -> None:
    """Readiness is true only while Temporal answers and sees the worker poll, and comes back by itself."""
    worker = start_worker()
    assert await worker.until_ready() == {"ready": True, "reasons": []}
    await temporal.kill()
    lost = await worker.until_ready(503)
    assert lost["reasons"][0].startswith("Temporal: ")
    assert worker.get("/healthz")[0] == 200
    await temporal.start()
    assert (await worker.until_ready())["ready"]


async def test_readiness_follows_the_store_down_and_up_again(start_worker: StartWorker) -> None:
    """Readiness is true only while the store answers."""
    worker = start_worker()
    await worker.until_ready()
    worker.store.unlink()
    assert (await worker.until_ready(503))["reasons"] == ["Postgres: the store is gone"]
    worker.store.touch()
    assert (await worker.until_ready())["ready"]


async def until_at_work(client: Client, workflow_id: str) -> None:
    """Wait until a worker has taken up the workflow's activity."""
    handle = client.get_workflow_handle(workflow_id)

    async def is_at_work() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(one.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED for one in pending)

    async with asyncio.timeout(25):
        while not await is_at_work():  # noqa: ASYNC110 - another process decides when
            await asyncio.sleep(0.05)


async def test_sigterm_drains_and_a_running_activity_finishes(
    start_worker: StartWorker, temporal: EmbeddedTemporal
) -> None:
    """SIGTERM lets running work end, says 503 meanwhile, and exits 0."""
    worker = start_worker()
    await worker.until_ready()
    client = await Client.connect(temporal.address)
    handle = await client.start_workflow("SampleWorkflow", 6.0, id="drain", task_queue="proctor")
    await until_at_work(client, "drain")
    worker.terminate()
    drained = await worker.until_ready(503)
    assert "draining" in drained["reasons"]
    assert await worker.ended() == 0
    assert {"worker_draining", "worker_stopped"} <= {line["message"] for line in worker.logs()}
    history = await handle.fetch_history()
    completed = [event for event in history.events if event.HasField("activity_task_completed_event_attributes")]
    assert len(completed) == 1


async def test_a_second_signal_ends_the_worker_at_once(start_worker: StartWorker, temporal: EmbeddedTemporal) -> None:
    """A person who asks twice does not wait for the drain."""
    worker = start_worker()
    await worker.until_ready()
    client = await Client.connect(temporal.address)
    await client.start_workflow("SampleWorkflow", 20.0, id="twice", task_queue="proctor")
    await until_at_work(client, "twice")
    worker.terminate()
    await worker.until_ready(503)
    worker.process.send_signal(signal.SIGINT)
    assert await worker.ended() == 128 + signal.SIGINT


async def test_a_busy_event_loop_still_answers_and_says_so(
    start_worker: StartWorker, temporal: EmbeddedTemporal
) -> None:
    """A blocked event loop cannot hide: the endpoints answer from their own thread, and readiness is lost."""
    worker = start_worker()
    await worker.until_ready()
    client = await Client.connect(temporal.address)
    await client.start_workflow("BlockingWorkflow", 8.0, id="blocked", task_queue="proctor")
    blocked = await worker.until_ready(503, within_s=8)
    assert "event loop" in blocked["reasons"][-1]
    assert (await worker.until_ready())["ready"]


async def test_metrics_hold_ours_and_those_of_the_sdk(start_worker: StartWorker) -> None:
    """One endpoint serves our metrics and the Temporal SDK's."""
    worker = start_worker()
    await worker.until_ready()
    status, text = worker.get("/metrics")
    assert status == 200
    assert "proctor_ready 1.0" in text
    assert 'proctor_requests_pending{kind="approval"} 3.0' in text
    assert "temporal_num_pollers" in text


async def test_missing_search_attributes_are_registered_by_the_worker(
    start_worker: StartWorker, temporal: EmbeddedTemporal
) -> None:
    """A namespace that lacks our search attributes has them once the worker is ready."""
    from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest

    from workers.search_attributes import registered, wanted

    client = await Client.connect(temporal.address)
    assert wanted() == await registered(client)
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace="default", search_attributes=list(wanted()))
    )
    assert await registered(client) == {}
    await start_worker().until_ready()
    assert wanted() == await registered(client)


async def test_an_occupied_health_port_is_one_clear_line(start_worker: StartWorker) -> None:
    """The worker ends with the port's name and what to do, before it takes any work."""
    first = start_worker()
    await first.until_ready()
    second = start_worker(port=first.port)
    assert await second.ended() == 1
    last = second.log.read_text().splitlines()[-1]
    assert f"127.0.0.1:{first.port}" in last
    assert "PROCTOR_HEALTH_PORT" in last


async def test_a_worker_that_waits_for_temporal_stops_when_told(tmp_path: Path) -> None:
    """A worker started before its server waits, says so, and obeys SIGTERM meanwhile."""
    worker = WorkerUnderTest(tmp_path, "127.0.0.1:1")
    try:
        waiting = await worker.until_ready(503)
        assert waiting["reasons"][0].startswith("starting")
        worker.terminate()
        assert await worker.ended(within_s=10) == 0
    finally:
        worker.close()
