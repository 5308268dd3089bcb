"""One effect from its written intent to its written outcome (rules 1 and 2).

The same story serves calls and compensations; they differ in how they are begun and where they are written.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError

from activities.passing import Ends, Patience, jittered
from activities.stopping import Stop
from proctor.contracts.dispatching import Admitted, EffectStanding, Prior, Refusal, Waiting
from proctor.contracts.errors import Unavailable
from proctor.contracts.key_forms import written_key
from proctor.contracts.ports import ToolPort
from proctor.contracts.steps import CallReport
from proctor.contracts.tool import (
    Confirmed,
    Failed,
    Idempotency,
    PythonImplementation,
    ToolContract,
    ToolInvocation,
    ToolOutcome,
    Unknown,
)
from proctor.contracts.traffic import Lane, Traffic

STOPPING_GRACE_S = 0.25
"""How long the answer of another system is waited for after a stop: to hang up does not stop it, it only loses it."""
LOCAL_STOPPING_GRACE_S = 0.04
"""How long a cancelled tool of this process may go on to its own end before it is cut off."""
SETTLING_PATIENCE_S = 30.0
"""How long we keep trying to write the outcome of an effect that happened, within one attempt."""
LATE_ANSWER_MARGIN_S = 2.0
"""Added to a tool's time-out before a read-back: by then no earlier attempt can still be under way."""


NOT_HAPPENED = Failed(error="read back: it did not happen", retryable=True, is_read_back=True)
LOST = Unknown(error="an earlier attempt was sent, and its answer was lost")
NOT_TRIED_AGAIN = Failed(error="stopped before it was tried again")
NOT_SENT = Failed(error="stopped before it was dispatched", retryable=True)


@dataclass(frozen=True)
class Effect:
    """An effect with its ledger operations."""

    contract: ToolContract
    probe: ToolContract | None
    invocation: ToolInvocation
    lane: Lane
    retry: Callable[[], Awaitable[Admitted | Refusal | Waiting]]
    settle: Callable[[ToolOutcome, bool], Awaitable[CallReport]]


class Dispatcher:
    """Attempts effects, and settles what earlier attempts left behind."""

    def __init__(self, tools: ToolPort, traffic: Traffic) -> None:
        """Take the tools, and what their calls pass through."""
        self._tools, self._ends = tools, Ends(traffic)

    async def carry_out(self, effect: Effect, begun: Admitted | Prior | Refusal, stop: Stop) -> CallReport:
        """Bring an effect to a recorded outcome, or raise to be tried again. Never dispatches without an intent."""
        if isinstance(begun, Prior):
            begun = await self._after_lost_attempt(effect, begun.standing, stop)
        if isinstance(begun, Refusal):
            return begun.report
        outcome = await self._attempt(effect, stop)
        sent = None if outcome is NOT_SENT else outcome
        await self._ends.tell(effect.lane, effect.invocation.key, begun, sent, is_stopped=stop.is_told)
        return await self._settle(effect, outcome, attempt=begun.attempt, stop=stop)

    async def settle_lost(self, effect: Effect, standing: EffectStanding, stop: Stop) -> CallReport:
        """Settle what a lost attempt left, sending nothing: as its probe says, and unknown where none can tell.

        One whose failure came to be written after all just failed.
        """
        if standing.state == "attempt_failed":
            return await _written(effect, NOT_TRIED_AGAIN, final=True)
        return await _written(effect, await self._find_out(effect, standing, stop) or LOST, final=True)

    async def _attempt(self, effect: Effect, stop: Stop) -> ToolOutcome:
        """Invoke once. A stopped tool gets a short grace to end by itself."""
        if stop.is_told:
            return NOT_SENT
        call = asyncio.ensure_future(self._tools.invoke(effect.contract, effect.invocation))
        await stop.wait_for(call)
        if not call.done():
            await asyncio.wait({call}, timeout=_stopping_grace_s(effect.contract))
            call.cancel()
        try:
            return await call
        except asyncio.CancelledError:
            return NOT_SENT

    async def _settle(self, effect: Effect, outcome: ToolOutcome, *, attempt: int, stop: Stop) -> CallReport:
        is_last = attempt >= effect.contract.retry.max_attempts and outcome is not NOT_SENT
        exhausted = stop.ends_run or is_last
        if isinstance(outcome, Unknown) and (exhausted or not _may_resend(effect.contract)):
            outcome = await self._read_back(effect) or outcome
        if exhausted or not _may_try_again(effect.contract, outcome):
            return await _written(effect, outcome, final=True)
        await _written(effect, outcome, final=False)
        if stop.ends_run:  # told while it was written: there will be no further attempt
            return await _written(effect, outcome, final=True)
        asked_s = outcome.retry_after_s if isinstance(outcome, Failed) else None
        pause = timedelta(seconds=effect.contract.retry.bounded_s(_pause_s(effect.contract, attempt), asked_s))
        raise ApplicationError(_error_of(outcome), type="ToolAttemptFailed", next_retry_delay=pause)

    async def _after_lost_attempt(self, effect: Effect, standing: EffectStanding, stop: Stop) -> Admitted | Refusal:
        """Decide what an intent without an outcome means, before anything is sent again."""
        if standing.state == "attempt_failed":
            return await self._send_again(effect, stop, otherwise=NOT_TRIED_AGAIN)
        if effect.contract.idempotency is Idempotency.NATIVE:
            return await self._send_again(effect, stop, otherwise=LOST)
        found = await self._find_out(effect, standing, stop) or LOST
        if isinstance(found, Failed):
            await _written(effect, found, final=False)
            return await self._send_again(effect, stop, otherwise=found)
        return Refusal(report=await _written(effect, found, final=True))

    async def _send_again(self, effect: Effect, stop: Stop, *, otherwise: ToolOutcome) -> Admitted | Refusal:
        """Get the intent for a further attempt. Where a stop forbids it, settle as `otherwise` or as read back."""
        if not stop.ends_run:
            stop.raise_if_told()
            again = await self._room(effect, stop)
            if isinstance(again, Waiting):
                over = otherwise if isinstance(otherwise, Unknown) else Failed(error=again.passage.reason)
                return Refusal(report=await _written(effect, over, final=True))
            if isinstance(again, Admitted) or again.report.status != "fenced":
                return again
        outcome = await self._read_back(effect) or otherwise if isinstance(otherwise, Unknown) else otherwise
        return Refusal(report=await _written(effect, outcome, final=True))

    async def _room(self, effect: Effect, stop: Stop) -> Admitted | Refusal | Waiting:
        """Get the intent for a further attempt, once there is room; `Waiting` when its patience is over."""
        patience = Patience(stop)
        while isinstance(again := await effect.retry(), Waiting) and not again.passage.is_over:
            await patience.wait(again)
        return again

    async def _find_out(self, effect: Effect, standing: EffectStanding, stop: Stop) -> ToolOutcome | None:
        """Read a lost attempt back, once it cannot be under way any more."""
        if effect.contract.idempotency is Idempotency.READ_BACK:
            await stop.sleep(max(0.0, effect.contract.timeout_s + LATE_ANSWER_MARGIN_S - standing.age_s))
        return await self._read_back(effect)

    async def _read_back(self, effect: Effect) -> ToolOutcome | None:
        """Ask the tool's probe whether the effect of our key happened; None when it cannot tell."""
        if effect.probe is None:
            return None
        sent = written_key(effect.invocation.key, effect.contract.key_form)
        question = effect.invocation.model_copy(update={"arguments": {"idempotency_key": sent}})
        answer = await self._tools.invoke(effect.probe, question)
        if not isinstance(answer, Confirmed) or not isinstance(answer.result, dict):
            return None
        happened: Any = answer.result.get("happened")
        if happened is True:
            return Confirmed(result=answer.result, labels=answer.labels)
        return NOT_HAPPENED if happened is False else None


def _stopping_grace_s(contract: ToolContract) -> float:
    is_here = isinstance(contract.implementation, PythonImplementation)
    return LOCAL_STOPPING_GRACE_S if is_here else STOPPING_GRACE_S


def _may_resend(contract: ToolContract) -> bool:
    return contract.idempotency is Idempotency.NATIVE


def _may_try_again(contract: ToolContract, outcome: ToolOutcome) -> bool:
    if isinstance(outcome, Unknown):
        return _may_resend(contract)
    return isinstance(outcome, Failed) and outcome.retryable


def _pause_s(contract: ToolContract, attempt: int) -> float:
    pauses = contract.retry.pauses_s()
    return jittered(pauses[min(attempt, len(pauses)) - 1]) if pauses else 0.0


def _error_of(outcome: ToolOutcome) -> str:
    return outcome.error if isinstance(outcome, Failed | Unknown) else "confirmed"


async def _written(effect: Effect, outcome: ToolOutcome, *, final: bool) -> CallReport:
    """Write the outcome, through a short outage of the store: the effect has happened, its record must not be lost."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + SETTLING_PATIENCE_S
    while True:
        try:
            return await effect.settle(outcome, final)
        except Unavailable:
            if loop.time() > give_up:
                raise
            await asyncio.sleep(0.5)
