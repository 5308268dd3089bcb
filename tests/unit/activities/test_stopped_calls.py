"""Calls that a kill, or a worker that shuts down, meets in the middle: nothing is lost, and nothing sent twice."""

import asyncio
from functools import partial
from typing import Any, Literal

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.dispatch import LOST, NOT_SENT, NOT_TRIED_AGAIN, Dispatcher
from activities.stopping import Stop, heeding
from proctor.contracts.dispatching import Admitted, EffectStanding, Prior
from proctor.contracts.steps import CallReport
from proctor.contracts.tool import (
    Confirmed,
    Failed,
    HttpImplementation,
    PythonImplementation,
    RetryRule,
    Unknown,
)
from tests.unit.activities.calls import FakeLedger, FakeSlowLedger, FakeTools, effect, lost
from tests.unit.activities.scene import FakeTraffic


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


async def drained_before(begun: Admitted | Prior, tools: FakeTools, ledger: FakeLedger, **contract: Any) -> None:
    """Carry a call out on a worker that is told to stop before it looks at it."""
    environment = ActivityEnvironment()

    async def work(stop: Stop) -> CallReport:
        environment.cancel(ActivityCancellationDetails(worker_shutdown=True))
        await asyncio.sleep(0)
        return await Dispatcher(tools, FakeTraffic()).carry_out(effect(ledger, **contract), begun, stop)

    await environment.run(heeding, work)


async def test_a_worker_that_stops_sends_nothing_again() -> None:
    """Not even with a key: the next worker will, with an intent of its own."""
    tools, ledger = FakeTools(), FakeLedger()
    with pytest.raises(asyncio.CancelledError):
        await drained_before(lost(), tools, ledger, idempotency="native")
    assert ([], 0, []) == (tools.sent, ledger.retries, ledger.settled)


async def test_a_worker_that_stops_before_the_effect_costs_the_tool_no_attempt() -> None:
    """The only attempt that the tool has is not used up by one that was never sent."""
    tools, ledger = FakeTools(), FakeLedger()
    with pytest.raises(ApplicationError):
        await drained_before(Admitted(attempt=1), tools, ledger, retry=RetryRule(max_attempts=1))
    assert ([], [(NOT_SENT, False)]) == (tools.sent, ledger.settled)


@pytest.mark.parametrize(("state", "expected"), [("attempt_failed", NOT_TRIED_AGAIN), ("intent", LOST)])
async def test_lost_call_of_a_stopped_run_is_unknown_only_while_nothing_is_known(
    state: Literal["attempt_failed", "intent"], expected: Failed | Unknown
) -> None:
    """A worker that was taken for lost may still write that its attempt failed: no person is asked about that."""
    tools, ledger = FakeTools(), FakeLedger()
    standing = EffectStanding(state=state, attempt=1, age_s=0)
    work = partial(Dispatcher(tools, FakeTraffic()).settle_lost, effect(ledger, idempotency="native"), standing)
    await ActivityEnvironment().run(heeding, work)
    assert ([], [(expected, True)]) == (tools.sent, ledger.settled)
