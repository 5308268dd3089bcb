"""Rules: what applies when, and what follows. All of them, built in or written by people, are in one language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies.conditions import Condition
from proctor.contracts.decision import RuleEffect
from proctor.contracts.ids import ToolName
from proctor.contracts.obligations import Obligation

Facts = Mapping[str, Any]
"""What a call is judged on: the facts' names, each with its JSON value (`policies/facts.py` lists them)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Texts are fixed, so that decisions can be kept; `explain` shows the values of the call at hand."""

    id: str
    effect: RuleEffect
    when: Condition
    reason: str
    """For people."""
    advice: str = ""
    """For the planner: what is allowed instead."""
    tools: tuple[ToolName, ...] | None = None
    """The rule looks at calls of these tools only; None is all."""
    obligations: tuple[Obligation, ...] = ()
    opens: bool = False
    """Of `require_approval`: with a person's approval it permits what no other rule does. So it is with the rules of a
    document; what is built in only adds a person to what is permitted anyway."""

    @property
    def can_permit(self) -> bool:
        """Whether a call may be carried out because of this rule, with or without a person's approval."""
        return self.effect == "permit" or (self.effect == "require_approval" and self.opens)

    def covers(self, tool: ToolName) -> bool:
        """Whether the rule looks at calls of this tool."""
        return self.tools is None or tool in self.tools


@dataclass(frozen=True, slots=True)
class Preference:
    """A soft constraint: a call that it applies to ranks lower by `weight`, and is never denied for it."""

    id: str
    when: Condition
    reason: str
    weight: int = 1
    tools: tuple[ToolName, ...] | None = None
