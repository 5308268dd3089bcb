"""People's decisions: the row first, then the wake-up (rule 6)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.engine import RunEngine
from proctor.contracts.deciding import WORDS, commands_for
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.human import DecisionReceipt, HumanDecision, HumanRequest, Principal
from proctor.contracts.people_ports import People
from proctor.contracts.run import RunRecord, RunStatus
from proctor.contracts.wire import RequestDecided

if TYPE_CHECKING:  # Only who signs needs cryptography.
    from gateway.signing import Signer

WAKE_ATTEMPTS = 3
WAKE_PAUSE_S = 0.5


@dataclass(frozen=True)
class DecisionResult:
    """What became of a decision, and whether the run was told. `woken=False` does not weaken the decision."""

    receipt: DecisionReceipt
    woken: bool
    note: str


def as_it_stands(record: RunRecord, pending: Sequence[HumanRequest]) -> RunRecord:
    """Show a running run that a person holds, or that waits for one, as that: its row keeps its status meanwhile."""
    if record.status is not RunStatus.RUNNING:
        return record
    return record.model_copy(update={"status": _shown(record, pending)})


def _shown(record: RunRecord, pending: Sequence[HumanRequest]) -> RunStatus:
    if record.paused_by is not None:
        return RunStatus.PAUSED
    if any(request.run_id == record.run_id for request in pending):
        return RunStatus.WAITING
    return RunStatus.RUNNING if record.driver is None else RunStatus.TAKEN_OVER


def ways_to_decide(request: HumanRequest) -> list[str]:
    """Give the commands that decide a request of this kind."""
    return commands_for(request.kind, request.id)


def takes_signature(request: HumanRequest, decision: HumanDecision) -> bool:
    """Whether a decision must carry its author's signature."""
    return decision.word == "approve" and request.process is not None and request.process.is_signed


async def decide(
    decision: HumanDecision,
    *,
    by: Principal,
    people: People,
    engine: RunEngine,
    signer: "Signer | None" = None,
    pause_s: float = WAKE_PAUSE_S,
) -> DecisionResult:
    """Record a decision, then wake the run.

    Where it takes a signature and has none, `signer` signs it, which is the key of `by`. When the engine does not
    answer, the decision stands: the run reads it when it next wakes, at its deadline at the latest.

    Raises:
        InvalidInput: the word does not fit the request's kind; `UnknownName`.
        NotAuthorised: `by` may not decide this (recorded all the same).
        Unavailable: the store does not answer.

    """
    request = await people.request(decision.request_id)
    if decision.word not in WORDS[request.kind]:
        raise InvalidInput(
            f"a request of kind {request.kind} cannot be decided by `{decision.word}`",
            hint=" or ".join(ways_to_decide(request)),
        )
    if signer is not None and decision.signature is None and takes_signature(request, decision):
        decision = signer.signed(request, decision)
    receipt = await people.decide(decision.model_copy(update={"request_id": request.id}), by)
    if not receipt.applied:
        return DecisionResult(receipt=receipt, woken=False, note=receipt.note)
    return await _wake(receipt, engine, pause_s)


async def _wake(receipt: DecisionReceipt, engine: RunEngine, pause_s: float) -> DecisionResult:
    message = RequestDecided(decision_id=receipt.decision_id, request_id=receipt.request.id)
    for attempt in range(WAKE_ATTEMPTS):
        try:
            woken = await engine.wake(message, receipt.request.run_id)
        except Unavailable as error:
            reason = error.message
            if attempt + 1 < WAKE_ATTEMPTS:
                await asyncio.sleep(pause_s * 2**attempt)
        else:
            return DecisionResult(receipt=receipt, woken=woken, note=receipt.note)
    late = f"the decision stands, but the run was not told ({reason}); it reads it at its deadline or next wake-up"
    return DecisionResult(receipt=receipt, woken=False, note=late)
