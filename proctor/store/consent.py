"""Whether an approval holds at dispatch (rule 5)."""

from dataclasses import dataclass
from typing import Literal

from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.human import ApprovalBinding, RequestState
from proctor.contracts.ids import Digest
from proctor.contracts.stages import SpokenWord, stages_of
from proctor.contracts.steps import CallRef
from proctor.store.approvals import approvals_of, lacking, own_words, process_of_request, standings, valid
from proctor.store.locked import LockedRun
from proctor.store.requests import binding_of
from proctor.store.rows import to_request

TAMPERED = "approval-integrity"
"""Determining rule of a denial because an approval's row was changed behind the gateway's back."""
REFUSED_BY_PERSON = "person"
EXPIRED = "approval-expired"
EDITED = "edited"


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


def consent_for(locked: LockedRun, ref: CallRef, policy_digest: Digest, process: ApprovalProcess) -> Consent:
    """Judge the newest approval request of the recorded call, on what is in the store now.

    `process` is what policy asks for now, what it asked for with the plan included.
    """
    row = locked.approval
    if row is None or row["state"] == RequestState.WITHDRAWN:
        return Consent("absent")
    state = RequestState(row["state"])
    if state is RequestState.DENIED:
        said = f": {row['reason']}" if row["reason"] else ""
        return Consent("refused", REFUSED_BY_PERSON, f"{row['decided_by']} denied it{said}")
    if state is RequestState.EDITED:
        return Consent("refused", EDITED, f"{row['decided_by']} put other arguments in its place")
    if state in {RequestState.GRANTED, RequestState.CONSUMED}:
        return _granted(locked, ref, policy_digest, process)
    if state is RequestState.EXPIRED or row["expires_at"] <= locked.at:
        return Consent("refused", EXPIRED, "nobody decided before the request expired")
    return Consent("pending")


def _granted(locked: LockedRun, ref: CallRef, policy_digest: Digest, process: ApprovalProcess) -> Consent:
    row, consent = locked.approval, locked.consent
    assert row is not None
    if consent is None or consent["word"] != "approve" or row["binding"] is None:
        return _tampered("no recorded decision of a person stands behind it")
    stored = ApprovalBinding.model_validate(row["binding"])
    anew = binding_anew(locked, ref, stored)
    if not stored.digest() == anew.digest() == consent["binding_digest"]:
        return _tampered("it does not stand for this call as it was recorded and approved")
    if consent["by"] in own_words(locked):
        return _tampered("somebody approved what is their own")
    asked = process_of_request(row)
    if lacking(standings(row, _held(locked, stored, process, is_signed=asked.is_signed))):
        return _tampered("fewer people approved it than it asked for, or not as it asks")
    if row["expires_at"] <= locked.at and row["state"] != RequestState.CONSUMED:
        return Consent("refused", EXPIRED, "the approval expired before it was used")
    is_outdated = stored.policy_digest != policy_digest or _asks_more(locked, stored, process)
    return Consent("outdated" if is_outdated else "holds")


def binding_anew(locked: LockedRun, ref: CallRef, stored: ApprovalBinding) -> ApprovalBinding:
    """Build the binding of the recorded call anew; an approval holds while it is equal to the one that was approved."""
    row = locked.approval
    assert row is not None
    process = None if row["process"] is None else process_of_request(row)
    return binding_of(locked, ref, stored.policy_digest, row["expires_at"], process)


def _held(
    locked: LockedRun, binding: ApprovalBinding, process: ApprovalProcess, *, is_signed: bool
) -> list[SpokenWord]:
    signed_for = to_request(locked.approval) if is_signed else None
    return valid(approvals_of(locked), locked, binding.digest(), process, signed_for=signed_for)


def _asks_more(locked: LockedRun, binding: ApprovalBinding, process: ApprovalProcess) -> bool:
    """Whether policy asks for more by now than what the recorded approvals give."""
    if binding.process_sha256 is None and process == ApprovalProcess():
        return False  # an early version asked for one person, and wrote nothing down of them but the name
    held = _held(locked, binding, process, is_signed=process.is_signed)
    return bool(lacking(stages_of(process, held)))


def _tampered(why: str) -> Consent:
    return Consent("refused", TAMPERED, f"the approval is not valid: {why}", by="policy")
