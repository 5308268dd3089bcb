"""Rules: what they look at is in `CallFacts`, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from proctor.contracts.decision import CallFacts
from proctor.contracts.ids import ToolName
from proctor.contracts.obligations import Obligation

RuleEffect = Literal["permit", "require_approval", "forbid"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `applies` is pure, reads nothing but the facts and gives True or False."""

    id: str
    effect: RuleEffect
    applies: Callable[[CallFacts], bool]
    reason: str | Callable[[CallFacts], str]
    """For people and for the planner; a callable says it of the call at hand."""
    terms: dict[str, Any] = field(default_factory=dict)
    """JSON: everything that `applies` was built from, so that the digest changes whenever the meaning does."""
    tool: ToolName | None = None
    """The rule looks at calls of this tool only."""
    obligations: tuple[Obligation, ...] = ()

    def explain(self, facts: CallFacts) -> str:
        """Say why the rule applies to this call."""
        return self.reason if isinstance(self.reason, str) else self.reason(facts)

    def canonical(self) -> dict[str, Any]:
        """Give the rule as JSON, for the digest."""
        return {
            "id": self.id,
            "effect": self.effect,
            "terms": self.terms,
            "tool": self.tool,
            "obligations": [one.model_dump(mode="json") for one in self.obligations],
        }
