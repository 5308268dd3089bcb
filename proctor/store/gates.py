"""What stands between a recorded call and its dispatch, judged on live facts (rules 3 and 5)."""

from dataclasses import dataclass, replace

from proctor.contracts.approving import Grant, process_of
from proctor.contracts.decision import Decision, Verdict
from proctor.contracts.dispatching import Admitted, Refusal, Waiting
from proctor.contracts.ids import effect_key
from proctor.contracts.obligations import Obligation
from proctor.contracts.ports import Judge
from proctor.contracts.steps import CallRef
from proctor.contracts.traffic import BREAKER_ASK_PERSON, Lane, Passage
from proctor.store.approvals import approvals_of
from proctor.store.consent import Consent, consent_for
from proctor.store.database import Connection
from proctor.store.deciders import names_taken
from proctor.store.governing import recorded_decision
from proctor.store.granting import use_grant
from proctor.store.held import held_report
from proctor.store.ledger import fenced_report, report_of_entry
from proctor.store.locked import LockedRun
from proctor.store.passing import let_pass
from proctor.store.queries import query

ROOM_IS_KEPT_S = 0.1


@dataclass(frozen=True)
class Gate:
    """What stands between a recorded call and its dispatch."""

    decision: Decision
    consent: Consent | None
    """None: policy asks for no approval."""
    obligations: tuple[Obligation, ...] = ()
    """Of both decisions, the recorded and the live one: neither takes from the other."""
    grant: Grant | None = None
    """The standing grant that answered, where no person was asked."""

    @property
    def is_open(self) -> bool:
        """Whether the call may be dispatched now."""
        if self.decision.verdict is Verdict.DENY:
            return False
        return self.consent is None or self.consent.kind == "holds"


def standing_refusal(locked: LockedRun) -> Refusal | None:
    """Refuse what has its outcome, and what a fence, the end of the run or a person at the wheel forbids."""
    if locked.outcome is not None:
        return Refusal(report=report_of_entry(locked.outcome, locked.head))
    stopped = fenced_report(locked, (locked.tool,)) or held_report(locked)
    return None if stopped is None else Refusal(report=stopped)


def gate_of(locked: LockedRun, ref: CallRef, judge: Judge) -> Gate:
    """Judge on live facts; they may only tighten what was recorded with the plan."""
    assert locked.planned is not None
    recorded = recorded_decision(locked.planned).decision
    live = judge(locked.live_facts(ref.step))
    decision = live if recorded.verdict.stricter_of(live.verdict) is live.verdict else recorded
    obligations = (*recorded.obligations, *live.obligations)
    if decision.verdict is not Verdict.REQUIRE_APPROVAL:
        return Gate(decision, None, obligations)
    bound = decision.model_copy(update={"policy_digest": live.policy_digest})
    return Gate(bound, consent_for(locked, ref, live.policy_digest, process_of(obligations)), obligations)


class _NoRoomError(Exception):
    """Takes back what was written for a call that cannot pass."""


async def passed(
    connection: Connection, locked: LockedRun, ref: CallRef, gate: Gate, lane: Lane | None
) -> tuple[Gate, Admitted | Waiting]:
    """Open the gate by a grant where one answers, and let the call pass; one that waits has used up no grant."""
    key = effect_key(ref.run_id, ref.step, ref.call)
    gate = await _by_enrolled(connection, locked, gate)
    if not _may_be_granted(gate):
        return gate, await let_pass(connection, locked, lane, key) if gate.is_open else Admitted(attempt=1)
    try:
        async with connection.transaction():
            gate = await _by_grant(connection, locked, ref, gate)
            passage = await let_pass(connection, locked, lane, key) if gate.is_open else Admitted(attempt=1)
            if isinstance(passage, Waiting):
                raise _NoRoomError  # noqa: TRY301 - it ends the savepoint
            return gate, passage
    except _NoRoomError:
        # Asked again, for its place in the queue was taken back too; should there be room by now, it is kept for it.
        passage = await let_pass(connection, locked, lane, key)
        soon = Passage(admitted=False, wait_s=ROOM_IS_KEPT_S, lacks="room")
        return gate, passage if isinstance(passage, Waiting) else Waiting(passage=soon)


async def _by_enrolled(connection: Connection, locked: LockedRun, gate: Gate) -> Gate:
    """Ask again where somebody was locked out who approved, or in whose place it was: it may not have been them."""
    if gate.consent is None or gate.consent.kind != "holds":
        return gate
    names = sorted(names_taken([one.word for one in approvals_of(locked)]))
    is_disabled = await connection.fetchval(query("any_disabled"), names)
    return replace(gate, consent=Consent("outdated")) if is_disabled else gate


def _may_be_granted(gate: Gate) -> bool:
    """Whether a standing grant may answer: nobody was asked yet, and it is not an open breaker that asks."""
    asks_for_breaker = any(rule.id == BREAKER_ASK_PERSON for rule in gate.decision.fired)
    return gate.consent is not None and gate.consent.kind == "absent" and not asks_for_breaker


async def _by_grant(connection: Connection, locked: LockedRun, ref: CallRef, gate: Gate) -> Gate:
    """Open the gate by a standing grant, if one answers where a person would be asked."""
    assert gate.consent is not None
    grant = await use_grant(connection, locked, ref, gate.decision, gate.obligations)
    return gate if grant is None else replace(gate, consent=Consent("holds"), grant=grant)
