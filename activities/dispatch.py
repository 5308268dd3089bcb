"""One effect from its written intent to its written outcome (rules 1 and 2).

The same story serves calls and compensations; they differ in how they are begun and where they are written.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from proctor.contracts.errors import Unavailable
from proctor.contracts.ports import Admitted, EffectStanding, Prior, Refusal, ToolPort
from proctor.contracts.run import CallReport
from proctor.contracts.tool import (
    Confirmed,
    Failed,
    Idempotency,
    ToolContract,
    ToolInvocation,
    ToolOutcome,
    Unknown,
)

STOPPING_GRACE_S = 0.25
"""How long a cancelled tool may go on to its own end before it is cut off."""
SETTLING_PATIENCE_S = 30.0
"""How long we keep trying to write the outcome of an effect that happened, within one attempt."""
LATE_ANSWER_MARGIN_S = 2.0
"""Added to a tool's time-out before a read-back: by then no earlier attempt can still be under way."""


NOT_HAPPENED = Failed(error="read back: it did not happen", retryable=True, is_read_back=True)


@dataclass(frozen=True)
class Effect:
    """An effect with its ledger operations."""

    contract: ToolContract
    probe: ToolContract | None
    invocation: ToolInvocation
    retry: Callable[[], Awaitable[Admitted | Refusal]]
    settle: Callable[[ToolOutcome, bool], Awaitable[CallReport]]


class Dispatcher:
    """Attempts effects, and settles what earlier attempts left behind."""

    def __init__(self, tools: ToolPort) -> None:
        """Take the tools."""
        self._tools = tools

    async def carry_out(self, effect: Effect, begun: Admitted | Prior | Refusal) -> CallReport:
        """Bring an effect to a recorded outcome, or raise to be tried again. Never dispatches without an intent."""
        if isinstance(begun, Prior):
            begun = await self._after_lost_attempt(effect, begun.standing)
        if isinstance(begun, Refusal):
            return begun.report
        outcome, stopped = await self._attempt(effect)
        return await self._settle(effect, outcome, attempt=begun.attempt, stopped=stopped)

    async def _attempt(self, effect: Effect) -> tuple[ToolOutcome, bool]:
        """Invoke once; tells also whether we were told to stop. A stopped tool gets a short grace to end by itself."""
        call = asyncio.ensure_future(self._tools.invoke(effect.contract, effect.invocation))
        try:
            return await asyncio.shield(call), False
        except asyncio.CancelledError:
            await asyncio.wait({call}, timeout=STOPPING_GRACE_S)
            call.cancel()
            try:
                return await call, _is_told_to_stop()
            except asyncio.CancelledError:
                return Failed(error="stopped before it was dispatched", retryable=True), _is_told_to_stop()

    async def _settle(self, effect: Effect, outcome: ToolOutcome, *, attempt: int, stopped: bool) -> CallReport:
        exhausted = stopped or attempt >= effect.contract.retry.max_attempts
        if isinstance(outcome, Unknown) and (exhausted or not _may_resend(effect.contract)):
            outcome = await self._read_back(effect) or outcome
        if exhausted or not _may_try_again(effect.contract, outcome):
            return await _written(effect, outcome, final=True)
        await _written(effect, outcome, final=False)
        raise ApplicationError(_error_of(outcome), type="ToolAttemptFailed")

    async def _after_lost_attempt(self, effect: Effect, standing: EffectStanding) -> Admitted | Refusal:
        """Decide what an intent without an outcome means, before anything is sent again."""
        if standing.state == "attempt_failed":
            return await self._send_again(effect, otherwise=Failed(error="stopped before it was tried again"))
        lost = Unknown(error="an earlier attempt was sent, and its answer was lost")
        if effect.contract.idempotency is Idempotency.NATIVE:
            return await self._send_again(effect, otherwise=lost)
        if effect.contract.idempotency is Idempotency.READ_BACK:
            await asyncio.sleep(max(0.0, effect.contract.timeout_s + LATE_ANSWER_MARGIN_S - standing.age_s))
        found = await self._read_back(effect) or lost
        if isinstance(found, Failed):
            await _written(effect, found, final=False)
            return await self._send_again(effect, otherwise=found)
        return Refusal(report=await _written(effect, found, final=True))

    async def _send_again(self, effect: Effect, *, otherwise: ToolOutcome) -> Admitted | Refusal:
        """Get the intent for a further attempt. Where a fence forbids it, settle as `otherwise` or as read back."""
        again = await effect.retry()
        if isinstance(again, Admitted) or again.report.status != "fenced":
            return again
        outcome = await self._read_back(effect) or otherwise if isinstance(otherwise, Unknown) else otherwise
        return Refusal(report=await _written(effect, outcome, final=True))

    async def _read_back(self, effect: Effect) -> ToolOutcome | None:
        """Ask the tool's probe whether the effect of our key happened; None when it cannot tell."""
        if effect.probe is None:
            return None
        question = effect.invocation.model_copy(update={"arguments": {"idempotency_key": effect.invocation.key}})
        answer = await self._tools.invoke(effect.probe, question)
        if not isinstance(answer, Confirmed) or not isinstance(answer.result, dict):
            return None
        happened: Any = answer.result.get("happened")
        if happened is True:
            return Confirmed(result=answer.result, labels=answer.labels)
        return NOT_HAPPENED if happened is False else None


def _is_told_to_stop() -> bool:
    """Whether the run is being stopped, and not just this worker."""
    details = activity.cancellation_details()
    return details is None or details.cancel_requested


def _may_resend(contract: ToolContract) -> bool:
    return contract.idempotency is Idempotency.NATIVE


def _may_try_again(contract: ToolContract, outcome: ToolOutcome) -> bool:
    if isinstance(outcome, Unknown):
        return _may_resend(contract)
    return isinstance(outcome, Failed) and outcome.retryable


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
