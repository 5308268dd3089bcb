"""Requests to people, their decisions, and who the people are."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.canonical import digest_json
from proctor.contracts.ids import AgentName, Digest, EffectKey, PrincipalName, RequestId, RunId, TenantId, ToolName


class Role(StrEnum):
    """What a principal may do."""

    REQUESTER = "requester"
    APPROVER = "approver"
    OWNER = "owner"
    OPERATOR = "operator"
    AUDITOR = "auditor"


class Principal(Contract):
    """An authenticated person or service."""

    name: PrincipalName
    roles: frozenset[Role]


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

    def digest(self) -> Digest:
        """Take the SHA-256 over the canonical JSON of all fields."""
        return digest_json(self.model_dump(mode="json"))


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
    effect_key: EffectKey | None = None
    state: RequestState = RequestState.PENDING
    created_at: datetime
    expires_at: AwareDatetime
    decided_by: PrincipalName | None = None
    reason: str | None = None


DecisionWord = Literal["approve", "deny", "answer", "happened", "not_happened"]


class HumanDecision(Contract):
    """A person's word on a request. `happened`/`not_happened` settle an unknown outcome."""

    request_id: RequestId
    word: DecisionWord
    reason: str = ""
    answer: str | None = None


class DecisionReceipt(Contract):
    """What became of a decision. Late, duplicate and losing decisions are recorded and not applied."""

    decision_id: str
    request: HumanRequest
    """The request as it stands now."""
    applied: bool
    note: str
