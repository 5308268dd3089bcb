"""What an approval takes: stages of people, signatures, escalation; and standing grants."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.canonical import canonical_json, digest_json
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RequestId, RunId, TenantId, ToolName
from proctor.contracts.obligations import AskEachTime, Escalate, Obligation, Quorum, Signed, Stage, Stages

LONGEST_GRANT_S = 30 * 86_400


class ApprovalProcess(Contract):
    """Who must approve, in which order, and how. Part of what an approval is bound to."""

    stages: tuple[Stage, ...] = (Stage(),)
    is_signed: bool = False
    """Each approval must carry the approver's signature."""
    may_grant: bool = True
    """Whether a person may approve and stop asking. Only where one unsigned approval is enough."""
    escalations: tuple[Escalate, ...] = ()
    """By time, earliest first."""

    def digest(self) -> Digest:
        """Take the SHA-256 of what it demands; escalation adds people and demands nothing."""
        return digest_json(self.model_dump(mode="json", exclude={"escalations", "may_grant"}))

    def next_at(self, asked_at: datetime, made: int) -> datetime | None:
        """Say when the next escalation is due, once `made` of them were made; None: there is none."""
        return asked_at + timedelta(seconds=self.escalations[made].after_s) if made < len(self.escalations) else None


def process_of(obligations: Iterable[Obligation]) -> ApprovalProcess:
    """Put the obligations of all policies that judged a call together; none takes from another.

    Stages come in the order in which they are named, the stages of the same role and name once, with the higher count.
    A `Quorum` is a stage without a name. Without either, one approver is asked.
    """
    asked = list(obligations)
    stages: dict[tuple[str, str], Stage] = {}
    for one in asked:
        found = one.stages if isinstance(one, Stages) else ()
        if isinstance(one, Quorum):
            found = (Stage(count=one.count, role=one.role),)
        for stage in found:
            known = stages.get((stage.role, stage.name))
            if known is None or known.count < stage.count:
                stages[stage.role, stage.name] = stage
    is_signed = any(isinstance(one, Signed) for one in asked)
    people = sum(stage.count for stage in stages.values())
    each_time = any(isinstance(one, AskEachTime) for one in asked)
    escalations = {one.model_dump_json(): one for one in asked if isinstance(one, Escalate)}
    return ApprovalProcess(
        stages=tuple(stages.values()) or (Stage(),),
        is_signed=is_signed,
        may_grant=not is_signed and not each_time and people <= 1,
        escalations=tuple(sorted(escalations.values(), key=lambda one: one.after_s)),
    )


class GrantTerms(Contract):
    """`approve and stop asking`: for which further calls, and for how long."""

    scope: Literal["run", "agent"] = "run"
    """Further calls of this run, or of the agent in this tenant."""
    same: tuple[str, ...] | None = None
    """Arguments (top-level names) that must be equal to the approved ones; None: all of them."""
    for_s: int = Field(gt=0, le=LONGEST_GRANT_S)
    max_uses: int | None = Field(default=None, ge=1, le=10_000)


class Grant(Contract):
    """A standing approval: recorded, revocable, and never more than policy allows with one approval."""

    id: str
    tenant: TenantId
    agent: AgentName
    tool: ToolName
    tool_version: str
    policy_digest: Digest
    """Another policy ends it."""
    run_id: RunId | None = None
    """Only this run; None: all runs of the agent in the tenant."""
    match: dict[str, Any] = Field(default_factory=dict)
    """Top-level arguments that must be equal, by name."""
    is_exact: bool = True
    """Whether the call may have no other arguments. Otherwise those that are not named must be trusted."""
    rules: tuple[str, ...] = ()
    """The rules that asked when it was given; it answers no other one."""
    request_id: RequestId
    by: PrincipalName
    created_at: AwareDatetime
    expires_at: AwareDatetime
    max_uses: int | None = None
    uses: int = 0
    revoked_at: AwareDatetime | None = None
    revoked_by: PrincipalName | None = None


class Delegation(Contract):
    """A person lets another decide in their place until a date; revocable. It hands on no more than they have."""

    id: str
    principal: PrincipalName
    """Whose place is taken."""
    to: PrincipalName
    agent: AgentName | None = None
    """Only for requests of this agent; None: for all."""
    reason: str = Field(default="", max_length=500)
    created_at: AwareDatetime
    until: AwareDatetime
    revoked_at: AwareDatetime | None = None


KEY_RESTS_S = 86_400
"""How long a new key waits that neither an older key of the person nor another owner vouches for: time to notice it."""
LONGEST_DELEGATION_S = 92 * 86_400


class ApproverKey(Contract):
    """An approver's public Ed25519 key."""

    id: str
    """First 16 characters of the SHA-256 of the raw public key."""
    principal: PrincipalName
    public_key: str
    """32 raw bytes in unpadded base64url."""
    label: str = Field(default="", max_length=100)
    added_at: AwareDatetime
    valid_from: AwareDatetime
    """Signatures made before this count for nothing: a key that nobody vouched for rests first."""
    vouched_by: str | None = None
    """Who let it count at once: an older key of the same person (its id), an owner (name), or `enrolment`."""
    revoked_at: AwareDatetime | None = None


def key_text(public_key: str, principal: PrincipalName) -> bytes:
    """Give the canonical text with which an older key of the same person introduces a new one."""
    return canonical_json({"proctor": "key/1", "public_key": public_key, "principal": principal})
