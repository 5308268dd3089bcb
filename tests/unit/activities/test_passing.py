"""How calls wait for room, and what their ends tell breakers."""

import pytest

from activities.passing import JITTER, SHORT_WAIT_S, Ends, Patience, end_of, jittered
from proctor.contracts.dispatching import Admitted, Waiting
from proctor.contracts.errors import NoRoom
from proctor.contracts.ids import EffectKey, ToolName
from proctor.contracts.tool import Confirmed, Failed, ToolOutcome, Unknown
from proctor.contracts.traffic import CallEnd, Lane, Passage
from tests.unit.activities.scene import FakeTraffic

KEY = EffectKey("run/0/0")
LANE = Lane(tool=ToolName("Act"), tenant="t")


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (Confirmed(result=1), CallEnd.ANSWERED),
        (Failed(error="404"), CallEnd.ANSWERED),
        (Failed(error="503", retryable=True), CallEnd.FAULT),
        (Failed(error="429", retryable=True, is_fault=False), CallEnd.UNTOLD),
        (Failed(error="broken", is_fault=True), CallEnd.FAULT),
        (Unknown(error="time-out"), CallEnd.FAULT),
    ],
)
def test_faults_of_the_tool_count_and_refusals_do_not(outcome: ToolOutcome, end: CallEnd) -> None:
    """A 4xx is an answer; who is asked to come back later has learnt nothing about the tool."""
    assert end is end_of(outcome)[0]


@pytest.mark.parametrize(
    ("admitted", "outcome", "told"),
    [
        (Admitted(attempt=1), Confirmed(result=1), []),
        (Admitted(attempt=1, is_watched=True), Confirmed(result=1), [(KEY, 0, CallEnd.ANSWERED, "")]),
        (Admitted(attempt=1, turn=7), Confirmed(result=1), [(KEY, 7, CallEnd.ANSWERED, "")]),
        (Admitted(attempt=1), Unknown(error="gone"), [(KEY, 0, CallEnd.FAULT, "gone")]),
        (Admitted(attempt=1, turn=7), None, [(KEY, 7, CallEnd.UNTOLD, "")]),
    ],
)
async def test_only_news_is_told(admitted: Admitted, outcome: ToolOutcome | None, told: list[object]) -> None:
    """A success of a tool without limits whose breakers are at rest costs no word."""
    traffic = FakeTraffic()
    await Ends(traffic).tell(LANE, KEY, admitted, outcome)
    assert told == traffic.told


async def test_stopped_call_says_nothing_about_its_tool() -> None:
    """We hung up: that the answer was lost is our doing."""
    traffic = FakeTraffic()
    await Ends(traffic).tell(LANE, KEY, Admitted(attempt=1, turn=7), Unknown(error="cut off"), is_stopped=True)
    assert [(KEY, 7, CallEnd.UNTOLD, "")] == traffic.told


async def test_absent_store_does_not_fail_a_call_that_was_made() -> None:
    """The lease runs out by itself."""
    await Ends(FakeTraffic(is_away=True)).tell(LANE, KEY, Admitted(attempt=1, turn=7), Confirmed(result=1))


async def test_long_wait_gives_its_place_in_the_worker_to_others() -> None:
    """Temporal wakes the call when it is time."""
    waiting = Waiting(passage=Passage(admitted=False, wait_s=SHORT_WAIT_S + 1, lacks="room of 1 at Act"))
    with pytest.raises(NoRoom, match="waits for the room of 1 at Act") as raised:
        await Patience().wait(waiting)
    assert SHORT_WAIT_S + 1 == raised.value.retry_after_s


async def test_short_waits_end_within_their_sum() -> None:
    """Many short waits are a long one."""
    patience, short = Patience(), Waiting(passage=Passage(admitted=False, wait_s=0.0, lacks="room"))

    async def ask_again_and_again() -> None:
        for _ in range(1000):
            await patience.wait(short)

    with pytest.raises(NoRoom):
        await ask_again_and_again()


def test_pauses_are_spread_around_their_length() -> None:
    """Calls that failed together do not come back together."""
    pauses = [jittered(10) for _ in range(200)]
    assert min(pauses) >= 10 * (1 - JITTER)
    assert max(pauses) <= 10 * (1 + JITTER)
    assert len(set(pauses)) > 100
