"""The run engine on a real Temporal server."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import PauseWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.worker import Worker

from gateway.temporal_engine import TemporalRunEngine
from proctor.connection import connect_temporal
from proctor.contracts.errors import Unavailable
from proctor.contracts.manifest import Autonomy
from proctor.contracts.run import AuditHead, RunRecord, RunStatus
from proctor.contracts.wire import WORKFLOW_TYPE, RequestDecided
from proctor.settings import TemporalEndpoint
from workers.embedded.ports import HeldPort
from workers.embedded.temporal import NAMESPACE, EmbeddedTemporal
from workers.search_attributes import register_search_attributes
from workflows import search_attributes

from .waiting_workflow import BrokenWorkflow, WaitingWorkflow


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with EmbeddedTemporal(tmp_path / "temporal.log") as server:
        connected = await connect_temporal(TemporalEndpoint(server.address, NAMESPACE))
        await register_search_attributes(connected)
        yield connected


@pytest.fixture
async def engine(client: Client) -> AsyncIterator[TemporalRunEngine]:
    async def connect() -> Client:
        return client

    queue = str(uuid.uuid4())
    async with Worker(client, task_queue=queue, workflows=[WaitingWorkflow]):
        yield TemporalRunEngine(connect, address="here", task_queue=queue)


def record(run_id: str) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        tenant="default",
        agent="resolver",
        agent_version="3",
        owner="maria.ops",
        autonomy=Autonomy.SUPERVISED,
        requester="operator",
        goal="mend " * 200,
        input_digest="0" * 64,
        status=RunStatus.ACCEPTED,
        created_at=datetime.now(UTC),
    )


def decided(run_id: str, decision_id: str = "dec-1") -> tuple[RequestDecided, str]:
    return RequestDecided(decision_id=decision_id, request_id="req-000001"), run_id


async def test_starting_twice_or_after_the_end_leaves_one_workflow(client: Client, engine: TemporalRunEngine) -> None:
    """The run's id is the workflow's: a second start changes nothing, open or closed."""
    await engine.start(record("r"))
    first = (await client.get_workflow_handle("r").describe()).run_id
    await engine.start(record("r"))
    assert await engine.wake(*decided("r"))
    await client.get_workflow_handle("r").result()
    await engine.start(record("r"))
    assert (await client.get_workflow_handle("r").describe()).run_id == first


async def test_run_can_be_found_from_its_first_moment(client: Client, engine: TemporalRunEngine) -> None:
    """Search attributes, memo and summary are set at the start and cost no event."""
    await engine.start(record("r"))
    found = await client.get_workflow_handle("r").describe()
    assert found.typed_search_attributes[search_attributes.AGENT] == "resolver"
    assert found.typed_search_attributes[search_attributes.STATUS] == "accepted"
    assert (await found.memo())["agent"] == "resolver"
    assert (await found.static_summary() or "").startswith("resolver: mend")
    await engine.start(record("without-words").model_copy(update={"goal": ""}))
    assert await (await client.get_workflow_handle("without-words").describe()).static_summary() == "resolver"
    await engine.stop("without-words", "test")
    kinds = [event.WhichOneof("attributes") async for event in client.get_workflow_handle("r").fetch_history_events()]
    assert "upsert_workflow_search_attributes_event_attributes" not in kinds
    await engine.stop("r", "test")


async def test_wake_tells_whether_somebody_was_there(client: Client, engine: TemporalRunEngine) -> None:
    """False for a run that has no open workflow: the row is the truth anyway."""
    assert not await engine.wake(*decided("nobody"))
    await engine.start(record("r"))
    assert await engine.wake(*decided("r"))
    await client.get_workflow_handle("r").result()
    assert not await engine.wake(*decided("r"))


async def test_stop_cancels_open_workflows_and_names_the_others(client: Client, engine: TemporalRunEngine) -> None:
    """open, closed and absent are told apart, so that a kill can close what has no workflow."""
    assert await engine.stop("nobody", "x") == "absent"
    await engine.start(record("r"))
    assert await engine.stop("r", "x") == "open"
    with pytest.raises(WorkflowFailureError) as raised:
        await client.get_workflow_handle("r").result()
    assert isinstance(raised.value.cause, CancelledError)
    assert await engine.stop("r", "x") == "closed"


async def test_stop_reaches_a_paused_workflow(client: Client, engine: TemporalRunEngine) -> None:
    """A paused workflow takes no notice of a cancel, so a kill unpauses it."""
    await engine.start(record("r"))
    await client.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(namespace=client.namespace, workflow_id="r", request_id="p", reason="test")
    )
    assert await engine.stop("r", "x") == "open"
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(client.get_workflow_handle("r").result(), 10)


async def test_workflow_whose_task_keeps_failing_is_ended_and_others_are_not(
    client: Client, engine: TemporalRunEngine
) -> None:
    """A cancel never reaches it. One that waits, for a signal or for a worker, is not taken for it."""
    await engine.start(record("healthy"))
    await client.start_workflow(WORKFLOW_TYPE, id="no-worker", task_queue="nobody-listens", arg=1)
    queue = str(uuid.uuid4())
    async with Worker(client, task_queue=queue, workflows=[BrokenWorkflow]):
        handle = await client.start_workflow(BrokenWorkflow.run, id="broken", task_queue=queue)
        assert await engine.stop("broken", "x") == "open"
        async with asyncio.timeout(30):
            while not await engine.end_stuck("broken", "nothing else helps"):  # noqa: ASYNC110 - the server decides
                await asyncio.sleep(0.1)
    assert (await handle.describe()).status is WorkflowExecutionStatus.TERMINATED
    assert not await engine.end_stuck("broken", "again")
    for run_id in ("healthy", "no-worker", "nobody"):
        assert not await engine.end_stuck(run_id, "x")
    assert (await engine.standing("healthy"), await engine.standing("no-worker")) == ("open", "open")
    await engine.stop("healthy", "test")


async def test_heads_are_read_through_continuations(client: Client, engine: TemporalRunEngine) -> None:
    """A run that went on as new keeps all of its witnesses."""
    await engine.start(record("r"))
    handle = client.get_workflow_handle("r")
    first = (await handle.describe()).run_id
    await engine.wake(*decided("r", "again"))
    while (await handle.describe()).run_id == first:  # noqa: ASYNC110 - the server decides when
        await asyncio.sleep(0.05)
    await engine.wake(*decided("r"))
    await handle.result()
    assert await engine.heads("r") == [AuditHead(n=4, hash="cd" * 32)]
    assert await engine.heads("nobody") == []


async def test_absent_server_is_one_clear_error() -> None:
    """It names the address that was tried, within seconds."""
    with HeldPort() as closed:
        address = f"127.0.0.1:{closed.number}"
        engine = TemporalRunEngine(
            lambda: connect_temporal(TemporalEndpoint(address, "default")), address=address, task_queue="q"
        )
        with pytest.raises(Unavailable, match=address):
            await asyncio.wait_for(engine.ping(), 10)


async def test_server_that_dies_is_one_clear_error(tmp_path: Path) -> None:
    """A connection that worked before gives the same error as one that never did."""
    async with EmbeddedTemporal(tmp_path / "temporal.log") as server:
        endpoint = TemporalEndpoint(server.address, NAMESPACE)
        engine = TemporalRunEngine(lambda: connect_temporal(endpoint), address=server.address, task_queue="q")
        await engine.ping()
        await server.kill()
        with pytest.raises(Unavailable, match="does not answer"):
            await asyncio.wait_for(engine.start(record("r")), 30)
        await server.start()
