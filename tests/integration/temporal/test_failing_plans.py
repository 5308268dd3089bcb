"""Planners that fail for good, on a real server: the workflow alone, over activities of our own."""

import asyncio
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.boundary import speaks_temporal
from proctor.contracts.decision import Verdict
from proctor.contracts.errors import PlannerFailed
from proctor.contracts.ids import RunId, ToolName
from proctor.contracts.run import Ending, OpenedRun, RunOutcome, RunStart
from proctor.contracts.steps import CallRef, CallReport, PlannedCall, StepPlan, StepRef
from proctor.contracts.tool import Effect
from tests.unit.workflows.opened import opened_run
from workers.embedded.temporal import EmbeddedTemporal
from workers.search_attributes import register_search_attributes
from workflows.agent_task import AgentTaskWorkflow
from workflows.converter import DATA_CONVERTER
from workflows.state import TaskStart

WHY = "node lend: LendBook does not take these arguments"
CALL = PlannedCall(
    call=0,
    tool=ToolName("Act"),
    effect=Effect.WRITE,
    verdict=Verdict.ALLOW,
    fingerprint="f" * 16,
    compensable=True,
)


class FakeActivities:
    """Activities by their names; the plan after the first effect fails for good."""

    def __init__(self, *, plans_locally: bool) -> None:
        self._plans_locally, self.done = plans_locally, list[str]()

    @activity.defn
    async def open_run(self, start: RunStart) -> OpenedRun:
        return opened_run(plans_locally=self._plans_locally)

    @activity.defn
    @speaks_temporal
    async def plan_step(self, ref: StepRef) -> StepPlan:
        if ref.step:
            raise PlannerFailed(WHY)
        return StepPlan(step=0, kind="calls", calls=(CALL,))

    @activity.defn
    async def call_tool(self, ref: CallRef) -> CallReport:
        return CallReport(status="confirmed")

    @activity.defn
    async def compensate(self, ref: CallRef) -> CallReport:
        self.done.append("compensated")
        return CallReport(status="confirmed")

    @activity.defn
    async def close_run(self, ending: Ending) -> RunOutcome:
        self.done.append(f"closed as {ending.status}: {ending.reason}")
        return RunOutcome(status=ending.status)

    def all(self) -> list[Any]:
        return [self.open_run, self.plan_step, self.call_tool, self.compensate, self.close_run]


@pytest.mark.parametrize("plans_locally", [True, False])
async def test_plan_that_fails_for_good_ends_the_run_with_its_reason(
    temporal: EmbeddedTemporal, *, plans_locally: bool
) -> None:
    """What was done is taken back and the run is closed, whether a playbook or a model planned it."""
    client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
    await register_search_attributes(client)
    fakes = FakeActivities(plans_locally=plans_locally)
    parts: dict[str, Any] = {"workflows": [AgentTaskWorkflow], "activities": fakes.all()}
    async with Worker(client, task_queue="q", workflow_runner=UnsandboxedWorkflowRunner(), **parts):
        run_id = RunId("badly-planned")
        handle = await client.start_workflow(AgentTaskWorkflow.run, TaskStart(run_id=run_id), id=run_id, task_queue="q")
        outcome = await asyncio.wait_for(handle.result(), 60)
    assert "failed" == outcome.status
    assert ["compensated", f"closed as failed: {WHY}"] == fakes.done
