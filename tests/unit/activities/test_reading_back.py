"""Outcomes that nobody knows, and a probe that may: what it settles, and when it may be asked."""

import asyncio
from functools import partial

import pytest
from temporalio.testing import ActivityEnvironment

from activities.dispatch import LATE_ANSWER_MARGIN_S, NOT_HAPPENED, Dispatcher
from activities.stopping import heeding
from proctor.contracts.dispatching import Admitted, EffectStanding, Prior
from proctor.contracts.key_forms import written_key
from proctor.contracts.tool import (
    Confirmed,
    Failed,
    ToolOutcome,
    Unknown,
)
from tests.unit.activities.calls import KEY, FakeLedger, FakeTools, carry_out, effect, lost
from tests.unit.activities.scene import FakeTraffic


async def test_a_lost_attempt_is_read_back_before_anything_is_sent() -> None:
    """Where the probe finds the effect, it is confirmed and not repeated."""
    tools, ledger = FakeTools(Confirmed(result={"happened": True, "id": 7})), FakeLedger()
    report = await carry_out(tools, ledger, lost(), idempotency="read_back", probe="Probe")
    assert report.status == "confirmed"
    assert tools.sent == [("Probe", KEY)]


async def test_the_probe_is_asked_for_the_key_as_the_service_saw_it() -> None:
    """A tool whose key is written as a UUID recorded the UUID, and not ours."""
    tools = FakeTools(Confirmed(result={"happened": True}))
    await carry_out(tools, FakeLedger(), lost(), idempotency="read_back", probe="Probe", key_form="uuid")
    assert [{"idempotency_key": written_key(KEY, "uuid")}] == tools.arguments


async def test_a_read_back_that_finds_nothing_allows_one_more_attempt() -> None:
    """What surely did not happen may be attempted again, with a new intent."""
    tools, ledger = FakeTools(Confirmed(result={"happened": False}), Confirmed(result=1)), FakeLedger()
    report = await carry_out(tools, ledger, lost(), idempotency="read_back", probe="Probe")
    assert report.status == "confirmed"
    assert ledger.retries == 1
    assert tools.sent == [("Probe", KEY), ("Act", KEY)]


@pytest.mark.parametrize(
    "answer",
    [
        Failed(error="down"),
        Confirmed(result="yes"),
        Confirmed(result={"happened": "no"}),
        Confirmed(result={"happened": None}),
        Confirmed(result={}),
    ],
)
async def test_a_read_back_that_cannot_tell_leaves_it_unknown(answer: ToolOutcome) -> None:
    """Only a plain true or false counts as an answer."""
    tools, ledger = FakeTools(answer), FakeLedger()
    report = await carry_out(tools, ledger, lost(), idempotency="read_back", probe="Probe")
    assert report.status == "unknown"


async def test_what_was_read_back_is_on_record_before_anything_is_sent_again() -> None:
    """The ledger knows that the lost attempt did nothing, so a later failure is a failure and not a doubt."""
    tools, ledger = FakeTools(Confirmed(result={"happened": False}), Confirmed(result=1)), FakeLedger()
    await carry_out(tools, ledger, lost(), idempotency="read_back", probe="Probe")
    assert [(NOT_HAPPENED, False), (Confirmed(result=1), True)] == ledger.settled


async def test_an_unknown_outcome_is_read_back_at_once() -> None:
    """Where the tool can tell, nobody is asked and nothing is sent again."""
    tools = FakeTools(Unknown(error="time-out"), Confirmed(result={"happened": True}))
    ledger = FakeLedger()
    report = await carry_out(tools, ledger, Admitted(attempt=1), idempotency="read_back", probe="Probe")
    assert "confirmed" == report.status
    assert [("Act", KEY), ("Probe", KEY)] == tools.sent


async def test_a_read_back_waits_until_no_earlier_attempt_can_be_under_way() -> None:
    """An answer of the tool counts only once the lost attempt cannot take effect any more."""
    tools, ledger = FakeTools(Confirmed(result={"happened": True})), FakeLedger()
    young = Prior(standing=EffectStanding(state="intent", attempt=1, age_s=LATE_ANSWER_MARGIN_S - 0.3))
    began = asyncio.get_running_loop().time()
    await carry_out(tools, ledger, young, idempotency="read_back", probe="Probe")
    assert asyncio.get_running_loop().time() - began >= 0.3


async def test_a_lost_attempt_is_read_back_though_the_run_is_stopped() -> None:
    """The probe tells what happened; nothing is sent again."""
    tools, ledger = FakeTools(Confirmed(result={"happened": False})), FakeLedger()
    environment = ActivityEnvironment()
    young = Prior(standing=EffectStanding(state="intent", attempt=1, age_s=LATE_ANSWER_MARGIN_S - 0.3))
    reading = effect(ledger, idempotency="read_back", probe="Probe")
    running = asyncio.create_task(
        environment.run(heeding, partial(Dispatcher(tools, FakeTraffic()).carry_out, reading, young))
    )
    await asyncio.sleep(0.05)
    environment.cancel()
    assert "failed" == (await running).status
    assert [("Probe", KEY)] == tools.sent
    assert (NOT_HAPPENED, True) == ledger.settled[-1]
