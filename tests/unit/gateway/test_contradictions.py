"""Rows that say something else than the audit trail."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.contradictions import contradictions
from proctor.contracts.audit import AuditRecord, chain
from proctor.contracts.ids import Digest, RunId, ToolName
from proctor.contracts.run import RunStatus
from proctor.contracts.steps import JudgedCall

from .fakes import run_record

BUNDLE, POLICY, ARGUMENTS = Digest("b" * 64), Digest("p" * 64), Digest("a" * 64)
ROW = run_record("run-1", RunStatus.COMPLETED, bundle_digest=BUNDLE, policy_digest=POLICY)
CALL = JudgedCall(step=0, call=0, tool=ToolName("Restart"), tool_version="1", arguments=ARGUMENTS)


def trail() -> list[AuditRecord]:
    judged = {"step": 0, "call": 0, "tool": "Restart", "tool_version": "1", "arguments": ARGUMENTS}
    events: list[tuple[str, dict[str, Any]]] = [
        ("run_accepted", {"agent": "resolver", "requester": "operator", "bundle": BUNDLE}),
        ("run_opened", {"bundle": BUNDLE, "policy": POLICY}),
        ("call_judged", judged),
        ("run_closed", {"status": "completed", "report": None}),
    ]
    return chain(RunId("run-1"), None, datetime.now(UTC), events)


def test_rows_as_they_were_written_contradict_nothing() -> None:
    """A run, and one that goes on: the newest call may be ahead of the records that were read."""
    ahead = CALL.model_copy(update={"step": 1})
    assert [] == contradictions(ROW, [CALL], trail())
    assert [] == contradictions(ROW, [CALL, ahead], trail()[:-1])


@pytest.mark.parametrize(
    "change",
    [{"status": RunStatus.FAILED}, {"bundle_digest": POLICY}, {"policy_digest": BUNDLE}, {"requester": "nobody"}],
)
def test_altered_run_is_named(change: dict[str, Any]) -> None:
    """Status, bundle, policy and requester are as the records say."""
    assert contradictions(ROW.model_copy(update=change), [CALL], trail())


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([], "is missing"),
        ([CALL.model_copy(update={"tool": "Delete"})], "is not the one"),
        ([CALL.model_copy(update={"arguments": POLICY})], "is not the one"),
        ([CALL, CALL.model_copy(update={"call": 1})], "was never judged"),
        ([CALL, CALL.model_copy(update={"step": 1})], "was never judged"),
    ],
)
def test_altered_plan_is_named(calls: list[JudgedCall], said: str) -> None:
    """A call that was removed, changed or planted is found by the record that judged it, or by its absence."""
    found = contradictions(ROW, calls, trail())
    assert 1 == len(found)
    assert said in found[0]
