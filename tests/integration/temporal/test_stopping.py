"""A run that is stopped while the worker of its effect is lost: the workflow alone, over activities of our own."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from proctor.contracts.decision import Verdict
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RunId, TenantId, ToolName
from proctor.contracts.kill import Fence, KillScope
from proctor.contracts.manifest import Autonomy, Bounds
from proctor.contracts.run import (
    AuditHead,
    CallRef,
    CallReport,
    Ending,
    OpenedRun,
    PlannedCall,
    RunOutcome,
    RunStart,
    StepPlan,
    StepRef,
)
from proctor.contracts.tool import Effect
from workers.embedded.temporal import EmbeddedTemporal
from workers.search_attributes import register_search_attributes
from workflows.agent_task import AgentTaskWorkflow
from workflows.converter import DATA_CONVERTER
from workflows.state import TaskStart

HEAD = AuditHead(n=0, hash="0" * 64)
CALL = PlannedCall(
    call=0, tool=ToolName("Act"), effect=Effect.WRITE, verdict=Verdict.ALLOW, fingerprint="f" * 16, compensable=True
)


class FakeActivities:
    """Activities by their names; `call_tool` is never heard of again, as on a machine that is gone."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.began, self._over = asyncio.Event(), asyncio.Event()

    def end(self) -> None:
        self._over.set()

    @activity.defn
    async def open_run(self, start: RunStart) -> OpenedRun:
        return OpenedRun(
            agent=AgentName("fixer"),
            agent_version="1",
            owner=PrincipalName("wanda"),
            tenant=TenantId("default"),
            autonomy=Autonomy.AUTONOMOUS,
            bundle_digest=Digest("a" * 64),
            bounds=Bounds(),
            plans_locally=True,
            head=HEAD,
        )

    @activity.defn
    async def plan_step(self, ref: StepRef) -> StepPlan:
        return StepPlan(step=ref.step, kind="calls", calls=(CALL,))

    @activity.defn
    async def call_tool(self, ref: CallRef) -> CallReport:
        self.began.set()
        while not self._over.is_set():
            try:
                await self._over.wait()
            except asyncio.CancelledError:
                self.done.append("told to stop")
        return CallReport(status="confirmed")

    @activity.defn
    async def abandon_call(self, ref: CallRef) -> CallReport:
        self.done.append("abandoned")
        return CallReport(status="unknown")

    @activity.defn
    async def acknowledge_cancel(self, start: RunStart) -> Fence:
        return Fence(
            epoch=1,
            scope=KillScope.RUN,
            value=start.run_id,
            actor=PrincipalName("olga"),
            reason="enough",
            mode="compensate",
            raised_at=datetime.now(UTC),
        )

    @activity.defn
    async def compensate(self, ref: CallRef) -> CallReport:
        self.done.append("compensated")
        return CallReport(status="confirmed")

    @activity.defn
    async def close_run(self, ending: Ending) -> RunOutcome:
        self.done.append(f"closed as {ending.status}")
        return RunOutcome(status=ending.status)

    def all(self) -> list[Any]:
        return [
            self.open_run,
            self.plan_step,
            self.call_tool,
            self.abandon_call,
            self.acknowledge_cancel,
            self.compensate,
            self.close_run,
        ]


async def test_call_that_was_lost_in_a_stop_is_left_to_its_compensation(temporal: EmbeddedTemporal) -> None:
    """Its compensation reads it back; written down as unknown, it would be a person's to settle."""
    client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
    await register_search_attributes(client)
    fakes = FakeActivities()
    parts: dict[str, Any] = {"workflows": [AgentTaskWorkflow], "activities": fakes.all()}
    async with Worker(client, task_queue="q", workflow_runner=UnsandboxedWorkflowRunner(), **parts):
        run_id = RunId("lost-in-a-stop")
        handle = await client.start_workflow(AgentTaskWorkflow.run, TaskStart(run_id=run_id), id=run_id, task_queue="q")
        try:
            await asyncio.wait_for(fakes.began.wait(), 30)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await asyncio.wait_for(handle.result(), 60)
        finally:
            fakes.end()
    assert ["compensated", "closed as killed"] == [what for what in fakes.done if what != "told to stop"]
