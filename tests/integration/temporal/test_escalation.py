"""A run that waits for people looks when others are to be asked too: the workflow alone, over activities of our own."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from proctor.contracts.decision import Verdict
from proctor.contracts.ids import RequestId, RunId, ToolName
from proctor.contracts.run import Ending, OpenedRun, RequestRef, RequestStanding, RunOutcome, RunStart
from proctor.contracts.steps import PlannedCall, StepPlan, StepRef
from proctor.contracts.tool import Effect
from tests.unit.workflows.opened import opened_run
from workers.embedded.temporal import EmbeddedTemporal
from workers.search_attributes import register_search_attributes
from workflows.agent_task import AgentTaskWorkflow
from workflows.converter import DATA_CONVERTER
from workflows.state import TaskStart


class FakeActivities:
    """Activities by their names; the request is escalated at the second look, and denied at the third."""

    def __init__(self, first: timedelta, second: timedelta) -> None:
        self._first, self._second = first, second
        self._began = datetime.now(UTC)
        self.looks: list[float] = []

    @activity.defn
    async def open_run(self, start: RunStart) -> OpenedRun:
        return opened_run()

    @activity.defn
    async def plan_step(self, ref: StepRef) -> StepPlan:
        if ref.step:
            return StepPlan(step=ref.step, kind="final", outcome="completed")
        self._began = datetime.now(UTC)
        call = PlannedCall(
            call=0,
            tool=ToolName("Act"),
            effect=Effect.WRITE,
            verdict=Verdict.REQUIRE_APPROVAL,
            fingerprint="f" * 16,
            request_id=RequestId("req-1"),
            expires_at=self._began + timedelta(hours=1),
            look_at=self._began + self._first,
        )
        return StepPlan(step=0, kind="calls", calls=(call,))

    @activity.defn
    async def read_request(self, ref: RequestRef) -> RequestStanding:
        self.looks.append((datetime.now(UTC) - self._began).total_seconds())
        if len(self.looks) > 2:
            return RequestStanding(state="denied")
        due = self._first if len(self.looks) == 1 else self._second
        return RequestStanding(state="pending", next_at=self._began + due)

    @activity.defn
    async def close_run(self, ending: Ending) -> RunOutcome:
        return RunOutcome(status=ending.status)

    def all(self) -> list[Any]:
        return [self.open_run, self.plan_step, self.read_request, self.close_run]


async def test_a_waiting_run_looks_when_an_escalation_is_due(temporal: EmbeddedTemporal) -> None:
    """Soon after each, although nobody signals; a store whose clock is behind is asked again, and not in a hurry."""
    client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
    await register_search_attributes(client)
    fakes = FakeActivities(timedelta(seconds=1.5), timedelta(seconds=6))
    parts: dict[str, Any] = {"workflows": [AgentTaskWorkflow], "activities": fakes.all()}
    async with Worker(client, task_queue="escalating", workflow_runner=UnsandboxedWorkflowRunner(), **parts):
        run_id = RunId("escalating")
        start = TaskStart(run_id=run_id)
        handle = await client.start_workflow(AgentTaskWorkflow.run, start, id=run_id, task_queue="escalating")
        await asyncio.wait_for(handle.result(), 40)
    first, again, second = fakes.looks
    assert 1.5 <= first < 5
    assert 1 <= again - first
    assert 6 <= second < 20
