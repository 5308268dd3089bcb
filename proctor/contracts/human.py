"""Requests to people, their decisions, and who the people are."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PlainSerializer

from proctor.contracts.approving import ApprovalProcess, GrantTerms
from proctor.contracts.base import Contract
from proctor.contracts.canonical import canonical_json, digest_json
from proctor.contracts.ids import AgentName, Digest, EffectKey, PrincipalName, RequestId, RunId, TenantId, ToolName


class Role(StrEnum):
    """What a principal may do."""

    REQUESTER = "requester"
    APPROVER = "approver"
    OWNER = "owner"
    OPERATOR = "operator"
    AUDITOR = "auditor"


_Listed = Annotated[list[Role], Field(json_schema_extra={"uniqueItems": True})]


def _in_order(roles: frozenset[Role]) -> _Listed:
    return sorted(roles)


Roles = Annotated[frozenset[Role], PlainSerializer(_in_order, when_used="json")]
"""A set of roles; written in alphabetical order, since each process would list a set in an order of its own."""


class Principal(Contract):
    """An authenticated person or service."""

    name: PrincipalName
    roles: Roles
    is_narrowed: bool = Field(default=False, exclude=True)
    """Whether they came in by a key with fewer roles than they have: then nothing but these roles counts."""
    key_until: AwareDatetime | None = Field(default=None, exclude=True)
    """When the API key ends that they came in by; None: they came in by something that has no end of its own."""

    def answers_for(self, owner: PrincipalName) -> bool:
        """Whether they act as the owner that an agent's manifest names; by a narrowed key only with the role owner."""
        return self.name == owner and (not self.is_narrowed or Role.OWNER in self.roles)


class RequestKind(StrEnum):
    """What a person is asked for."""

    APPROVAL = "approval"
    QUESTION = "question"
    UNKNOWN_OUTCOME = "unknown_outcome"
    BUDGET = "budget"
    FAILED_COMPENSATION = "failed_compensation"


class RequestState(StrEnum):
    """Where a request stands. Only `pending` can change, and `granted` can become `consumed`."""

    PENDING = "pending"
    GRANTED = "granted"
    DENIED = "denied"
    ANSWERED = "answered"
    EXPIRED = "expired"
    CONSUMED = "consumed"
    EDITED = "edited"
    """A person changed the arguments: another call of the same step took its place."""
    WITHDRAWN = "withdrawn"


class ApprovalBinding(Contract):
    """All that an approval stands for. If any of it differs at dispatch, the approval does not hold (rule 5)."""

    run_id: RunId
    step: int
    call: int
    tenant: TenantId
    agent: AgentName
    requester: PrincipalName
    tool: ToolName
    tool_version: str
    arguments_sha256: Digest
    policy_digest: Digest
    expires_at: AwareDatetime
    target: str = ""
    """The goal of the call: what it does to whom (`policies.flow.goals`)."""
    process_sha256: Digest | None = None
    """What the approval takes (`ApprovalProcess.digest`)."""
    author: PrincipalName | None = None
    """The person who wrote the call; None: the agent."""

    def digest(self) -> Digest:
        """Take the SHA-256 over the canonical JSON of all fields; those that early bindings lack count when set."""
        return digest_json(self.model_dump(mode="json", exclude_defaults=True))


class HumanRequest(Contract):
    """Something that waits for a person."""

    id: RequestId
    kind: RequestKind
    run_id: RunId
    step: int
    call: int = 0
    agent: AgentName
    requester: PrincipalName
    owner: PrincipalName
    """Who answers for the agent, and so for this request at its deadline."""
    title: str
    """One line that we render from the real values."""
    details: dict[str, Any] = Field(default_factory=dict)
    """For approvals: tool, version, arguments, effect, risk, compensation, determining rule, reason.
    For questions: question. For unknown outcomes and failed compensations: key, tool, arguments, error."""
    binding: ApprovalBinding | None = None
    process: ApprovalProcess | None = None
    """What an approval takes; None for other kinds, and for requests of versions that knew one stage only."""
    escalated: int = 0
    """How many escalations are due and made."""
    next_at: AwareDatetime | None = None
    """When the next escalation is due."""
    replaces: int | None = None
    """Call of the same step that a person edited; this one asks for the edited call."""
    effect_key: EffectKey | None = None
    state: RequestState = RequestState.PENDING
    created_at: datetime
    expires_at: AwareDatetime
    decided_by: PrincipalName | None = None
    reason: str | None = None


DecisionWord = Literal["approve", "deny", "edit", "answer", "happened", "not_happened"]
Channel = Literal["cli", "rest", "slack", "matrix", "page"]


class Signature(Contract):
    """An approver's Ed25519 signature over `decision_text`."""

    key_id: str
    value: str
    """64 raw bytes in unpadded base64url."""


class HumanDecision(Contract):
    """A person's word on a request. `happened`/`not_happened` settle an unknown outcome.

    `edit` replaces the arguments: the request ends `edited`, and the call with the new arguments is a new proposal,
    judged by policy again, whose author counts as its requester.
    """

    request_id: RequestId
    word: DecisionWord
    reason: str = Field(default="", max_length=2000)
    answer: str | None = None
    arguments: dict[str, Any] | None = None
    """For `edit`: all arguments of the call."""
    grant: GrantTerms | None = None
    """For `approve`: stop asking."""
    on_behalf_of: PrincipalName | None = None
    """Whose place is taken, by a delegation."""
    signature: Signature | None = None
    channel: Channel = "cli"


def decision_text(request: HumanRequest, decision: HumanDecision, by: PrincipalName) -> bytes:
    """Give the canonical text (RFC 8785) that a person signs: all that the decision says, and what it stands for."""
    said = decision.model_dump(mode="json", exclude={"signature", "channel", "request_id"}, exclude_none=True)
    binding = None if request.binding is None else request.binding.digest()
    return canonical_json({"proctor": "decision/1", "request": request.id, "binding": binding, "by": by, **said})


class DecisionReceipt(Contract):
    """What became of a decision. Late, duplicate and losing decisions are recorded and not applied."""

    decision_id: str
    request: HumanRequest
    """The request as it stands now."""
    applied: bool
    note: str
