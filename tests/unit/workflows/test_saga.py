"""Taking back: in reverse, and nothing forgotten (rule 4)."""

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from proctor.contracts.steps import CallRef, CallReport
from tests.unit.workflows.test_state import a_state
from workflows.saga import unwind

EFFECTS = [(0, 0, "a"), (1, 0, "b"), (1, 1, "c")]


async def test_effects_are_taken_back_newest_first() -> None:
    """What was done last is undone first."""
    state = a_state()
    state.saga = list(EFFECTS)
    undone: list[tuple[int, int]] = []

    async def compensate(ref: CallRef) -> CallReport:
        undone.append((ref.step, ref.call))
        return CallReport(status="confirmed")

    await unwind(state, compensate)
    assert [(1, 1), (1, 0), (0, 0)] == undone
    assert [] == state.saga


async def test_an_effect_stays_registered_until_its_compensation_has_ended() -> None:
    """Whoever goes on after an interruption finds it still to be done."""
    state = a_state()
    state.saga = list(EFFECTS)

    async def compensate(ref: CallRef) -> CallReport:
        raise RuntimeError(str(ref))

    with pytest.raises(RuntimeError):
        await unwind(state, compensate)
    assert EFFECTS == state.saga


async def test_an_effect_whose_compensation_is_refused_for_good_holds_up_no_other() -> None:
    """It is named, and what is older is taken back all the same."""
    state = a_state()
    state.saga = list(EFFECTS)

    async def compensate(ref: CallRef) -> CallReport:
        if ref.step == 0:
            return CallReport(status="confirmed")
        refused = ActivityError(
            "it failed",
            scheduled_event_id=1,
            started_event_id=2,
            identity="",
            activity_type="compensate",
            activity_id="1",
            retry_state=RetryState.NON_RETRYABLE_FAILURE,
        )
        raise refused from ApplicationError(f"altered {ref.step}/{ref.call}", non_retryable=True)

    stood = await unwind(state, compensate)
    assert [
        "step 1, call 1 was not taken back: altered 1/1",
        "step 1, call 0 was not taken back: altered 1/0",
    ] == stood
    assert [] == state.saga
