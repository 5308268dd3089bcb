"""A run: how it is asked for, how it is pinned, what it waits for, and how it ends.

`RunStart`, `OpenedRun`, `RequestStanding` and `RunOutcome` are workflow history: small, and references only (rule 10).
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RequestId, RunId, TenantId
from proctor.contracts.manifest import Autonomy, Bounds

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
