"""Rules 1 and 2: what is dispatched, what is sent again, and what is left to a person."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.dispatch import LATE_ANSWER_MARGIN_S, NOT_HAPPENED, NOT_SENT, Dispatcher, Effect
from activities.stopping import Stop, heeding
from proctor.contracts.dispatching import Admitted, EffectStanding, Prior, Refusal
from proctor.contracts.errors import Unavailable
from proctor.contracts.ids import EffectKey, RunId, ToolName
from proctor.contracts.run import CallReport
from proctor.contracts.tool import (
    Confirmed,
    Failed,
    HttpImplementation,
    PythonImplementation,
    RetryRule,
    ToolContract,
    ToolInvocation,
    ToolOutcome,
    Unknown,
)
from proctor.contracts.traffic import Lane
from tests.unit.activities.scene import FakeTraffic

KEY = EffectKey("run/0/0")
LANE = Lane(tool=ToolName("Act"), tenant="t")
FENCED = Refusal(report=CallReport(status="fenced"))


class FakeTools:
    """Answers from a script, and counts what was sent."""

    def __init__(self, *script: ToolOutcome, hang: bool = False) -> None:
        self.script, self.hang = list(script), hang
        self.sent: list[tuple[str, str]] = []
        self.cut_off = False

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        self.sent.append((contract.name, invocation.key))
        if self.hang:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cut_off = True
                return Unknown(error="cut off")
        return self.script.pop(0)

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        return ()


class FakeLedger:
    """Keeps what was settled."""

    def __init__(self, again: Admitted | Refusal | None = None, absences: int = 0) -> None:
        self.again, self.absences = again or Admitted(attempt=2), absences
        self.settled: list[tuple[ToolOutcome, bool]] = []
        self.retries = 0

    async def retry(self) -> Admitted | Refusal:
        self.retries += 1
        return self.again

    async def settle(self, outcome: ToolOutcome, final: bool) -> CallReport:
        if self.absences:
            self.absences -= 1
            raise Unavailable
        self.settled.append((outcome, final))
        return CallReport(status=outcome.status)


class FakeSlowLedger(FakeLedger):
    """Takes its time over each outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.writing, self.may_write = asyncio.Event(), asyncio.Event()

    async def settle(self, outcome: ToolOutcome, final: bool) -> CallReport:
        self.writing.set()
        await self.may_write.wait()
        return await super().settle(outcome, final)


def effect(ledger: FakeLedger, **contract: Any) -> Effect:
    probe = ToolContract(name="Probe", input_schema={}, effect="read") if "probe" in contract else None
    made = ToolContract(name="Act", input_schema={}, effect="write", timeout_s=0.01, **contract)
    invocation = ToolInvocation(run_id=RunId("run"), key=KEY, arguments={})
    return Effect(made, probe, invocation, LANE, ledger.retry, ledger.settle)


async def carry_out(
    tools: FakeTools, ledger: FakeLedger, begun: Admitted | Prior | Refusal, **contract: Any
) -> CallReport:
    work = partial(Dispatcher(tools, FakeTraffic()).carry_out, effect(ledger, **contract), begun)
    return await ActivityEnvironment().run(heeding, work)


def lost(state: str = "intent") -> Prior:
    return Prior(standing=EffectStanding(state=state, attempt=1, age_s=60))


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


async def test_a_lost_attempt_is_read_back_before_anything_is_sent() -> None:
    """Where the probe finds the effect, it is confirmed and not repeated."""
    tools, ledger = FakeTools(Confirmed(result={"happened": True, "id": 7})), FakeLedger()
    report = await carry_out(tools, ledger, lost(), idempotency="read_back", probe="Probe")
    assert report.status == "confirmed"
    assert tools.sent == [("Probe", KEY)]


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


async def test_a_stopped_tool_is_cut_off_and_its_outcome_written() -> None:
    """A kill stops the tool after a short grace, and the ledger says what is not known."""
    tools, ledger = FakeTools(hang=True), FakeLedger()
    environment = ActivityEnvironment()
    work = partial(
        Dispatcher(tools, FakeTraffic()).carry_out, effect(ledger, idempotency="native"), Admitted(attempt=1)
    )
    running = asyncio.create_task(environment.run(heeding, work))
    await asyncio.sleep(0.05)
    environment.cancel()
    report = await running
    assert tools.cut_off
    assert report.status == "unknown"
    assert len(tools.sent) == 1
    assert [final for _, final in ledger.settled] == [True]


@pytest.mark.parametrize(
    ("implementation", "at_least", "at_most"),
    [
        (PythonImplementation(function="m:f"), 0.0, 0.24),
        (HttpImplementation(method="POST", base_url="https://x.example"), 0.24, 5.0),
    ],
)
async def test_a_stopped_tool_of_this_process_is_cut_off_at_once_and_anothers_answer_waited_for(
    implementation: Any, at_least: float, at_most: float
) -> None:
    """To hang up on another system stops nothing there, and loses the answer; a tool of ours really stops."""
    tools, environment, loop = FakeTools(hang=True), ActivityEnvironment(), asyncio.get_running_loop()
    begun = effect(FakeLedger(), idempotency="native", implementation=implementation)
    work = partial(Dispatcher(tools, FakeTraffic()).carry_out, begun, Admitted(attempt=1))
    running = asyncio.create_task(environment.run(heeding, work))
    await asyncio.sleep(0.05)
    environment.cancel()
    told = loop.time()
    await running
    assert at_least <= loop.time() - told <= at_most


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


async def test_an_outcome_is_written_through_a_short_absence_of_the_store() -> None:
    """The effect has happened; its record is not given up at the first refusal."""
    tools, ledger = FakeTools(Confirmed(result=1)), FakeLedger(absences=1)
    assert "confirmed" == (await carry_out(tools, ledger, Admitted(attempt=1))).status
    assert [(Confirmed(result=1), True)] == ledger.settled


async def test_a_stop_while_the_outcome_is_written_does_not_lose_it() -> None:
    """The effect has happened and its answer is in hand: no cancellation may come between it and the ledger."""
    ledger = FakeSlowLedger()
    environment = ActivityEnvironment()
    work = partial(
        Dispatcher(FakeTools(Confirmed(result=1)), FakeTraffic()).carry_out, effect(ledger), Admitted(attempt=1)
    )
    running = asyncio.create_task(environment.run(heeding, work))
    await ledger.writing.wait()
    environment.cancel()
    await asyncio.sleep(0)
    ledger.may_write.set()
    assert "confirmed" == (await running).status
    assert [(Confirmed(result=1), True)] == ledger.settled


async def test_a_stop_before_the_effect_leaves_it_undone_and_says_so() -> None:
    """An intent that was written when the stop came is settled as failed: it was never sent."""
    tools, ledger = FakeTools(), FakeLedger()
    environment = ActivityEnvironment()

    async def stopped_in_between(stop: Stop) -> CallReport:
        environment.cancel()
        await asyncio.sleep(0)
        return await Dispatcher(tools, FakeTraffic()).carry_out(
            effect(ledger, idempotency="native"), Admitted(attempt=1), stop
        )

    assert "failed" == (await environment.run(heeding, stopped_in_between)).status
    assert ([], [(NOT_SENT, True)]) == (tools.sent, ledger.settled)


async def test_a_stop_while_a_failure_is_noted_ends_the_call() -> None:
    """There will be no further attempt, so the failure is final."""
    ledger = FakeSlowLedger()
    environment = ActivityEnvironment()
    passing = Failed(error="503", retryable=True)
    work = partial(Dispatcher(FakeTools(passing), FakeTraffic()).carry_out, effect(ledger), Admitted(attempt=1))
    running = asyncio.create_task(environment.run(heeding, work))
    await ledger.writing.wait()
    environment.cancel()
    await asyncio.sleep(0)
    ledger.may_write.set()
    assert "failed" == (await running).status
    assert [(passing, False), (passing, True)] == ledger.settled


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


async def test_a_worker_that_stops_leaves_a_lost_attempt_to_the_next() -> None:
    """A drain ends no run: nothing is settled in a hurry."""
    tools, ledger = FakeTools(), FakeLedger()
    environment = ActivityEnvironment()
    reading = effect(ledger, idempotency="read_back", probe="Probe")
    young = Prior(standing=EffectStanding(state="intent", attempt=1, age_s=0))
    running = asyncio.create_task(
        environment.run(heeding, partial(Dispatcher(tools, FakeTraffic()).carry_out, reading, young))
    )
    await asyncio.sleep(0.05)
    environment.cancel(ActivityCancellationDetails(worker_shutdown=True))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ([], []) == (tools.sent, ledger.settled)


async def test_a_worker_that_stops_sends_nothing_again() -> None:
    """Not even with a key: the next worker will, with an intent of its own."""
    tools, ledger = FakeTools(), FakeLedger()
    environment = ActivityEnvironment()

    async def drained_in_between(stop: Stop) -> CallReport:
        environment.cancel(ActivityCancellationDetails(worker_shutdown=True))
        await asyncio.sleep(0)
        return await Dispatcher(tools, FakeTraffic()).carry_out(effect(ledger, idempotency="native"), lost(), stop)

    with pytest.raises(asyncio.CancelledError):
        await environment.run(heeding, drained_in_between)
    assert ([], 0, []) == (tools.sent, ledger.retries, ledger.settled)


async def test_a_worker_that_stops_before_the_effect_costs_the_tool_no_attempt() -> None:
    """The only attempt that the tool has is not used up by one that was never sent."""
    tools, ledger = FakeTools(), FakeLedger()
    environment = ActivityEnvironment()

    async def drained_in_between(stop: Stop) -> CallReport:
        environment.cancel(ActivityCancellationDetails(worker_shutdown=True))
        await asyncio.sleep(0)
        once = effect(ledger, retry=RetryRule(max_attempts=1))
        return await Dispatcher(tools, FakeTraffic()).carry_out(once, Admitted(attempt=1), stop)

    with pytest.raises(ApplicationError):
        await environment.run(heeding, drained_in_between)
    assert ([], [(NOT_SENT, False)]) == (tools.sent, ledger.settled)
