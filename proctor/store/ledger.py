"""Rows of the ledger, and the reports made from them."""

from typing import Any, Literal

from proctor.contracts.dispatching import EffectStanding, Prior, Refusal
from proctor.contracts.ids import compensation_key, effect_key
from proctor.contracts.run import AuditHead
from proctor.contracts.steps import CallRef, CallReport, CallStatus
from proctor.store.locked import LockedRun
from proctor.store.rows import Row

OPEN_STATES = frozenset({"intent", "attempt_failed"})
DIGEST_SHOWN = 16

_STATUS_OF_ENTRY: dict[str, CallStatus] = {"result": "confirmed", "failure": "failed", "denial": "denied"}


def intent_row(
    locked: LockedRun,
    ref: CallRef,
    kind: Literal["act", "compensation"],
    tool: str,
    *,
    after: Row | None = None,
    review_after: bool = False,
) -> dict[str, Any]:
    """Build the ledger's row of an attempt that is about to be made; `after` is the attempt before it."""
    key = effect_key(ref.run_id, ref.step, ref.call)
    assert locked.planned is not None
    return {
        "key": key if kind == "act" else compensation_key(key),
        "step": ref.step,
        "call": ref.call,
        "kind": kind,
        "tool": tool,
        "state": "intent",
        "attempt": 1 if after is None else after["attempt"] + 1,
        "doubtful": after is not None and (after["doubtful"] or after["state"] == "intent"),
        "intent_at": locked.at,
        "outcome_at": None,
        "result_digest": None,
        "summary": "",
        "request_id": None,
        "epoch": locked.epoch,
        "arguments_digest": locked.planned["arguments_digest"],
        "review_after": review_after if after is None else after["review_after"],
    }


def settled(row: Row, locked: LockedRun, state: str, **fields: Any) -> dict[str, Any]:
    """Build the row that `row` becomes with an outcome."""
    return {**dict(row), "state": state, "outcome_at": locked.at, **fields}


def standing_of(locked: LockedRun, effect: Row) -> Prior | Refusal:
    """Tell what an existing effect means for whoever wants to begin it."""
    if effect["state"] not in OPEN_STATES:
        return Refusal(report=report_of(effect, locked.head))
    return Prior(standing=effect_standing(locked, effect))


def effect_standing(locked: LockedRun, effect: Row) -> EffectStanding:
    """Tell how an effect without an outcome stands."""
    age_s = max(0.0, (locked.at - effect["intent_at"]).total_seconds())
    return EffectStanding(state=effect["state"], attempt=effect["attempt"], age_s=age_s)


def report_of(effect: Row, head: AuditHead | None) -> CallReport:
    """Report an effect as it stands in the ledger."""
    statuses: dict[str, CallStatus] = {"confirmed": "confirmed", "intent": "unknown", "unknown": "unknown"}
    status = statuses.get(effect["state"], "failed")
    found = report(status, effect["result_digest"] or "", effect["summary"], head)
    return found if effect["request_id"] is None else found.model_copy(update={"request_id": effect["request_id"]})


def report_of_entry(entry: Row, head: AuditHead | None) -> CallReport:
    """Report a call whose outcome is in the transcript."""
    return report(_STATUS_OF_ENTRY[entry["kind"]], entry["content_digest"], entry["summary"], head)


def report(status: CallStatus, digest: str, summary: str, head: AuditHead | None) -> CallReport:
    """Report an outcome to the workflow. What a tool gave stays in the store: history gets its digest only."""
    if status == "confirmed":
        return CallReport(status=status, result=digest[:DIGEST_SHOWN], head=head)
    return CallReport(status=status, result=digest[:DIGEST_SHOWN], summary=summary, head=head)


def fenced_report(locked: LockedRun, tools: tuple[str, ...]) -> CallReport | None:
    """Report that a fence, or the end of the run, forbids any new intent; None when nothing does."""
    fence = locked.fence_over(tools)
    if fence is not None:
        return CallReport(status="fenced", summary=f"stopped by fence {fence.epoch}", head=locked.head)
    if locked.has_ended:
        return CallReport(status="fenced", summary="the run has ended", head=locked.head)
    return None
