"""Which recorded approvals hold: each condition by itself, all others being met."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.signing import Signer, make_key
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.human import HumanDecision, HumanRequest, RequestKind
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RequestId, RunId
from proctor.contracts.obligations import Escalate
from proctor.contracts.stages import ESCALATED
from proctor.store.approvals import approvals_of, valid
from proctor.store.locked import LockedRun
from proctor.store.signatures import key_id_of

ASKED = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SAID = ASKED + timedelta(minutes=10)
BINDING = Digest("b" * 64)
PROCESS = ApprovalProcess(escalations=(Escalate(after_s=600, to=(PrincipalName("olga"),)),))
REQUEST = HumanRequest(
    id=RequestId("req-1"),
    kind=RequestKind.APPROVAL,
    run_id=RunId("run-1"),
    step=0,
    agent=AgentName("fixer"),
    requester=PrincipalName("rita"),
    owner=PrincipalName("wanda"),
    title="Restart()",
    created_at=ASKED,
    expires_at=ASKED + timedelta(hours=1),
)
Row = dict[str, Any]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """Make adam's key."""
    return make_key(tmp_path, PrincipalName("adam"))


def recorded(signer: Signer, **word: Any) -> Row:
    """Give an approval of adam's as the store reads it, with its key and its record in the audit."""
    said = HumanDecision(request_id=REQUEST.id, word="approve", reason=word.get("reason", "fine"))
    signature = signer.signed(REQUEST, said).signature
    assert signature is not None
    spoken = {
        "id": "dec-1",
        "request_id": REQUEST.id,
        "word": "approve",
        "by": "adam",
        "on_behalf_of": None,
        "roles": ["approver"],
        "at": SAID,
        "applied": True,
        "note": "",
        "reason": "fine",
        "channel": "cli",
        "key_id": signature.key_id,
        "binding_digest": BINDING,
        "arguments_digest": None,
        "answer": None,
        "grant_terms": None,
        "signature": signature.value,
        **word,
    }
    key = {
        "id": signature.key_id,
        "principal": "adam",
        "public_key": signer.public_key,
        "label": "",
        "added_at": ASKED,
        "valid_from": ASKED,
        "vouched_by": "enrolment",
        "revoked_at": None,
    }
    return {"word": spoken, "key": key, "is_delegated": True, "record": audited(spoken)}


def audited(spoken: Row) -> Row:
    """Give the audit's record of a decision."""
    same = {name: spoken[name] for name in ("by", "word", "on_behalf_of", "roles")}
    return {**same, "binding": spoken["binding_digest"], "key": spoken["key_id"]}


def holds(row: Row, *, is_signed: bool = True) -> bool:
    """Whether the approval counts for a call that zoe wrote, in a run that rita asked for."""
    run = {"requester": "rita", "run_id": "run-1"}
    locked = LockedRun(at=SAID, run=run, approval={"created_at": ASKED}, approvals=(row,), authors=frozenset({"zoe"}))
    signed_for = REQUEST if is_signed else None
    return bool(valid(approvals_of(locked), locked, BINDING, PROCESS, signed_for=signed_for))


def test_an_approval_that_meets_every_condition_holds(signer: Signer) -> None:
    """By a person, in somebody's place, or by escalation; and a key that is revoked later signed before."""
    assert holds(recorded(signer))
    assert holds(recorded(signer, on_behalf_of="wanda"), is_signed=False)
    assert holds(recorded(signer, by="olga", roles=["escalated"]), is_signed=False)
    later = recorded(signer)
    later["key"]["revoked_at"] = SAID + timedelta(seconds=1)
    assert holds(later)


@pytest.mark.parametrize(
    "word",
    [
        {"binding_digest": "c" * 64},
        {"by": "rita"},
        {"by": "zoe"},
        {"on_behalf_of": "rita"},
        {"on_behalf_of": "zoe"},
        {"roles": ["approver", ESCALATED]},
        {"by": "olga", "roles": [ESCALATED], "at": SAID - timedelta(seconds=1)},
    ],
)
def test_a_word_that_its_author_could_not_speak_does_not_hold(signer: Signer, word: Row) -> None:
    """Although the audit says the same of it."""
    assert not holds(recorded(signer, **word), is_signed=False)


def _not_delegated(row: Row) -> None:
    row["is_delegated"] = False


def _not_audited(row: Row) -> None:
    row["record"] = None


def _audited_otherwise(row: Row) -> None:
    row["record"]["roles"] = ["owner"]


@pytest.mark.parametrize("change", [_not_delegated, _not_audited, _audited_otherwise])
def test_a_word_that_nothing_else_bears_out_does_not_hold(signer: Signer, change: Callable[[Row], None]) -> None:
    """A delegation that was not in force, and a record that says otherwise."""
    row = recorded(signer)
    change(row)
    assert not holds(row, is_signed=False)


@pytest.mark.parametrize(
    "key",
    [
        None,
        {"principal": "anna"},
        {"valid_from": SAID + timedelta(seconds=1)},
        {"revoked_at": SAID},
        {"id": "0" * 16},
    ],
)
def test_a_signature_by_a_key_that_did_not_count_does_not_hold(signer: Signer, key: Row | None) -> None:
    """Nobody's, another person's, one that rested still, a revoked one, or one under another id."""
    row = recorded(signer)
    row["key"] = None if key is None else {**row["key"], **key}
    assert not holds(row)


def test_a_key_under_the_id_of_another_does_not_count(signer: Signer, tmp_path: Path) -> None:
    """Whoever writes their own public key into the row of an approver's has not signed for them."""
    other = make_key(tmp_path, PrincipalName("adam"))
    row = recorded(other)
    known = key_id_of(signer.public_key)
    row["key"]["id"] = row["word"]["key_id"] = row["record"]["key"] = known
    assert not holds(row)


@pytest.mark.parametrize("word", [{"signature": None}, {"signature": "AAAA"}, {"answer": "more"}])
def test_a_signature_over_other_words_does_not_hold(signer: Signer, word: Row) -> None:
    """None at all, none that is one, or one over what was not said."""
    row = recorded(signer, **word)
    assert not holds(row)
    assert holds(row, is_signed=False)
