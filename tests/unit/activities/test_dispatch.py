"""Rules 1 and 2: what is dispatched, what is sent again, and what is left to a person."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from proctor.contracts.dispatching import Admitted
from proctor.contracts.tool import (
    Confirmed,
    Failed,
    RetryRule,
    Unknown,
)
from tests.unit.activities.calls import FENCED, KEY, FakeLedger, FakeTools, carry_out, lost


async def test_a_refused_call_is_not_sent() -> None:
    """Without an intent nothing leaves the process."""
    tools, ledger = FakeTools(), FakeLedger()
    report = await carry_out(tools, ledger, FENCED)
    assert report.status == "fenced"
    assert tools.sent == []


async def test_a_confirmed_call_is_written_once() -> None:
    """One intent, one effect, one outcome."""
    tools, ledger = FakeTools(Confirmed(result=1)), FakeLedger()
    assert (await carry_out(tools, ledger, Admitted(attempt=1))).status == "confirmed"
    assert ledger.settled == [(Confirmed(result=1), True)]


async def test_a_lost_attempt_of_a_tool_that_cannot_tell_goes_to_a_person() -> None:
    """Never settled by hoping: no key, no probe, nothing is sent again."""
    tools, ledger = FakeTools(), FakeLedger()
    report = await carry_out(tools, ledger, lost(), idempotency="none")
    assert report.status == "unknown"
    assert tools.sent == []
    assert [final for _, final in ledger.settled] == [True]


async def test_a_lost_attempt_of_an_idempotent_tool_is_sent_again_with_the_same_key() -> None:
    """The tool itself keeps to one effect per key."""
    tools, ledger = FakeTools(Confirmed(result=1)), FakeLedger()
    report = await carry_out(tools, ledger, lost(), idempotency="native")
    assert report.status == "confirmed"
    assert tools.sent == [("Act", KEY)]


async def test_a_fence_keeps_a_lost_attempt_from_being_sent_again() -> None:
    """After a kill even the same key is not sent; the outcome stays unknown."""
    tools, ledger = FakeTools(), FakeLedger(again=FENCED)
    report = await carry_out(tools, ledger, lost(), idempotency="native")
    assert report.status == "unknown"
    assert tools.sent == []


async def test_a_fence_settles_an_attempt_that_surely_failed_as_failed() -> None:
    """Nothing happened and nothing will: the ledger says so."""
    tools, ledger = FakeTools(), FakeLedger(again=FENCED)
    report = await carry_out(tools, ledger, lost("attempt_failed"), idempotency="none")
    assert report.status == "failed"
    assert tools.sent == []


async def test_a_passing_failure_is_noted_and_tried_again() -> None:
    """The activity raises, so that Temporal owns the back-off."""
    tools, ledger = FakeTools(Failed(error="503", retryable=True)), FakeLedger()
    with pytest.raises(ApplicationError) as raised:
        await carry_out(tools, ledger, Admitted(attempt=1))
    assert not raised.value.non_retryable
    assert [final for _, final in ledger.settled] == [False]


@pytest.mark.parametrize(("asked_s", "pause_s"), [(3.0, 3.0), (900.0, 5.0)])
async def test_a_service_that_asks_to_wait_is_given_the_time_within_the_contract(
    asked_s: float, pause_s: float
) -> None:
    """Retry-After is a hint: it lengthens the pause, up to the longest one of the tool's retry rule."""
    tools, ledger = FakeTools(Failed(error="429", retryable=True, retry_after_s=asked_s)), FakeLedger()
    with pytest.raises(ApplicationError) as raised:
        await carry_out(tools, ledger, Admitted(attempt=1), retry=RetryRule(max_interval_s=5))
    assert timedelta(seconds=pause_s) == raised.value.next_retry_delay


async def test_the_last_attempt_tells_the_planner_instead_of_raising() -> None:
    """An always-failing tool ends within its budget."""
    tools, ledger = FakeTools(Failed(error="503", retryable=True)), FakeLedger()
    report = await carry_out(tools, ledger, Admitted(attempt=2), retry=RetryRule(max_attempts=2))
    assert report.status == "failed"
    assert [final for _, final in ledger.settled] == [True]


async def test_an_unknown_outcome_of_a_tool_without_keys_is_not_sent_again() -> None:
    """A time-out after dispatch is not a failure."""
    tools, ledger = FakeTools(Unknown(error="time-out")), FakeLedger()
    report = await carry_out(tools, ledger, Admitted(attempt=1), idempotency="none")
    assert report.status == "unknown"
    assert len(tools.sent) == 1


async def test_an_outcome_is_written_through_a_short_absence_of_the_store() -> None:
    """The effect has happened; its record is not given up at the first refusal."""
    tools, ledger = FakeTools(Confirmed(result=1)), FakeLedger(absences=1)
    assert "confirmed" == (await carry_out(tools, ledger, Admitted(attempt=1))).status
    assert [(Confirmed(result=1), True)] == ledger.settled
