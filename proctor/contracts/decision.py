"""Policy decisions: what is judged, and what comes out."""

from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import AgentName, Digest, PrincipalName, TenantId, ToolName
from proctor.contracts.labels import Flow, Labels
from proctor.contracts.manifest import Autonomy
from proctor.contracts.obligations import Obligation
from proctor.contracts.tool import Effect, Risk


class Verdict(StrEnum):
    """Outcome of a decision; ordered from loosest to strictest."""

    ALLOW = "allow"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"

    def stricter_of(self, other: "Verdict") -> "Verdict":
        """Give the stricter of two verdicts."""
        return max(self, other, key=list(Verdict).index)


class CallFacts(Contract):
    """Everything that policy may look at for one call. A fact that is not here cannot be asked for."""

    tenant: TenantId
    requester: PrincipalName
    agent: AgentName
    agent_version: str
    tool: ToolName
    tool_version: str | None
    """None: the tool is not in the pinned bundle."""
    effect: Effect = Effect.IRREVERSIBLE
    risk: Risk = Risk.HIGH
    arguments: dict[str, Any]
    egress_hosts: tuple[str, ...] = ()
    """Hosts that the call would reach, resolved from its contract and arguments."""
    autonomy: Autonomy
    """Level for this tool: the manifest's, lowered by any live demotion."""
    labels: Labels = Labels()
    iteration: int
    cost_usd: Decimal = Decimal(0)


RuleEffect = Literal["permit", "require_approval", "forbid", "oblige"]
"""`oblige` decides nothing and only adds obligations; documents cannot write it."""


class FiredRule(Contract):
    """A rule that applied."""

    id: str
    effect: RuleEffect
    reason: str


class Decision(Contract):
    """Verdict with its grounds. `determining` is the id of the rule that decided it."""

    verdict: Verdict
    determining: str
    fired: tuple[FiredRule, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    reason: str
    """For people: what was decided, and why."""
    advice: str = ""
    """For the planner: what is allowed instead."""
    policy_digest: Digest


class RecordedDecision(Contract):
    """A decision as it was recorded with the plan, for one call of the step."""

    call: int
    decision: Decision
    arguments_digest: Digest = Field(pattern=r"^[0-9a-f]{64}$")
    facts: dict[str, Any] = Field(default_factory=dict)
    """All that was judged on, by the facts' names, without `arguments`; as JSON."""
    flows: dict[str, Flow] = Field(default_factory=dict)
    """Where each argument comes from, by its top-level name."""
    goal: str = ""
    """Names what the call is for, apart from its words: see `policies/goals.py`. Empty for reads."""
