"""What a planner may be offered, and which of its ways are liked better: judging before there are arguments."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from policies.comparing import ABSENT, compare
from policies.conditions import AllOf, Compare, Condition, Not
from policies.document_rules import Tiers
from policies.engine import CompiledPolicy
from policies.loading import Reading, read, readings_of
from policies.programs import holds
from policies.rules import Facts, Rule
from policies.trees import comparisons
from proctor.contracts.decision import Verdict
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import Risk


class Offer(NamedTuple):
    """The best that a call of a tool can come to, whatever its arguments."""

    verdict: Verdict
    """`deny`: every call is surely denied, and the tool is not offered."""
    determining: str = ""
    reason: str = ""
    """For the planner, where the verdict is not `allow`."""
    advice: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the tool is offered."""
        return self.verdict is not Verdict.DENY


class Liking(NamedTuple):
    """How a call stands with the soft constraints: less is better."""

    penalty: int
    reasons: tuple[str, ...]


def offered(policy: CompiledPolicy, facts_by_tool: Mapping[ToolName, Facts]) -> dict[ToolName, Offer]:
    """Say for each tool what its calls can come to at best, on facts that leave out what is not known yet.

    A fact that is left out may be anything; one that is there and cannot be read denies, as it would in a call. A tool
    that is said to be denied would be denied with any arguments; one that is offered may still be.
    """
    return {tool: _offer(policy, tool, facts) for tool, facts in facts_by_tool.items()}


def preferences(policy: CompiledPolicy, facts: Facts) -> Liking:
    """Add up the weights of the soft constraints that apply to a call; one that cannot be judged counts."""
    tool = facts.get("tool")
    applying = [
        each
        for each in policy.preferences
        if (each.tools is None or tool in each.tools) and can_hold(each.when, facts) is not False
    ]
    return Liking(sum(each.weight for each in applying), tuple(each.reason for each in applying))


def judged_risk(tiers: Tiers, facts: Facts) -> Risk:
    """Give the tier that a call is judged at, the document's risk rules included; in doubt the higher one."""
    return next((tier for tier in (Risk.HIGH, Risk.MEDIUM) if can_hold(tiers[tier], facts) is not False), Risk.LOW)


def _offer(policy: CompiledPolicy, tool: ToolName, facts: Facts) -> Offer:
    program = policy.program(tool)
    for reading in program.readings:
        flaw = _flaw(reading, facts)
        if flaw is not None:
            reason = f"the fact {reading.name} {flaw}, so that every call is denied"
            return Offer(Verdict.DENY, f"fact:{reading.name}", reason)
    known = _known(program.readings, facts)
    outcomes = [(line.rule, _maybe(line.when, known)) for line in program.lines]
    forbidding = next((rule for rule, fires in outcomes if rule.effect == "forbid" and fires), None)
    if forbidding is not None:
        return _said(Verdict.DENY, forbidding)
    if not any(rule.can_permit and fires is not False for rule, fires in outcomes):
        return Offer(Verdict.DENY, "no-permit", "no rule permits any call of it")
    asking = next((rule for rule, fires in outcomes if rule.effect == "require_approval" and fires), None)
    if asking is not None:
        return _said(Verdict.REQUIRE_APPROVAL, asking)
    return Offer(Verdict.ALLOW)


def _said(verdict: Verdict, rule: Rule) -> Offer:
    return Offer(verdict, rule.id, rule.reason, rule.advice)


def can_hold(when: Condition, facts: Facts) -> bool | None:
    """Judge one condition on whole facts; None when a fact cannot be read."""
    readings = readings_of(comparisons(when))
    values = {}
    for reading in readings:
        value, flaw = read(reading, facts)
        if flaw is not None:
            return None
        values[reading.key] = value
    return holds(when, values)


def _is_given(reading: Reading, facts: Facts) -> bool:
    return reading.path is None and reading.name in facts


def _flaw(reading: Reading, facts: Facts) -> str | None:
    return read(reading, facts)[1] if _is_given(reading, facts) else None


def _known(readings: tuple[Reading, ...], facts: Facts) -> dict[str, Any]:
    return {reading.name: read(reading, facts)[0] for reading in readings if _is_given(reading, facts)}


def _maybe(condition: Condition, known: Mapping[str, Any]) -> bool | None:
    """Judge with three values: None is what depends on facts that are not known."""
    if isinstance(condition, Compare):
        value = known.get(condition.fact.name, ABSENT)
        return None if value is ABSENT else compare(condition, value)
    if isinstance(condition, Not):
        inner = _maybe(condition.part, known)
        return None if inner is None else not inner
    parts = {_maybe(part, known) for part in condition.parts}
    decisive = not isinstance(condition, AllOf)
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive
