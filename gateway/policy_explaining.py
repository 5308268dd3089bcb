"""Says of one decision, in plain words, which rules decided it, on what, and what may be done instead."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.plain_words import UNCONDITIONAL, Weighed, Words, span
from policies.engine import CompiledPolicy
from policies.rules import Rule
from proctor.contracts.base import Contract
from proctor.contracts.decision import Decision, FiredRule, Verdict
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Flow, Origin
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import (
    AskEachTime,
    CoolDown,
    Escalate,
    MaxAmount,
    Notify,
    Obligation,
    Quorum,
    Redact,
    ReviewAfter,
    Signed,
    Stage,
    Stages,
)

_OBLIGATION: Final = TypeAdapter[Obligation](Obligation)
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
        yield from _decided_lines(self.decision.determining, self.rules, whole=with_rest)
        for flow in self.flows:
            yield f"  argument {flow}"
        for obligation in self.obligations:
            yield f"  duty: {obligation}"
        if self.instead:
            yield f"  instead: {self.instead}"
        for rule in self.did_not_apply if with_rest else ():
            yield _line("did not apply", rule)
            yield from _asked_lines(rule, whole=True)
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
        case Quorum() | Stages() | Escalate() | Signed() | AskEachTime():
            return _duty_of_approvers(obligation)
        case ReviewAfter():
            return "a person looks at the effect afterwards"
        case Redact():
            return f"these parts of the result are taken out before anybody sees them: {', '.join(obligation.fields)}"
        case Notify():
            return f"these are told: {', '.join(obligation.who)}"
        case MaxAmount():
            return f"the argument {obligation.argument} may be at most {obligation.max:g}"
        case CoolDown():
            return f"the next such call must wait {span(obligation.seconds)}"


def _duty_of_approvers(obligation: Quorum | Stages | Escalate | Signed | AskEachTime) -> str:
    match obligation:
        case Quorum():
            return f"{obligation.count} different people with the role {obligation.role} must agree"
        case Stages():
            asked = ", then ".join(map(_stage, obligation.stages))
            return f"different people must agree, in this order: {asked}"
        case Escalate():
            return (
                f"without a decision after {span(obligation.after_s)}, these are asked too: {', '.join(obligation.to)}"
            )
        case Signed():
            return "approvals must be signed with the approver's key"
        case AskEachTime():
            return "no standing grant answers for a person"


def _stage(stage: Stage) -> str:
    return f"{stage.count} with the role {stage.role}{f' ({stage.name})' if stage.name else ''}"


def recorded_duty(recorded: object) -> str:
    """Say in words what a recorded obligation asks for; one that another version wrote, as it was written."""
    try:
        return duty(_OBLIGATION.validate_python(recorded))
    except ValidationError:
        return str(recorded)


def _flow(name: str, flow: Flow) -> str:
    *others, last = [_ORIGINS[origin] for origin in flow.origins] or ["nowhere that is known"]
    places = f"{', '.join(others)} and {last}" if others else last
    named = dict.fromkeys(
        source.removeprefix("tool:").partition("#")[0] for source in flow.labels.sources if source not in flow.origins
    )
    sources = f" ({', '.join(named)})" if named else ""
    return f"{name}: {places}{sources}; {flow.labels.integrity}, {flow.labels.confidentiality}"


def _decided_lines(determining: str, rules: Sequence[RuleExplained], *, whole: bool) -> Iterator[str]:
    """Tell the rule that decided, whose reason was said, then the others that applied."""
    does = "".join(f", which {_EFFECTS.get(rule.effect, rule.effect)}" for rule in rules if rule.determining)
    yield f"  decided by the rule {determining}{does}"
    for rule in rules:
        if not rule.determining:
            yield _line("also", rule)
        yield from _asked_lines(rule, whole=whole)


def _line(how: str, rule: RuleExplained) -> str:
    return f"  {how}: {rule.id} {_EFFECTS.get(rule.effect, rule.effect)}: {rule.reason}"


def _asked_lines(rule: RuleExplained, *, whole: bool) -> Iterator[str]:
    shown = rule.asked if whole or len(rule.asked) <= LONGEST_CONDITION else carrying(rule.asked)
    told = shown if whole else folded(shown)
    if len(told) > LONGEST_CONDITION and not whole and not rule.determining:
        yield f"      {len(rule.asked)} lines of conditions (--all shows them)"
        return
    for line in told:
        held = {True: "yes", False: "no", None: "cannot be said"}[line.holds]
        saw = f", it is {line.saw}" if line.saw else ""
        yield f"{'  ' * (line.depth + 3)}{line.text}" + ("" if line.text in UNCONDITIONAL else f": {held}{saw}")


def carrying(lines: Sequence[Weighed]) -> list[Weighed]:
    """Leave out the parts that did not matter: of what held together all, of what held for one reason only those."""
    kept: list[Weighed] = []
    hidden_below: int | None = None
    for line in lines:
        if hidden_below is not None and line.depth > hidden_below:
            continue
        hidden_below = None
        above = next((one for one in reversed(kept) if one.depth < line.depth), None)
        if above is not None and above.is_group and line.holds is not _carries(above):
            hidden_below = line.depth
            continue
        kept.append(line)
    return kept


def _carries(group: Weighed) -> bool | None:
    """Say what a part is that makes the group what it is."""
    return not group.holds if group.is_negated and group.holds is not None else group.holds


def folded(lines: Sequence[Weighed]) -> list[Weighed]:
    """Leave out headings that say nothing: of a group of one, and of a group within a group of its kind."""
    kept = list(lines)
    while (
        idle := next((n for n, line in enumerate(kept) if line.is_group and _says_nothing(n, kept)), None)
    ) is not None:
        below = _below(kept[idle], kept[idle + 1 :])
        kept[idle : idle + 1 + len(below)] = [one.model_copy(update={"depth": one.depth - 1}) for one in below]
    return kept


def _says_nothing(n: int, lines: Sequence[Weighed]) -> bool:
    group = lines[n]
    if group.is_negated:
        return False
    parts = [line for line in _below(group, lines[n + 1 :]) if line.depth == group.depth + 1]
    above = next((line for line in reversed(lines[:n]) if line.depth < group.depth), None)
    return len(parts) == 1 or (above is not None and (above.text, above.holds) == (group.text, group.holds))


def _below(group: Weighed, following: Sequence[Weighed]) -> list[Weighed]:
    return list(takewhile(lambda line: line.depth > group.depth, following))
