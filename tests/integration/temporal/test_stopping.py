"""A run that is stopped while the worker of its effect is lost: the workflow alone, over activities of our own."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from proctor.contracts.decision import Verdict
from proctor.contracts.ids import PrincipalName, RunId, ToolName
from proctor.contracts.kill import KillScope
from proctor.contracts.run import AuditHead, Ending, OpenedRun, RunOutcome, RunStart
from proctor.contracts.steps import CallRef, CallReport, PlannedCall, StepPlan, StepRef
from proctor.contracts.stopping import StopNotice
from proctor.contracts.tool import Effect
from tests.unit.workflows.opened import opened_run
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

    def __init__(
        self, mode: Literal["compensate", "freeze"] = "compensate", *, cannot_settle: bool = False, pool: str = ""
    ) -> None:
        self.mode, self.cannot_settle = mode, cannot_settle
        self.call = CALL.model_copy(update={"pool": pool} if pool else {})
        self.done: list[str] = []
        self.began, self._over = asyncio.Event(), asyncio.Event()

    def end(self) -> None:
        self._over.set()

    @activity.defn
    async def open_run(self, start: RunStart) -> OpenedRun:
        return opened_run()

    @activity.defn
    async def plan_step(self, ref: StepRef) -> StepPlan:
        return StepPlan(step=ref.step, kind="calls", calls=(self.call,))

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
    async def acknowledge_cancel(self, start: RunStart) -> StopNotice:
        return StopNotice(
            epoch=1,
            scope=KillScope.RUN,
            value=start.run_id,
            actor=PrincipalName("olga"),
            reason="enough",
            mode=self.mode,
            raised_at=datetime.now(UTC),
            lost=(CallRef(run_id=start.run_id, step=0, call=0),),
        )

    @activity.defn
    async def settle_call(self, ref: CallRef) -> None:
        self.done.append("settled" if activity.info().task_queue == "q" else "settled in the pool")
        if self.cannot_settle:
            raise ApplicationError("its record is altered", non_retryable=True)

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
            self.settle_call,
            self.compensate,
            self.close_run,
        ]


class FakeFencedActivities(FakeActivities):
    """Activities of a run that finds the fence by itself, while the store takes long to say whose it is."""

    @activity.defn
    async def plan_step(self, ref: StepRef) -> StepPlan:
        return StepPlan(step=ref.step, kind="fenced")

    @activity.defn
    async def acknowledge_cancel(self, start: RunStart) -> StopNotice:
        self.began.set()
        await asyncio.sleep(3)
        return await super().acknowledge_cancel(start)


@pytest.mark.parametrize(
    ("mode", "cannot_settle", "pool", "expected"),
    [
        ("compensate", False, "", ["settled", "compensated", "closed as killed"]),
        ("freeze", False, "", ["settled", "closed as killed"]),
        ("freeze", True, "", ["settled", "closed as killed"]),
        ("freeze", False, "slow", ["settled in the pool", "closed as killed"]),
        ("freeze", True, "slow", ["settled in the pool", "settled", "closed as killed"]),
    ],
)
async def test_call_that_was_lost_in_a_stop_is_settled_before_the_run_is_closed(
    temporal: EmbeddedTemporal,
    mode: Literal["compensate", "freeze"],
    cannot_settle: bool,
    pool: str,
    expected: list[str],
) -> None:
    """By reading it back where its tool is called: as unknown it would be a person's. Whatever comes of it, it ends."""
    client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
    await register_search_attributes(client)
    fakes = FakeActivities(mode, cannot_settle=cannot_settle, pool=pool)
    parts: dict[str, Any] = {"workflows": [AgentTaskWorkflow], "activities": fakes.all()}
    of_pool = Worker(client, task_queue="q-slow", activities=[fakes.call_tool, fakes.settle_call])
    async with Worker(client, task_queue="q", workflow_runner=UnsandboxedWorkflowRunner(), **parts), of_pool:
        run_id = RunId(f"lost-in-a-stop-{mode}-{cannot_settle}-{pool}")
        handle = await client.start_workflow(AgentTaskWorkflow.run, TaskStart(run_id=run_id), id=run_id, task_queue="q")
        try:
            await asyncio.wait_for(fakes.began.wait(), 30)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await asyncio.wait_for(handle.result(), 60)
        finally:
            fakes.end()
    assert expected == [what for what in fakes.done if what != "told to stop"]


async def test_cancel_that_comes_while_a_run_stops_at_a_fence_does_not_leave_it_open(
    temporal: EmbeddedTemporal,
) -> None:
    """A kill raises its fence first and cancels then: whichever the run hears of first, it is settled and closed."""
    client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
    await register_search_attributes(client)
    fakes = FakeFencedActivities()
    parts: dict[str, Any] = {"workflows": [AgentTaskWorkflow], "activities": fakes.all()}
    async with Worker(client, task_queue="q", workflow_runner=UnsandboxedWorkflowRunner(), **parts):
        run_id = RunId("cancelled-at-a-fence")
        # A workflow task hears of a cancel while its local activity goes on once it is renewed: after 0.8 s here.
        quick = timedelta(seconds=1)
        handle = await client.start_workflow(
            AgentTaskWorkflow.run, TaskStart(run_id=run_id), id=run_id, task_queue="q", task_timeout=quick
        )
        await asyncio.wait_for(fakes.began.wait(), 30)
        await handle.cancel()
        with suppress(WorkflowFailureError):  # a workflow task that was too slow begins anew, with the cancel before it
            await asyncio.wait_for(handle.result(), 60)
    assert ["settled", "closed as killed"] == fakes.done
