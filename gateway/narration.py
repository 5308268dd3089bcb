"""Audit records in words: one line each, for whoever watches a run."""

from typing import Any

from proctor.contracts.audit import AuditRecord
from proctor.contracts.canonical import summarize

_WORDS = {
    "run_accepted": "accepted",
    "run_opened": "opened",
    "plan_recorded": "planned",
    "call_judged": "judged",
    "approval_requested": "asks a person",
    "question_asked": "asks a person",
    "budget_requested": "asks a person",
    "unknown_outcome_opened": "asks a person",
    "failed_compensation_opened": "asks a person",
    "step_halted": "halted",
    "approval_granted": "approved",
    "approval_denied": "denied by a person",
    "approval_consumed": "approval used",
    "approval_expired": "nobody decided in time",
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
    "run_closed": "closed",
}
_QUIET = {"approval_consumed", "call_dispatched", "effect_intended", "compensation_intended"}
_TOLD = (
    "tool", "kind", "verdict", "outcome", "status", "by", "decided_by", "word", "rule", "summary", "title",
    "reason", "error",
)  # fmt: skip


def is_quiet(record: AuditRecord) -> bool:
    """Whether a record only repeats, for a person, what the next one says."""
    return record.kind in _QUIET


def sentence(record: AuditRecord) -> str:
    """Say a record in one line of at most 200 characters."""
    told = [_text(record.body[name]) for name in _TOLD if record.body.get(name)]
    words = _WORDS.get(record.kind, record.kind.replace("_", " "))
    place = f"step {record.body['step']}: " if isinstance(record.body.get("step"), int) else ""
    return summarize(f"{place}{words}" + (f" — {' · '.join(dict.fromkeys(told))}" if told else ""))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else summarize(str(value), 80)
