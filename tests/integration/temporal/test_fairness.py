"""One tenant's flood does not delay another's runs: shares of a backlog, as the product's server gives them (R6)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from gateway.temporal_engine import TemporalRunEngine
from proctor.connection import connect_temporal
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RunId, TenantId
from proctor.contracts.manifest import Autonomy
from proctor.contracts.run import RunRecord, RunStart, RunStatus
from proctor.contracts.wire import WORKFLOW_TYPE
from proctor.settings import TemporalEndpoint
from workers.embedded.temporal import NAMESPACE, EmbeddedTemporal

FLOOD, FEW = 60, 3
ORDER: list[str] = []


@activity.defn
async def note(run_id: str) -> None:
    """Note whose turn it was."""
    ORDER.append(run_id.partition("~")[0])


@workflow.defn(name=WORKFLOW_TYPE)
class NotingWorkflow:
    """Stands in for a run of one effect."""

    @workflow.run
    async def run(self, start: RunStart) -> None:
        """Make one call."""
        await workflow.execute_activity(note, start.run_id, start_to_close_timeout=timedelta(seconds=30))


def record(tenant: str, n: int) -> RunRecord:
    """Make an accepted run."""
    return RunRecord(
        run_id=RunId(f"{tenant}~{n}"),
        tenant=TenantId(tenant),
        agent=AgentName("clerk"),
        agent_version="1",
        owner=PrincipalName("wanda"),
        autonomy=Autonomy.AUTONOMOUS,
        requester=PrincipalName("rita"),
        goal="",
        input_digest=Digest("0" * 64),
        status=RunStatus.ACCEPTED,
        created_at=datetime.now(UTC),
    )


async def test_runs_of_a_small_tenant_go_before_most_of_anothers_flood(temporal: EmbeddedTemporal) -> None:
    """They came last, and are carried out within the first part; in the order of arrival they would be the last."""
    client = await connect_temporal(TemporalEndpoint(temporal.address, NAMESPACE))
    ORDER.clear()

    async def give() -> Client:
        return client

    engine = TemporalRunEngine(give, address="", task_queue="fair")
    arrivals = [record("flood", n) for n in range(FLOOD)] + [record("small", n) for n in range(FEW)]
    for run in arrivals:
        await engine.start(run)
    one_at_a_time: dict[str, Any] = {"max_concurrent_activities": 1, "max_concurrent_workflow_tasks": 2}
    async with Worker(
        client,
        task_queue="fair",
        workflows=[NotingWorkflow],
        activities=[note],
        workflow_runner=UnsandboxedWorkflowRunner(),
        disable_eager_activity_execution=True,
        **one_at_a_time,
    ):
        for run in arrivals:
            await client.get_workflow_handle(run.run_id).result()
    assert FLOOD + FEW == len(ORDER)
    places = [place for place, tenant in enumerate(ORDER) if tenant == "small"]
    assert places[-1] < FLOOD / 4, places
