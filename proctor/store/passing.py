"""Calls that pass, wait or are held back: what traffic has to say when one is begun."""

from proctor.contracts.canonical import summarize
from proctor.contracts.decision import Decision
from proctor.contracts.dispatching import Admitted, Waiting
from proctor.contracts.ids import EffectKey
from proctor.contracts.steps import CallRef, CallReport
from proctor.contracts.traffic import Lane
from proctor.store.changes import Changes
from proctor.store.database import Connection
from proctor.store.ledger import report
from proctor.store.locked import LockedRun
from proctor.store.traffic import enter, is_watched, must_enter


async def let_pass(
    connection: Connection, locked: LockedRun, lane: Lane | None, key: EffectKey, *, attempt: int = 1
) -> Admitted | Waiting:
    """Let a call pass in the caller's transaction; one without limits that meets closed breakers asks for nothing."""
    if lane is None:
        return Admitted(attempt=attempt)
    watched = is_watched(lane, locked.breakers)
    if not must_enter(lane, locked.breakers):
        return Admitted(attempt=attempt, is_watched=watched)
    passage = await enter(connection, lane, key)
    if not passage.admitted:
        return Waiting(passage=passage)
    return Admitted(attempt=attempt, turn=passage.turn, is_watched=watched)


async def hold_back(connection: Connection, locked: LockedRun, ref: CallRef, decision: Decision) -> CallReport:
    """Write that a call failed because a breaker is open. Nothing was denied: the planner may try it later."""
    assert locked.planned is not None
    changes = Changes.to(locked)
    error = "; ".join(filter(None, (decision.reason, decision.advice)))
    told = {"error": error, "rule": decision.determining}
    node, rule = locked.planned["node"], decision.determining
    digest, _ = changes.observe("failure", told, step=ref.step, call=ref.call, node=node, tool=locked.tool)
    changes.audit(
        "call_held_back",
        step=ref.step,
        call=ref.call,
        tool=locked.tool,
        rule=rule,
        reason=decision.reason,
        policy=decision.policy_digest,
    )
    return report("failed", digest, summarize(decision.reason), await changes.write(connection))
