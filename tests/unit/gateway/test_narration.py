"""What a watching person reads."""

from typing import Any

import pytest

from gateway.narration import is_quiet, sentence
from proctor.contracts.audit import AuditRecord

from .fakes import NOW

HASH = "ab" * 32
JUDGED = {"step": 3, "call": 0, "tool": "Restart", "rule": "scope", "reason": "out of scope"}


def record(event: str, **body: Any) -> AuditRecord:
    return AuditRecord(run_id="run-1", n=0, at=NOW, kind=event, body=body, prev=HASH, hash=HASH)


@pytest.mark.parametrize(
    ("told", "kind", "body"),
    [
        ("accepted — greeter · operator", "run_accepted", {"agent": "greeter", "requester": "operator"}),
        ("step 0: plans — look first", "plan_recorded", {"step": 0, "kind": "calls", "reason": "look first"}),
        ("step 4: ends — all is well", "plan_recorded", {"step": 4, "kind": "final", "reason": "all is well"}),
        ("step 3: denied by policy — Restart · out of scope", "call_judged", {**JUDGED, "verdict": "deny"}),
        ("step 3: needs approval — Restart · out of scope", "call_judged", {**JUDGED, "verdict": "require_approval"}),
        ("step 1: read — Health", "read_recorded", {"step": 1, "call": 0, "tool": "Health", "status": "confirmed"}),
        ("step 1: could not read — Health", "read_recorded", {"step": 1, "tool": "Health", "status": "failed"}),
        ("step 3: done — Restart", "effect_confirmed", {"key": "run-1/3/0", "tool": "Restart", "attempt": 1}),
        ("step 3: taken back — Restore", "compensation_confirmed", {"key": "run-1/3/0/undo", "tool": "Restore"}),
        ("decision refused — ana · asked for it", "decision_refused", {"by": "ana", "note": "asked for it"}),
        ("closed — failed · no luck", "run_closed", {"status": "failed", "reason": "no luck"}),
        ("something new", "something_new", {}),
    ],
)
def test_record_is_told_in_words(told: str, kind: str, body: dict[str, Any]) -> None:
    """The step comes first, also where only the key of an effect names it; unknown kinds are told too."""
    assert told == sentence(record(kind, **body))


def test_only_permission_that_was_simply_given_is_quiet() -> None:
    """A denial or a request to a person is never left out."""
    quiet = {verdict: is_quiet(record("call_judged", verdict=verdict)) for verdict in ("allow", "deny", "none")}
    assert quiet == {"allow": True, "deny": False, "none": False}
    assert not is_quiet(record("call_judged", verdict="require_approval"))
    assert is_quiet(record("effect_intended", key="run-1/3/0"))


def test_long_text_is_cut_to_one_line() -> None:
    """Whatever a planner says fits 200 characters."""
    told = sentence(record("plan_recorded", step=0, kind="calls", reason="x\ny" * 400))
    assert (len(told) <= 200, "\n" in told) == (True, False)
