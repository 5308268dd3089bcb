"""Says of one decision, in plain words, which rules decided it, on what, and what may be done instead."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.plain_words import Weighed, Words, span
from policies.engine import CompiledPolicy
from policies.rules import Rule
from proctor.contracts.base import Contract
from proctor.contracts.decision import Decision, FiredRule, Verdict
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Flow, Origin
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import (
    CoolDown,
    MaxAmount,
    Notify,
    Obligation,
    Quorum,
    Redact,
    ReviewAfter,
)

_VERDICTS = {
    Verdict.ALLOW: "allowed",
    Verdict.REQUIRE_APPROVAL: "waits for a person",
    Verdict.DENY: "denied",
}
_EFFECTS = {
    "permit": "permits it",
    "require_approval": "asks a person first",
    "forbid": "forbids it",
    "oblige": "adds a duty",
}
_ORIGINS = {
    Origin.REQUEST: "the request",
    Origin.MANIFEST: "the agent's own files",
    Origin.ADDRESS_BOOK: "the address book of the policy",
    Origin.PERSON: "a person's recorded answer",
    Origin.VALIDATED: "a part of a tool's result that a validating rule accepted",
    Origin.TOOL: "a tool's result",
    Origin.PLANNER: "the planner itself",
}


LONGEST_CONDITION = 5
"""Lines of a condition that are shown whole; of a longer one, the parts that carried the outcome."""


class RuleExplained(Contract):
    """A rule that applied, taken apart."""

    id: str
    effect: str
    reason: str
    determining: bool
    asked: tuple[Weighed, ...]
    """Empty where the rule's condition is not at hand."""


class Explanation(Contract):
    """A decision in plain words; `lines` renders it."""

    agent: str
    tool: str
    arguments: dict[str, Any]
    decision: Decision
    rules: tuple[RuleExplained, ...]
    """Those that applied, the determining one first."""
    did_not_apply: tuple[RuleExplained, ...]
    flows: tuple[str, ...]
    """Where each argument comes from, and how far it is trusted."""
    obligations: tuple[str, ...]
    instead: str
    """What may be done instead; empty when the call is allowed, or nothing was said."""
    notes: tuple[str, ...] = ()

    def lines(self, *, with_rest: bool = False) -> Iterator[str]:
        """Give the explanation as text; `with_rest` adds the rules that did not apply."""
        yield f"{self.tool} by {self.agent}: {_VERDICTS[self.decision.verdict]}"
        yield f"  because: {self.decision.reason}"
        yield f"  decided by the rule {self.decision.determining}"
        for rule in self.rules:
            yield from _rule_lines(rule, whole=with_rest)
        for flow in self.flows:
            yield f"  argument {flow}"
        for obligation in self.obligations:
            yield f"  duty: {obligation}"
        if self.instead:
            yield f"  instead: {self.instead}"
        for rule in self.did_not_apply if with_rest else ():
            yield from _rule_lines(rule, applied=False, whole=True)
        if self.did_not_apply and not with_rest:
            yield f"  besides: {len(self.did_not_apply)} rules did not apply (--all shows them)"
        for note in self.notes:
            yield f"  note: {note}"


def explain_call(
    bundle: AgentBundle,
    policy: CompiledPolicy,
    decision: Decision,
    facts: Mapping[str, Any],
    *,
    flows: Mapping[str, Flow] | None = None,
    notes: Sequence[str] = (),
) -> Explanation:
    """Explain a decision on `facts` by the rules of `policy`, which made it."""
    tool = ToolName(str(facts.get("tool", "")))
    words = Words(policy.windows_for(tool))
    lines = {line.rule.id: line for line in policy.program(tool).lines}
    asked = {name: tuple(words.weigh(line.when, facts)) for name, line in lines.items()}
    fired = {rule.id for rule in decision.fired}
    applied = [_explained(rule, decision, asked.get(rule.id, ())) for rule in decision.fired]
    rest = [_explained(line.rule, decision, asked[name]) for name, line in lines.items() if name not in fired]
    return Explanation(
        agent=bundle.manifest.name,
        tool=tool,
        arguments=dict(facts.get("arguments", {})),
        decision=decision,
        rules=tuple(sorted(applied, key=lambda rule: not rule.determining)),
        did_not_apply=tuple(rest),
        flows=tuple(_flow(name, flow) for name, flow in (flows or {}).items()),
        obligations=tuple(duty(obligation) for obligation in decision.obligations),
        instead="" if decision.verdict is Verdict.ALLOW else decision.advice,
        notes=tuple(notes),
    )


def _explained(rule: FiredRule | Rule, decision: Decision, asked: tuple[Weighed, ...]) -> RuleExplained:
    determining = rule.id == decision.determining
    return RuleExplained(id=rule.id, effect=rule.effect, reason=rule.reason, determining=determining, asked=asked)


def duty(obligation: Obligation) -> str:
    """Say in words what an obligation asks for."""
    match obligation:
        case ReviewAfter():
            return "a person looks at the effect afterwards"
        case Redact():
            return f"these parts of the result are taken out before anybody sees them: {', '.join(obligation.fields)}"
        case Quorum():
            return f"{obligation.count} different people with the role {obligation.role} must agree"
        case Notify():
            return f"these are told: {', '.join(obligation.who)}"
        case MaxAmount():
            return f"the argument {obligation.argument} may be at most {obligation.max:g}"
        case CoolDown():
            return f"the next such call must wait {span(obligation.seconds)}"


def _flow(name: str, flow: Flow) -> str:
    places = " and ".join(_ORIGINS[origin] for origin in flow.origins) or "nowhere that is known"
    sources = f" ({', '.join(flow.labels.sources)})" if flow.labels.sources else ""
    return f"{name}: {places}{sources}; {flow.labels.integrity}, {flow.labels.confidentiality}"


def _rule_lines(rule: RuleExplained, *, applied: bool = True, whole: bool) -> Iterator[str]:
    does = _EFFECTS.get(rule.effect, rule.effect)
    yield f"  {'applied' if applied else 'did not apply'}: {rule.id} {does}. {rule.reason}"
    for line in rule.asked if whole or len(rule.asked) <= LONGEST_CONDITION else carrying(rule.asked):
        held = {True: "yes", False: "no", None: "cannot be said"}[line.holds]
        saw = f", it is {line.saw}" if line.saw else ""
        yield f"{'  ' * (line.depth + 3)}{line.text}: {held}{saw}"


def carrying(lines: Sequence[Weighed]) -> list[Weighed]:
    """Leave out the parts that did not matter: of what held together all, of what held for one reason only those."""
    kept: list[Weighed] = []
    hidden_below: int | None = None
    for line in lines:
        if hidden_below is not None and line.depth > hidden_below:
            continue
        hidden_below = None
        above = next((one for one in reversed(kept) if one.depth < line.depth), None)
        if above is not None and above.is_group and line.holds is not above.holds:
            hidden_below = line.depth
            continue
        kept.append(line)
    return kept
