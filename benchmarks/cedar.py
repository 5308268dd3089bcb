"""Our rules in Cedar's language, as far as Cedar can say them: an engine of others to measure and to check against.

Facts are attributes of Cedar's context. Cedar knows permit and forbid only, so that a policy becomes two sets: one
where a rule that requires approval permits, and one where it forbids. It has no lists of hosts, no fractions, no
one-character wildcard, and it passes over a rule whose facts are missing; calls are made accordingly.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import cedarpy

from policies.comparing import takes_absent
from policies.conditions import AllOf, Compare, Condition, Fact, Kind, Not
from policies.facts import ARGUMENTS
from policies.rules import Facts, Rule
from proctor.contracts.decision import Verdict

_SIGNS: Final = {"equals": "==", "less_than": "<", "at_most": "<=", "greater_than": ">", "at_least": ">="}
_NEVER: Final = "false"


def can_say(condition: Condition) -> bool:
    """Whether Cedar can express a condition."""
    if isinstance(condition, Compare):
        numbers = [operand for operand in condition.operands if isinstance(operand, float)]
        wild = condition.operator in {"matches", "only"} and any("?" in str(text) for text in condition.operands)
        several = condition.operator == "only" and any("*" in str(text) for text in condition.operands)
        return condition.fact.kind is not Kind.HOSTS and not numbers and not wild and not several
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return all(map(can_say, parts))


def in_cedar(rules: Iterable[Rule], approval: Literal["permit", "forbid"]) -> str:
    """Write rules as Cedar policies; a rule that requires approval stands as `approval` says."""
    effects = {"permit": "permit", "forbid": "forbid", "require_approval": approval}
    return "\n".join(
        f"{effects[rule.effect]}(principal, action, resource) when {{ {_scoped(rule)} }};"
        for rule in rules
        if rule.effect in effects
    )


def _scoped(rule: Rule) -> str:
    if rule.tools is None:
        return said(rule.when)
    return f'{json.dumps(list(rule.tools))}.contains(context["tool"]) && {said(rule.when)}'


def said(condition: Condition) -> str:
    """Write a condition in Cedar."""
    if isinstance(condition, Compare):
        return f"({_compared(condition)})"
    if isinstance(condition, Not):
        return f"(!{said(condition.part)})"
    joint, empty = (" && ", "true") if isinstance(condition, AllOf) else (" || ", _NEVER)
    return f"({joint.join(map(said, condition.parts)) or empty})"


def _compared(asked: Compare) -> str:
    key = json.dumps(asked.fact.name)
    if asked.operator == "exists":
        return f"context has {key}"
    value = f"context[{key}]"
    if takes_absent(asked):
        value = f"(if context has {key} then {value} else {_constant(asked.default)})"
    return _with_operator(asked, value)


def _with_operator(asked: Compare, value: str) -> str:
    operands = asked.operands
    if asked.operator in _SIGNS:
        return f"{value} {_SIGNS[asked.operator]} {_constant(operands[0])}"
    if asked.operator == "matches":
        return f"{value} like {_constant(operands[0])}"
    if asked.operator == "contains":
        return f"{value}.contains({_constant(operands[0])})"
    values = f"[{', '.join(map(_constant, operands))}]"
    return f"{values}.contains({value})" if asked.operator == "in" else f"{values}.containsAll({value})"


def _constant(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_constant, value))}]"
    return json.dumps(value)


def context_of(facts: Facts, read: Iterable[Fact]) -> dict[str, Any]:
    """Put the facts that rules read into Cedar's context; arguments under their dotted names."""
    found = {fact.name: _value(facts, fact) for fact in read}
    return {name: value for name, value in found.items() if value is not None} | {"tool": facts["tool"]}


def _value(facts: Facts, fact: Fact) -> Any:
    if fact.path is None:
        return facts.get(fact.name)
    at: Any = facts[ARGUMENTS]
    for key in fact.path:
        at = at.get(key) if isinstance(at, dict) else None
    return at


class CedarPolicy:
    """A policy in Cedar, parsed once."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take the rules."""
        self._loose = cedarpy.PolicySet.from_str(in_cedar(rules, "permit"))
        self._strict = cedarpy.PolicySet.from_str(in_cedar(rules, "forbid"))
        self._entities = cedarpy.Entities.from_json_str("[]")

    def allows(self, context: Mapping[str, Any]) -> bool:
        """Whether Cedar allows the call without a person; one decision, for timing."""
        return bool(cedarpy.is_authorized(_request(context), self._strict, self._entities).allowed)

    def verdicts(self, contexts: Sequence[Mapping[str, Any]]) -> list[Verdict]:
        """Decide on many calls."""
        requests = [_request(context) for context in contexts]
        loose = cedarpy.is_authorized_batch(requests, self._loose, self._entities)
        strict = cedarpy.is_authorized_batch(requests, self._strict, self._entities)
        return [_verdict(a.allowed, b.allowed) for a, b in zip(loose, strict, strict=True)]


def _verdict(is_loosely: object, is_strictly: object) -> Verdict:
    if is_strictly:
        return Verdict.ALLOW
    return Verdict.REQUIRE_APPROVAL if is_loosely else Verdict.DENY


def _request(context: Mapping[str, Any]) -> dict[str, Any]:
    who = {"principal": 'Agent::"clerk"', "action": 'Action::"call"', "resource": 'Tool::"any"'}
    return {**who, "context": dict(context)}
