"""Conditions in words: what a rule asks, the value that it saw, and whether it held. For readers who do not program."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from policies.comparing import ABSENT, compare
from policies.conditions import AllOf, Compare, Condition, Not
from policies.loading import flaw_in
from proctor.contracts.base import Contract
from proctor.contracts.canonical import summarize
from proctor.contracts.policy import LONG_AGO, WindowForm

SHOWN_CHARACTERS = 80
UNCONDITIONAL: Final = ("it applies to every such call", "it applies to no call")
"""What is said of a rule without a condition."""
_FACTS: Final = {
    "tool": "the tool",
    "tool_version": "the version of the tool",
    "agent": "the agent",
    "agent_version": "the version of the agent",
    "owner": "the agent's owner",
    "requester": "the person who asked for the run",
    "tenant": "the tenant",
    "environment": "the installation",
    "effect": "what the tool does to the world",
    "risk": "the risk of the call",
    "compensable": "that the effect can be taken back",
    "autonomy.low": "the agent's level at low risk",
    "autonomy.medium": "the agent's level at medium risk",
    "autonomy.high": "the agent's level at high risk",
    "iteration": "the number of the step",
    "cost.spent_usd": "what the run has spent, in US dollars,",
    "cost.reserved_usd": "what the run has reserved, in US dollars,",
    "time.hour": "the hour of the day (UTC)",
    "time.weekday": "the day of the week",
    "time.date": "the date",
    "egress.hosts": "the hosts that the call reaches",
    "labels.integrity": "the trust in the arguments",
    "labels.confidentiality": "the confidentiality of the arguments",
    "labels.origins": "the places where the arguments come from",
    "labels.sources": "the sources of the arguments",
    "labels.targets.integrity": "the trust in where the effect goes",
    "labels.links.integrity": "the trust in the links, addresses and accounts among the words",
    "labels.targets.origins": "the places that name where the effect goes",
    "run.has_read_untrusted": "that the run has read untrusted data",
    "run.plan": "how the call fits the plan that was declared beforehand",
    "goal.denied": "whether the same goal was denied before in this run",
}
_LABELS: Final = {
    "integrity": "the trust in the argument {}",
    "confidentiality": "the confidentiality of the argument {}",
    "origins": "the places where the argument {} comes from",
    "sources": "the sources of the argument {}",
}
_PER: Final = {
    "run": "of this run",
    "agent": "of this agent",
    "requester": "for this requester",
    "tenant": "of this tenant",
}
_OPERATORS: Final = {
    "equals": "is {}",
    "in": "is one of {}",
    "less_than": "is less than {}",
    "at_most": "is at most {}",
    "greater_than": "is more than {}",
    "at_least": "is at least {}",
    "matches": "reads like {}",
    "contains": "include {}",
    "only": "are all among {}",
    "exists": "is given",
}
_NEGATED: Final = {
    "equals": "is not {}",
    "in": "is not one of {}",
    "less_than": "is not less than {}",
    "at_most": "is not at most {}",
    "greater_than": "is not more than {}",
    "at_least": "is not at least {}",
    "matches": "does not read like {}",
    "contains": "do not include {}",
    "only": "are not all among {}",
    "exists": "is not given",
}
_SPANS: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Weighed(Contract):
    """One line of an explanation: what was asked, and whether it held of the call."""

    text: str
    holds: bool | None
    """None: it could not be said, because the fact was missing or wrong."""
    saw: str = ""
    depth: int = 0
    is_group: bool = False
    """Whether the lines below it, one deeper, are its parts: all of them, or at least one, must hold."""
    is_negated: bool = False
    """Whether it is a group that holds because parts of it do not."""


class Words:
    """Speaks of the facts of one agent's calls."""

    def __init__(self, windows: Sequence[WindowForm] = ()) -> None:
        """Take the windows of the policy, so that `windows.NAME` can be told."""
        self._windows = {f"windows.{window.id}": window for window in windows}

    def fact(self, name: str) -> str:
        """Name a fact as a person would."""
        if name in _FACTS:
            return _FACTS[name]
        if name in self._windows:
            return _window(self._windows[name])
        head, _, rest = name.partition(".")
        if head == "labels" and "." in rest:
            argument, _, label = rest.rpartition(".")
            return _LABELS.get(label, "the label of the argument {}").format(argument)
        return f"the argument {rest}" if head == "arguments" else name

    def asked(self, comparison: Compare, *, negated: bool = False) -> str:
        """Say what a comparison asks, in half a sentence; or its opposite."""
        shown = ", ".join(_shown(operand) for operand in comparison.operands) or "nothing"
        is_one = comparison.operator == "in" and len(comparison.operands) == 1
        operator = (_NEGATED if negated else _OPERATORS)["equals" if is_one else comparison.operator]
        return f"{self.fact(comparison.fact.name)} {operator.format(shown)}"

    def weigh(self, condition: Condition, facts: Mapping[str, Any], depth: int = 0) -> list[Weighed]:
        """Take a condition apart, part by part, on the facts of a call."""
        if isinstance(condition, Compare):
            return [self._compare(condition, facts, depth)]
        if isinstance(condition, Not):
            return self._negated(condition.part, facts, depth)
        if not condition.parts:
            always = isinstance(condition, AllOf)
            return [Weighed(text=UNCONDITIONAL[0 if always else 1], holds=always, depth=depth)]
        inner = [self.weigh(part, facts, depth + 1) for part in condition.parts]
        holds = _all([part[0].holds for part in inner]) if isinstance(condition, AllOf) else _any(inner)
        text = "all of these" if isinstance(condition, AllOf) else "at least one of these"
        return [Weighed(text=text, holds=holds, depth=depth, is_group=True), *(line for part in inner for line in part)]

    def _negated(self, part: Condition, facts: Mapping[str, Any], depth: int) -> list[Weighed]:
        if isinstance(part, Not):
            return self.weigh(part.part, facts, depth)
        head, *parts = self.weigh(part, facts, depth)
        if isinstance(part, Compare):
            text = self.asked(part, negated=True)
        elif not part.parts:
            text = next(text for text in UNCONDITIONAL if text != head.text)
        else:
            text = "not all of these" if isinstance(part, AllOf) else "none of these"
        holds = None if head.holds is None else not head.holds
        return [head.model_copy(update={"text": text, "holds": holds, "is_negated": head.is_group}), *parts]

    def _compare(self, comparison: Compare, facts: Mapping[str, Any], depth: int) -> Weighed:
        value = value_of(comparison, facts)
        wrong = None if value is ABSENT else flaw_in(comparison.fact, value)
        try:
            holds = None if wrong else compare(comparison, value)
        except ValueError:
            holds = None
        saw = _absent(comparison) if value is ABSENT else _shown(value)
        if value == LONG_AGO and comparison.fact.name in self._windows:
            saw = "never"
        saw += f", which {wrong}" if wrong else ""
        return Weighed(text=self.asked(comparison), holds=holds, saw=saw, depth=depth)


def _absent(comparison: Compare) -> str:
    taken = "" if comparison.default is None else f", taken as {_shown(comparison.default)}"
    return "not given" + taken


def value_of(comparison: Compare, facts: Mapping[str, Any]) -> Any:
    """Look up what a comparison saw; `ABSENT` where there is nothing."""
    if comparison.fact.path is None:
        return facts.get(comparison.fact.name, ABSENT)
    value: Any = facts.get("arguments", ABSENT)
    for key in comparison.fact.path:
        value = value.get(key, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value


def _window(window: WindowForm) -> str:
    tools = " and ".join(window.tools)
    measured = {
        "count": f"the number of calls of {tools}",
        "sum": f"the sum of {window.argument} over calls of {tools}",
        "last": f"the seconds since the last call of {tools}",
    }[window.measure]
    same = f" with the same {' and '.join(window.same)}" if window.same else ""
    this = "" if window.measure == "last" else ", this one included"
    return f"{measured} {_PER[window.per]}{same} within {span(window.within_s)}{this},"


def span(seconds: int) -> str:
    """Say a time in the largest unit that fits."""
    size, name = next((size, name) for size, name in _SPANS if seconds % size == 0)
    count = seconds // size
    return f"{count} {name}" + ("" if count == 1 else "s")


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return summarize(f'"{value}"', SHOWN_CHARACTERS)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return summarize(json.dumps(value, ensure_ascii=False, default=str), SHOWN_CHARACTERS)


def _all(parts: Sequence[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


def _any(parts: Sequence[Sequence[Weighed]]) -> bool | None:
    held = [part[0].holds for part in parts]
    return True if True in held else None if None in held else False
