"""What the demo prints fits a terminal, whatever runs say."""

import pytest

from demo.show import ask
from demo.telling import COLUMNS, tell, tell_decisions, tell_report
from proctor.contracts.audit import AuditRecord
from tests.unit.gateway.fakes import NOW

HASH = "ab" * 32


def judged(step: int, verdict: str) -> AuditRecord:
    body = {"step": step, "tool": "Restart", "verdict": verdict, "rule": "scope", "reason": "out of scope"}
    return AuditRecord(run_id="run-1", n=step, at=NOW, kind="call_judged", body=body, prev=HASH, hash=HASH)


def test_long_text_goes_on_below_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is wider than promised, and nothing that steers a terminal gets through."""
    tell("alert", "a word " * 40 + "\x1b[2J")
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0][:18], lines[1][:18]) == ("   alert     a wor", " " * 13 + "word ")
    assert COLUMNS >= max(map(len, lines))
    assert lines[-1].endswith("\\x1b[2J")


def test_decision_log_has_every_verdict_and_the_reason_of_a_denial(capsys: pytest.CaptureFixture[str]) -> None:
    """What is allowed names its rule; what is not says why too."""
    tell_decisions([judged(0, "allow"), judged(1, "deny")])
    assert [
        "   decisions step 0 Restart allow by scope",
        "             step 1 Restart deny by scope: out of scope",
    ] == capsys.readouterr().out.splitlines()


def test_report_begins_with_its_sentence_and_ends_with_what_it_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    """A citation that was not confirmed says so."""
    cites = [{"tool": "Health", "step": 0, "status": "confirmed"}, {"tool": "Wipe", "step": 1, "status": "denied"}]
    tell_report({"findings": ["full", "old"], "cites": cites, "count": 2, "summary": "done"})
    assert [
        "   report    done",
        "             findings: full, old",
        "             count: 2",
        "             rests on: Health in step 0, Wipe denied in step 1",
    ] == capsys.readouterr().out.splitlines()


def test_only_a_yes_is_a_yes(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever wavers is asked again; nothing is approved for them."""
    answers = iter(["maybe", "nay", " NO ", "", "Y"])
    assert ["deny", "approve", "approve"] == [ask(lambda _: next(answers)) for _ in range(3)]
    assert 2 == capsys.readouterr().out.count("y or n, please")
