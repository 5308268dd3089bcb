"""Audit records in words: one line each, for whoever watches a run."""

from typing import Any

from proctor.contracts.audit import AuditRecord
from proctor.contracts.canonical import summarize

_WORDS = {
    "run_accepted": "accepted",
    "run_opened": "taken up by a worker",
    "call_denied": "denied",
    "approval_requested": "asks for approval",
    "question_asked": "asks",
    "budget_requested": "asks for a larger budget",
    "unknown_outcome_opened": "asks what happened",
    "failed_compensation_opened": "asks for help",
    "step_halted": "halted",
    "approval_granted": "approved",
    "approval_denied": "denied by a person",
    "approval_consumed": "approval used",
    "approval_expired": "nobody decided in time",
    "request_expired": "nobody decided in time",
    "call_dispatched": "dispatched",
    "effect_intended": "begins",
    "effect_confirmed": "done",
    "effect_failed": "failed",
    "effect_unknown": "outcome unknown",
    "effect_attempt_failed": "attempt failed",
    "compensation_intended": "takes back",
    "compensation_confirmed": "taken back",
    "compensation_failed": "could not be taken back",
    "compensation_unknown": "unknown whether taken back",
    "approval_edited": "edited by a person",
    "call_edited": "another call stands in its place",
    "call_set_aside": "set aside, a person took over",
    "run_paused": "paused",
    "run_resumed": "resumed",
    "run_taken_over": "a person takes over",
    "run_handed_back": "handed back to the agent",
    "message_sent": "a person says something",
    "person_acted": "a person at the wheel asks for",
    "control_refused": "order refused",
    "undo_ordered": "to be taken back",
    "undo_refused": "not to be taken back",
    "undo_finished": "taken back as far as it can be",
    "run_stopping": "stops",
    "run_closed": "closed",
}
_PLANS = {"calls": "plans", "final": "ends", "question": "has a question"}
_VERDICTS = {"allow": "allowed", "deny": "denied by policy", "require_approval": "needs approval"}
_QUIET = {"approval_consumed", "call_dispatched", "effect_intended", "compensation_intended"}
_TOLD = {
    "run_accepted": ("agent", "requester"),
    "plan_recorded": ("reason",),
    "call_judged": ("tool", "reason"),
    "read_recorded": ("tool",),
    "decision_refused": ("by", "note"),
    "decision_not_applied": ("by", "note"),
    "run_stopping": ("by", "mode"),
}
"""What is told of a record; `_USUALLY` of those that are not here."""
_USUALLY = ("tool", "title", "by", "status", "summary", "reason", "error")


def is_quiet(record: AuditRecord) -> bool:
    """Whether a record only repeats, for a person, what the next one says."""
    return record.kind in _QUIET or (record.kind == "call_judged" and record.body.get("verdict") == "allow")


def sentence(record: AuditRecord) -> str:
    """Say a record in one line of at most 200 characters."""
    told = [_text(record.body[name]) for name in _TOLD.get(record.kind, _USUALLY) if record.body.get(name)]
    step = _step(record)
    place = "" if step is None else f"step {step}: "
    return summarize(f"{place}{_words(record)}" + (f" — {' · '.join(dict.fromkeys(told))}" if told else ""))


def _words(record: AuditRecord) -> str:
    body = record.body
    if record.kind == "plan_recorded":
        return _PLANS.get(str(body.get("kind")), "planned")
    if record.kind == "call_judged":
        return _VERDICTS.get(str(body.get("verdict")), "judged")
    if record.kind == "read_recorded":
        return "read" if body.get("status") == "confirmed" else "could not read"
    return _WORDS.get(record.kind, record.kind.replace("_", " "))


def _step(record: AuditRecord) -> int | None:
    """Tell the step that a record is about: it says so, or carries the key of an effect, `RUN/STEP/CALL`."""
    if isinstance(step := record.body.get("step"), int):
        return step
    place = str(record.body.get("key", "")).removeprefix(f"{record.run_id}/").split("/")[0]
    return int(place) if place.isdigit() else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else summarize(str(value), 80)
