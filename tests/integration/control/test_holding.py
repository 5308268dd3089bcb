"""Pausing and resuming runs that go on."""

import asyncio
from typing import Any

import pytest
from temporalio import activity
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from proctor.contracts.control import Held
from proctor.contracts.errors import IdempotencyConflict, NotAuthorised, Refused
from proctor.contracts.ids import RunId
from proctor.contracts.manifest import Bounds
from proctor.contracts.run import OpenedRun, RunStart, RunStatus
from proctor.contracts.steps import StepPlan, StepRef
from tests.integration.control.conftest import APPROVER, OPERATOR, OWNER, SECOND_OPERATOR, Control
from tests.integration.temporal.test_stopping import FakeActivities
from workflows.agent_task import AgentTaskWorkflow
from workflows.state import TaskStart

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_nothing_begins_after_a_pause_until_somebody_resumes(control: Control) -> None:
    """The approval is granted meanwhile; the same recorded call is carried out afterwards, once."""
    run_id = await control.start("pause", "approved")
    request = await control.pending(run_id)
    receipt = await control.order(run_id, "pause", text="look first")
    assert (OPERATOR.name, True, True) == (receipt.wheel.paused_by, receipt.is_new, receipt.wheel.holds_still)
    await control.decide(request.id, "approve")
    await control.shown(run_id, f"Paused by {OPERATOR.name}", "paused")
    assert [] == control.effects(run_id)
    again = await control.order(run_id, "pause", SECOND_OPERATOR)
    assert (False, "paused by opal already") == (again.is_new, again.note)
    await control.order(run_id, "resume", OWNER)
    assert RunStatus.COMPLETED == (await control.ended(run_id)).status
    assert [("0/0", "needs a person")] == control.effects(run_id)
    kinds = await control.kinds(run_id)
    assert ("run_paused", "run_resumed") == tuple(kind for kind in kinds if kind in {"run_paused", "run_resumed"})
    assert kinds.index("effect_intended") > kinds.index("run_resumed")


async def test_orders_are_for_operators_and_the_owner_of_a_run_that_goes_on(control: Control) -> None:
    """Anybody else is refused, which stays on record; the same key is the same order."""
    run_id = await control.start("whose", "approved")
    request = await control.pending(run_id)
    for word in ("pause", "resume", "say", "take_over", "hand_back"):
        with pytest.raises(NotAuthorised):
            await control.order(run_id, word, APPROVER, text="x")
    with pytest.raises(Refused, match="not paused"):
        await control.order(run_id, "resume")
    first = await control.order(run_id, "pause", key="k1")
    again = await control.order(run_id, "pause", key="k1")
    assert (first.entry, False) == (again.entry, again.is_new)
    with pytest.raises(IdempotencyConflict):
        await control.order(run_id, "resume", key="k1")
    await control.order(run_id, "resume")
    await control.decide(request.id, "deny")
    await control.ended(run_id)
    with pytest.raises(Refused, match="has ended"):
        await control.order(run_id, "pause")
    assert 5 + 1 == (await control.kinds(run_id)).count("control_refused")


async def test_a_paused_run_is_killed_at_once(control: Control) -> None:
    """A kill does not wait for anybody to resume."""
    run_id = await control.start("paused-kill", "append", times=50)
    await control.order(run_id, "pause")
    await control.shown(run_id, "Paused by", "paused")
    await control.studio.kill_now(run_id)
    assert RunStatus.KILLED == (await control.ended(run_id)).status
    kinds = await control.kinds(run_id)
    assert "effect_intended" not in kinds[kinds.index("run_paused") :]


async def test_a_run_is_held_however_long_its_history_grows(control: Control) -> None:
    """It goes on with a fresh history meanwhile, and with what it had recorded when it is let go."""
    run_id = await control.start("held-long", "approved")
    request = await control.pending(run_id)
    handle = control.studio.client.get_workflow_handle(run_id)
    first = (await handle.describe()).run_id
    await control.order(run_id, "pause")
    await control.decide(request.id, "approve")
    await control.shown(run_id, "Paused by", "paused")
    for n in range(12):
        await control.order(run_id, "say", text=f"still looking {n}")
        await asyncio.sleep(0.05)
    await control.shown(run_id, "Paused by", "paused")
    assert first != (await handle.describe()).run_id
    await control.order(run_id, "resume")
    assert RunStatus.COMPLETED == (await control.ended(run_id)).status
    assert [("0/0", "needs a person")] == control.effects(run_id)


class FakeHeldRun(FakeActivities):
    """A run that somebody paused and nobody resumes, with little time."""

    @activity.defn
    async def open_run(self, start: RunStart) -> OpenedRun:
        opened = await super().open_run(start)
        return opened.model_copy(update={"bounds": Bounds(max_wall_clock_s=1)})

    @activity.defn
    async def plan_step(self, ref: StepRef) -> StepPlan:
        return StepPlan(step=ref.step, kind="paused")

    @activity.defn
    async def read_wheel(self, start: RunStart) -> Held:
        return Held(paused_by=OPERATOR.name, holds_still=True)

    def all(self) -> list[Any]:
        return [*super().all(), self.read_wheel]


async def test_a_run_that_nobody_lets_go_ends_by_its_wall_clock(control: Control) -> None:
    """Time that a person holds it counts: accepted work reaches an end."""
    fakes = FakeHeldRun()
    parts: dict[str, Any] = {"workflows": [AgentTaskWorkflow], "activities": fakes.all()}
    client = control.studio.client
    async with Worker(client, task_queue="held", workflow_runner=UnsandboxedWorkflowRunner(), **parts):
        handle = await client.start_workflow(
            AgentTaskWorkflow.run, TaskStart(run_id=RunId("held")), id="held", task_queue="held"
        )
        outcome = await handle.result()
    # With the very look that finds its time over: not when its history grows long, and never otherwise.
    assert handle.first_execution_run_id == (await handle.describe()).run_id
    assert (RunStatus.FAILED, ["closed as failed"]) == (outcome.status, fakes.done)
