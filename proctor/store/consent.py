"""Whether an approval holds at dispatch (rule 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from proctor.contracts.human import ApprovalBinding, RequestState
from proctor.contracts.ids import Digest
from proctor.contracts.obligations import Quorum
from proctor.contracts.run import CallRef
from proctor.store.locked import LockedRun
from proctor.store.requests import binding_of
from proctor.store.rows import Row

TAMPERED = "approval-integrity"
"""Determining rule of a denial because an approval's row was changed behind the gateway's back."""
REFUSED_BY_PERSON = "person"
EXPIRED = "approval-expired"


@dataclass(frozen=True)
class Consent:
    """What the newest approval request of a call amounts to.

    `holds`: granted, and consumed or about to be; `pending`: wait; `absent`: ask; `outdated`: granted under another
    policy, or by fewer people than it takes now, ask again; `refused`: denied, expired or tampered with.
    """

    kind: Literal["holds", "pending", "absent", "outdated", "refused"]
    rule: str = ""
    reason: str = ""
    by: Literal["policy", "person"] = "person"


def consent_for(locked: LockedRun, ref: CallRef, policy_digest: Digest, people: Sequence[Quorum] = ()) -> Consent:
    """Judge the newest approval request of the recorded call, on what is in the store now.

    `people` are those that it takes beyond the one who may approve anyway.
    """
    row = locked.approval
    if row is None or row["state"] == RequestState.WITHDRAWN:
        return Consent("absent")
    state = RequestState(row["state"])
    if state is RequestState.DENIED:
        said = f": {row['reason']}" if row["reason"] else ""
        return Consent("refused", REFUSED_BY_PERSON, f"{row['decided_by']} denied it{said}")
    if state in {RequestState.GRANTED, RequestState.CONSUMED}:
        return _granted(locked, ref, policy_digest, people)
    if state is RequestState.EXPIRED or row["expires_at"] <= locked.at:
        return Consent("refused", EXPIRED, "nobody decided before the request expired")
    return Consent("pending")


def _granted(locked: LockedRun, ref: CallRef, policy_digest: Digest, people: Sequence[Quorum]) -> Consent:
    row, consent = locked.approval, locked.consent
    assert row is not None
    if consent is None or consent["word"] != "approve" or row["binding"] is None:
        return _tampered("no recorded decision of a person stands behind it")
    stored = ApprovalBinding.model_validate(row["binding"])
    anew = binding_of(locked, ref, stored.policy_digest, row["expires_at"])
    if not stored.digest() == anew.digest() == consent["binding_digest"]:
        return _tampered("it does not stand for this call as it was recorded and approved")
    if consent["by"] == locked.run["requester"]:
        return _tampered("the requester approved it")
    if lacking(quorum_of(row), locked, anew.digest()):
        return _tampered("fewer people approved it than it asked for")
    if row["expires_at"] <= locked.at and row["state"] != RequestState.CONSUMED:
        return Consent("refused", EXPIRED, "the approval expired before it was used")
    is_outdated = stored.policy_digest != policy_digest or bool(lacking(people, locked, anew.digest()))
    return Consent("outdated" if is_outdated else "holds")


def quorum_of(request: Row) -> tuple[Quorum, ...]:
    """Read how many people an approval request asks for; none where one will do."""
    return tuple(Quorum.model_validate(one) for one in request["quorum"] or ())


def lacking(people: Sequence[Quorum], locked: LockedRun, binding_digest: Digest) -> list[str]:
    """List what the recorded approvals of the locked call lack, such as `1 of 2`; each person counts once."""
    seen = [one for one in locked.approvals if one["binding_digest"] == binding_digest]
    missing = []
    for quorum in people:
        holders = {one["by"] for one in seen if quorum.role in one["roles"]} - {locked.run["requester"]}
        if len(holders) < quorum.count:
            missing.append(f"{len(holders)} of {quorum.count}")
    return missing


def _tampered(why: str) -> Consent:
    return Consent("refused", TAMPERED, f"the approval is not valid: {why}", by="policy")
