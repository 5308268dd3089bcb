"""A step of a run: how it and its calls are named, planned, recorded, and what they come back with.

`StepPlan` and `CallReport` are workflow history: small, and references only (rule 10).
"""

from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.decision import RecordedDecision, Verdict
from proctor.contracts.governing import CellLevel, DeniedGoal
from proctor.contracts.granting import HeldGrant
from proctor.contracts.ids import AgentName, Digest, EffectKey, PrincipalName, RequestId, RunId, TenantId, ToolName
from proctor.contracts.kill import Fence
from proctor.contracts.labels import Labels
from proctor.contracts.manifest import Autonomy
from proctor.contracts.planning import DeclaredPlan, Proposal
from proctor.contracts.run import AuditHead, RunRecord
from proctor.contracts.tool import Effect, RetryRule
from proctor.contracts.traffic import Breaker


class StepRef(Contract):
    """Names a step; input of `plan_step`."""

    run_id: RunId
    step: int
    bundle: str = ""
    """First 16 characters of the digest of the bundle that the run was opened with; empty checks nothing."""


class PlannedCall(Contract):
    """One call of a recorded plan, as far as the workflow needs it."""

    call: int
    tool: ToolName
    effect: Effect
    verdict: Verdict
    fingerprint: str
    """First 16 characters of the digest over tool, arguments and bundle: tells calls apart, and witnesses this one."""
    request_id: RequestId | None = None
    expires_at: AwareDatetime | None = None
    look_at: AwareDatetime | None = None
    """When the first escalation is due, if there is any."""
    timeout_s: float = 10.0
    retry: RetryRule = RetryRule()
    compensable: bool = False
    pool: str = ""
    """Pool of workers that carries it out; empty: the common one."""
    summary: str = Field(default="", max_length=200)


class StepPlan(Contract):
    """The recorded plan of a step.

    `fenced`: a kill covers the run; nothing was planned. `over_budget`: planning would exceed the cost bound;
    `request_id` names the request to a person (rule 8). `paused`, `taken_over`: a person holds the run; nothing was
    planned either, and the step is planned when they let go.
    """

    step: int
    kind: Literal["calls", "final", "question", "fenced", "over_budget", "paused", "taken_over"]
    calls: tuple[PlannedCall, ...] = ()
    outcome: Literal["completed", "failed", "blocked"] | None = None
    request_id: RequestId | None = None
    expires_at: AwareDatetime | None = None
    summary: str = Field(default="", max_length=200)
    cost_usd: Decimal = Decimal(0)
    """Cost of the run so far, this plan included."""
    head: AuditHead | None = None


class CallRef(Contract):
    """Names a call of a recorded plan; input of `call_tool`, `read_tool` and `compensate`."""

    run_id: RunId
    step: int
    call: int
    fingerprint: str = ""
    """As in `PlannedCall`: what the recorded call must be; empty checks nothing."""


CallStatus = Literal["confirmed", "failed", "unknown", "denied", "needs_approval", "fenced", "paused", "taken_over"]


class CallReport(Contract):
    """How a call ended, as far as the workflow needs it. `paused` and `taken_over`: it did not, and was not begun."""

    status: CallStatus
    result: str = ""
    """First 16 characters of the result's digest."""
    summary: str = Field(default="", max_length=200)
    request_id: RequestId | None = None
    """For `needs_approval` and `unknown`: whom we now wait for."""
    expires_at: AwareDatetime | None = None
    look_at: AwareDatetime | None = None
    """When the next escalation is due, if there is any."""
    head: AuditHead | None = None


class PlanFacts(Contract):
    """What the store knows before a plan is made. Exactly one of `recorded` and the rest matters."""

    recorded: StepPlan | None = None
    run: RunRecord
    goal: str
    input: Any = None
    cursor: dict[str, Any] = Field(default_factory=dict)
    fence: Fence | None = None
    demotions: dict[str, Autonomy] = Field(default_factory=dict)
    """Live ceilings by tool name; `*` is for all tools of the agent."""
    budget_extension_usd: Decimal = Decimal(0)
    """What people granted beyond the manifest's cost bound."""
    reserved_usd: Decimal = Decimal(0)
    at: AwareDatetime | None = None
    """The database's clock."""
    cells: tuple[CellLevel, ...] = ()
    denied_goals: tuple[DeniedGoal, ...] = ()
    active_bundle: Digest | None = None
    """Bundle of the agent's active policy version, if there is one."""
    declared: DeclaredPlan | None = None
    """What the planner declared before any untrusted data was read."""
    said_bytes: int = 0
    """Bound on what people added to what a model reads."""
    has_acts: bool = False
    """Whether a person at the wheel asked for a call that no step has taken up."""
    grants: tuple[HeldGrant, ...] = ()
    """Standing grants that may answer for a call of the step."""
    breakers: tuple[Breaker, ...] = ()
    """Every breaker that is not at rest."""


class PlanRecord(Contract):
    """A judged plan, to be written in one transaction."""

    run_id: RunId
    step: int
    proposal: Proposal
    decisions: tuple[RecordedDecision, ...]
    plan: StepPlan
    """As it returns to the workflow; `head` is filled in by the store."""
    act: int | None = None
    """Order of a person at the wheel that the step carries out."""
    said_by: Labels | None = None
    """Labels of the proposal where a person made it."""


class JudgedCall(Contract):
    """A recorded call, as far as it can be held against the audit trail."""

    step: int
    call: int
    tool: ToolName
    tool_version: str | None
    arguments: Digest


class PastCall(Contract):
    """A recorded call with all that it was judged on, for judging it again."""

    run_id: RunId
    step: int
    call: int
    at: AwareDatetime
    """When its plan was recorded."""
    tenant: TenantId
    agent: AgentName
    requester: PrincipalName
    bundle_digest: Digest
    """Bundle that the run was opened with."""
    tool: ToolName
    arguments: dict[str, Any]
    recorded: RecordedDecision
    effect: str | None = None
    """Where its effect stands; None when no intent was written."""


class CallPlan(Contract):
    """A recorded call with all that its dispatch needs."""

    run: RunRecord
    step: int
    call: int
    key: EffectKey
    tool: ToolName
    node: str = ""
    arguments: dict[str, Any]
    decision: RecordedDecision
    active_bundle: Digest | None = None
    """Bundle of the agent's active policy version, if there is one."""
