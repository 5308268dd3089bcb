"""A run: how it is asked for, how it is pinned, and what its steps come back with.

`RunStart`, `StepPlan`, `CallOrder` and `CallReport` are workflow history: small, and references only (rule 10).
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.decision import RecordedDecision, Verdict
from proctor.contracts.governing import CellLevel, DeniedGoal
from proctor.contracts.granting import HeldGrant
from proctor.contracts.ids import AgentName, Digest, EffectKey, PrincipalName, RequestId, RunId, TenantId, ToolName
from proctor.contracts.kill import Fence
from proctor.contracts.labels import Labels
from proctor.contracts.manifest import Autonomy, Bounds
from proctor.contracts.planning import DeclaredPlan, Proposal
from proctor.contracts.tool import Effect, RetryRule
from proctor.contracts.traffic import Breaker

MAX_INPUT_BYTES = 262_144
"""Largest input of a run, as canonical JSON."""


class RunStatus(StrEnum):
    """Where a run stands. Everything from `completed` on is an end (rule 11)."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    WAITING = "waiting"
    """For a person, with a deadline."""
    PAUSED = "paused"
    """By a person. Shown only: the run's row tells who paused it, and keeps its status."""
    TAKEN_OVER = "taken_over"
    """A person has the wheel. Shown only, as `paused` is."""
    STOPPING = "stopping"
    COMPLETED = "completed"
    FAILED = "failed"
    BLOCKED = "blocked"
    """Policy forbids what the goal needs."""
    DENIED = "denied"
    """A person said no, or nobody decided in time."""
    CANCELLED = "cancelled"
    KILLED = "killed"

    @property
    def is_end(self) -> bool:
        """Whether nothing more will happen in the run."""
        return self not in _GOING_ON


_GOING_ON = frozenset(
    {
        RunStatus.ACCEPTED,
        RunStatus.RUNNING,
        RunStatus.WAITING,
        RunStatus.PAUSED,
        RunStatus.TAKEN_OVER,
        RunStatus.STOPPING,
    }
)


class TaskRequest(Contract):
    """Ask for a run of an agent."""

    agent: AgentName
    input: Any
    goal: str = Field(default="", max_length=2000)
    requester: PrincipalName
    tenant: TenantId
    idempotency_key: str
    source: str = Field(default="", max_length=100)
    """Whose words the input is, such as `webhook:NAME`, and then nobody trusts it; empty: the requester's own."""


class RunRecord(Contract):
    """A run as the store knows it."""

    run_id: RunId
    tenant: TenantId
    agent: AgentName
    agent_version: str
    owner: PrincipalName
    autonomy: Autonomy
    requester: PrincipalName
    goal: str
    input_digest: Digest
    input_source: str = ""
    """Whose words the input is; empty: the requester's own, and trusted. The goal is the requester's in any case."""
    bundle_digest: Digest | None = None
    policy_digest: Digest | None = None
    status: RunStatus
    status_reason: str = ""
    cost_usd: Decimal = Decimal(0)
    steps: int = 0
    report_digest: Digest | None = None
    created_at: datetime
    closed_at: datetime | None = None
    paused_by: PrincipalName | None = None
    driver: PrincipalName | None = None
    """A person who took over; None: the agent."""


class AuditHead(Contract):
    """The newest record of a run's audit chain. In workflow history it is a witness outside the database."""

    n: int
    hash: Digest


class RunStart(Contract):
    """Input of the workflow."""

    run_id: RunId


class OpenedRun(Contract):
    """What `open_run` pinned, as far as the workflow needs it."""

    agent: AgentName
    agent_version: str
    owner: PrincipalName
    tenant: TenantId
    autonomy: Autonomy
    bundle_digest: Digest
    bounds: Bounds
    plans_locally: bool
    """Whether planning is a quick local activity (playbook) or a full one (model)."""
    planning_timeout_s: float = 60.0
    head: AuditHead


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


class RequestRef(Contract):
    """Names a request to a person; input of `read_request`."""

    run_id: RunId
    request_id: RequestId


class RequestStanding(Contract):
    """What the store says of a request: the truth behind a signal (rule 6)."""

    state: str
    word: str | None = None
    decided_by: PrincipalName | None = None
    next_at: AwareDatetime | None = None
    """When the next escalation is due, if there is any."""


class Ending(Contract):
    """Input of `close_run`."""

    run_id: RunId
    status: RunStatus
    reason: str = Field(default="", max_length=200)


class RunOutcome(Contract):
    """Result of the workflow."""

    status: RunStatus
    reason: str = ""
    report_digest: Digest | None = None
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
