"""Approvals as they were recorded: whose they are, whether they still hold, and how far a request has come."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proctor.contracts.approving import ApprovalProcess, ApproverKey
from proctor.contracts.human import HumanDecision, HumanRequest, decision_text
from proctor.contracts.ids import Digest, RequestId
from proctor.contracts.obligations import Quorum, Stage
from proctor.contracts.stages import ESCALATED, SpokenWord, StageStanding, said_of, stages_of
from proctor.store.locked import LockedRun
from proctor.store.rows import Row
from proctor.store.signatures import is_signed, key_id_of

_WORD = tuple(SpokenWord.model_fields)
_KEY = tuple(ApproverKey.model_fields)


@dataclass(frozen=True)
class Approval:
    """One recorded approval, with what it is verified by."""

    word: SpokenWord
    said: HumanDecision
    """The decision as the person signed it."""
    signature: str | None
    key: ApproverKey | None
    """The key that it names, as the store has it now."""
    is_delegated: bool
    """Whether, when it was given, they stood for whom they say."""
    record: Mapping[str, Any] | None
    """What the run's audit says of it."""

    @property
    def is_audited(self) -> bool:
        """Whether the audit says the same: whoever alters the decision would have to rewrite the chain, too."""
        word, record = self.word, self.record
        if record is None:
            return False
        said = [record.get(name) for name in ("by", "word", "binding", "on_behalf_of", "key")]
        roles = record.get("roles", list(word.roles))  # early versions did not write them down
        recorded = [word.by, word.word, word.binding_digest, word.on_behalf_of, word.key_id]
        return said == recorded and roles == list(word.roles)

    def is_signed(self, request: HumanRequest) -> bool:
        """Whether it carries a signature of its author over exactly this decision on exactly this request."""
        key, word = self.key, self.word
        if key is None or self.signature is None or not is_key_of(key, word):
            return False
        return is_signed(decision_text(request, self.said, word.by), self.signature, key.public_key)


def is_key_of(key: ApproverKey, word: SpokenWord) -> bool:
    """Whether a key is its author's, and counted when the word was given."""
    is_own = key.principal == word.by and key.id == word.key_id == key_id_of(key.public_key)
    return is_own and key.valid_from <= word.at and (key.revoked_at is None or key.revoked_at > word.at)


def approvals_of(locked: LockedRun) -> list[Approval]:
    """Read the recorded approvals of the newest approval request of the locked call, in order."""
    return [_to_approval(row) for row in locked.approvals]


def _to_approval(row: Row) -> Approval:
    word = row["word"]
    said = HumanDecision(
        request_id=RequestId(word["request_id"]),
        word=word["word"],
        reason=word["reason"],
        answer=word["answer"],
        grant=word["grant_terms"],
        on_behalf_of=word["on_behalf_of"],
    )
    key = None if row["key"] is None else to_key(row["key"])
    return Approval(to_word(word), said, word["signature"], key, row["is_delegated"], row["record"])


def to_word(row: Row) -> SpokenWord:
    """Read a decision."""
    return SpokenWord.model_validate({name: row[name] for name in _WORD})


def to_key(row: Row) -> ApproverKey:
    """Read a public key of an approver."""
    return ApproverKey.model_validate({name: row[name] for name in _KEY})


def process_of_request(request: Row) -> ApprovalProcess:
    """Read what an approval takes; of an early version's request the people whom it asked for beyond one."""
    if request["process"] is not None:
        return ApprovalProcess.model_validate(request["process"])
    people = (Quorum.model_validate(one) for one in request["quorum"] or ())
    return ApprovalProcess(stages=tuple(Stage(count=one.count, role=one.role) for one in people), may_grant=False)


def standings(request: Row, words: Iterable[SpokenWord]) -> tuple[StageStanding, ...]:
    """Count approvals for a request; early versions asked all stages at once."""
    return stages_of(process_of_request(request), words, in_order=_is_in_order(request))


def asked_of(request: Row, found: Sequence[StageStanding]) -> Sequence[StageStanding]:
    """Give the stages that are asked now."""
    missing = [one for one in found if one.missing > 0]
    return missing[:1] if _is_in_order(request) else missing


def _is_in_order(request: Row) -> bool:
    return request["process"] is not None


def lacking(found: Sequence[StageStanding]) -> str:
    """Say which approvals are lacking, such as `1 of 2 approvers`; empty when none is."""
    missing = [said_of(one) for one in found if one.missing > 0]
    return ", then ".join(missing)


def own_words(locked: LockedRun) -> frozenset[str]:
    """Name those who may not approve the locked call: who asked for the run, and who wrote the call's arguments."""
    return frozenset({locked.run["requester"], *locked.authors})


def valid(
    approvals: Iterable[Approval],
    locked: LockedRun,
    binding: Digest,
    escalated: ApprovalProcess,
    *,
    signed_for: HumanRequest | None,
) -> list[SpokenWord]:
    """Give the approvals that hold for a binding, verified anew from what was recorded when they were given.

    `escalated` says who could be asked by escalation; `signed_for` is given where each must be signed.
    """
    request, excluded = locked.approval, own_words(locked)
    assert request is not None
    return [
        one.word
        for one in approvals
        if one.word.binding_digest == binding
        and not one.word.names & excluded
        and one.is_delegated
        and one.is_audited
        and (ESCALATED not in one.word.roles or _was_escalated_to(one.word, escalated, request["created_at"]))
        and (signed_for is None or one.is_signed(signed_for))
    ]


def _was_escalated_to(word: SpokenWord, process: ApprovalProcess, asked_at: datetime) -> bool:
    passed = (word.at - asked_at).total_seconds()
    return any(one.after_s <= passed and word.names & set(one.to) for one in process.escalations)
