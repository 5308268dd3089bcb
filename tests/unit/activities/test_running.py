"""What the frame of a run gives to its workflow."""

from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.bench import PolicyShelf
from activities.running import RunActivities
from proctor.contracts.ids import PrincipalName, RunId
from proctor.contracts.kill import Fence, KillScope
from proctor.contracts.run import RunStart
from proctor.contracts.steps import CallRef

FENCE = Fence(
    epoch=1,
    scope=KillScope.ALL,
    value="",
    actor=PrincipalName("olga"),
    reason="enough",
    mode="freeze",
    raised_at=datetime(2026, 5, 4, tzinfo=UTC),
)
LOST = CallRef(run_id=RunId("r"), step=0, call=0)


class FakeStoppedRun:
    """A journal of a run that a fence stopped."""

    def __init__(self, *lost: CallRef) -> None:
        self._lost = list(lost)

    async def acknowledge_cancel(self, run_id: RunId) -> Fence:
        return FENCE

    async def lost_calls(self, run_id: RunId) -> list[CallRef]:
        return self._lost


@pytest.mark.parametrize("lost", [[], [LOST]])
async def test_stopping_run_hears_of_lost_calls_where_there_are_any(lost: list[CallRef]) -> None:
    """Without any, history says what a fence says, which workers of before read too."""
    journal: Any = FakeStoppedRun(*lost)
    activities = RunActivities(journal, PolicyShelf())
    notice = await ActivityEnvironment().run(activities.acknowledge_cancel, RunStart(run_id=RunId("r")))
    written = notice.model_dump(mode="json", exclude_unset=True)
    assert FENCE.model_dump(mode="json", exclude_unset=True) == {k: v for k, v in written.items() if k != "lost"}
    assert [one.model_dump(mode="json", exclude_unset=True) for one in lost] == written.get("lost", [])
    assert bool(lost) is ("lost" in written)
