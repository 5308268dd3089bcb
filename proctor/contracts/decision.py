"""Policy decisions: what comes out of judging a call, and what is recorded of it."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import Digest, PrincipalName
from proctor.contracts.labels import Flow
from proctor.contracts.obligations import Obligation


class Verdict(StrEnum):
    """Outcome of a decision; ordered from loosest to strictest."""

    ALLOW = "allow"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"

    def stricter_of(self, other: "Verdict") -> "Verdict":
        """Give the stricter of two verdicts."""
        return max(self, other, key=list(Verdict).index)


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


RAISED_RISK = "risk.raised"
"""Name under which the recorded facts keep the tier that the call was judged at, beside the tool's own `risk`."""


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
    author: PrincipalName | None = None
    """A person who wrote the call, by editing one or at the wheel; counts as its requester. None: the planner did."""
    replaces: int | None = None
    """For an edited call: the call of the same step in whose place it stands."""
