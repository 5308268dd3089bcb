"""Taking back: in reverse, and nothing forgotten (rule 4)."""

import pytest

from proctor.contracts.run import CallRef, CallReport
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
