"""Bounds and progress of a run (R5), and how it ends (rule 11)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proctor.contracts.ids import RunId, ToolName
from proctor.contracts.run import RunStatus
from proctor.contracts.steps import CallRef, CallReport, PlannedCall, StepPlan
from tests.unit.workflows.opened import opened_run
from workflows.endings import from_final_plan
from workflows.state import TaskState

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_state(**bounds: int) -> TaskState:
    return TaskState(run_id=RunId("run"), opened=opened_run(**bounds), started_at=START)


def a_plan(*fingerprints: str, **fields: Any) -> StepPlan:
    calls = tuple(
        PlannedCall(call=n, tool=ToolName("Tool"), effect="read", verdict="allow", fingerprint=fingerprint)
        for n, fingerprint in enumerate(fingerprints)
    )
    return StepPlan.model_validate({"step": 0, "kind": "calls", "calls": calls, **fields})


def confirmed(result: str = "r") -> CallReport:
    return CallReport(status="confirmed", result=result)


def test_a_fresh_run_is_within_its_bounds() -> None:
    """No bound ends a run that has just begun."""
    assert a_state().exceeded_bound(START) is None


def test_iterations_end_a_run_with_their_name() -> None:
    """The bound that ended a run is the reason."""
    state = a_state(max_iterations=3)
    state.step = 3
    assert (state.exceeded_bound(START) or "").startswith("max_iterations")


def test_the_wall_clock_ends_a_run_with_its_name() -> None:
    """A run that takes too long is stopped, whatever it does."""
    state = a_state(max_wall_clock_s=60)
    assert state.exceeded_bound(START + timedelta(seconds=59)) is None
    assert (state.exceeded_bound(START + timedelta(seconds=60)) or "").startswith("max_wall_clock_s")


def test_the_same_call_with_the_same_result_is_no_progress() -> None:
    """A planner that goes in circles is stopped."""
    state = a_state(max_stalled_steps=2)
    for _ in range(3):
        state.note_progress(a_plan("a"), [confirmed()])
    assert (state.exceeded_bound(START) or "").startswith("no_progress")


def test_the_same_call_with_a_new_result_is_progress() -> None:
    """Waiting for something to change is not going in circles while it changes."""
    state = a_state(max_stalled_steps=2)
    for n in range(9):
        state.note_progress(a_plan("a"), [confirmed(str(n))])
    assert state.exceeded_bound(START) is None


def test_refusals_alone_are_no_progress() -> None:
    """A planner that asks again and again for what is denied is stopped."""
    state = a_state(max_stalled_steps=2)
    for name in ("a", "b"):
        state.note_progress(a_plan(name), [CallReport(status="denied")])
    assert (state.exceeded_bound(START) or "").startswith("no_progress")


def test_an_effect_is_registered_once() -> None:
    """A call that is dispatched again is compensated once."""
    state = a_state()
    for _ in range(2):
        state.register(CallRef(run_id=RunId("run"), step=1, call=0))
    assert state.saga == [(1, 0, "")]


@pytest.mark.parametrize(
    ("refused_by", "status"),
    [(None, RunStatus.FAILED), ("policy", RunStatus.BLOCKED), ("person", RunStatus.DENIED)],
)
def test_blocked_needs_a_refusal_on_record(refused_by: Any, status: RunStatus) -> None:
    """A planner cannot pass off its own failure as policy's."""
    state = a_state()
    state.refused_by = refused_by
    ending = from_final_plan(state, StepPlan(step=0, kind="final", outcome="blocked"))
    assert status == ending.status
