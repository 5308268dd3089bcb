"""What is wrong with the rules of a policy document although each can be judged: rules that never have an effect.

Decided by proof over all calls that fit the tools' contracts. What cannot be decided within the limit of work is not
complained about.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from policies.change.outcomes import dues_of, openings_of, outcome_of
from policies.change.sides import Side, fixed, prover_for
from policies.conditions import AllOf, AnyOf, Compare, Condition, Not
from policies.document_rules import governed, rule_problems, tools_of
from policies.problems import Place, Problem
from policies.programs import Line
from policies.reasoning import Prover, Undecided, satisfiable
from policies.rules import Rule
from policies.trees import comparisons, rewritten
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.policy import PolicyDocument, RuleForm

Severity = Literal["error", "warning"]
_STRONGER: Final = {"permit": ("forbid", "require_approval"), "require_approval": ("forbid",), "forbid": ()}
_PATIENCE: Final = 3
"""Questions about a tool that may remain undecided before no more are asked."""
_WORDS: Final = {
    "less_than": "<",
    "at_most": "<=",
    "greater_than": ">",
    "at_least": ">=",
    "equals": "is",
}


class Finding(NamedTuple):
    """A rule or a tool that the document treats otherwise than its author can have meant."""

    severity: Severity
    problem: Problem

    def __str__(self) -> str:
        return f"{self.severity}: {self.problem}"


def findings(document: PolicyDocument, bundle: AgentBundle) -> list[Finding]:
    """List rules that can never apply or never decide, rules said twice, and tools that nothing permits.

    Empty while rules have mistakes of their own (`policies.document_check`), for what cannot be understood forbids all.
    Never raises.
    """
    bundle = governed(bundle, document)
    return [] if any(rule_problems(document, bundle)) else [*_Analysis(document, bundle).findings()]


@dataclass
class _Calls:
    """The calls of one tool: its rules, and what holds of every call."""

    tool: ToolName
    lines: tuple[Line, ...]
    given: tuple[Condition, ...]
    prover: Prover
    given_up: int = 0

    def can(self, *conditions: Condition) -> bool:
        """Whether a call of the tool can be so; what is not decided can."""
        if self.given_up >= _PATIENCE:
            return True
        try:
            return self.prover.find(*self.given, *conditions) is not None
        except Undecided:
            self.given_up += 1
            return True

    def line(self, rule: str) -> Line | None:
        return next((line for line in self.lines if line.rule.id == rule), None)


class _Analysis:
    def __init__(self, document: PolicyDocument, bundle: AgentBundle) -> None:
        self._document, self._bundle = document, bundle
        self._side = Side.of(bundle)
        self._calls = {tool: calls for tool in bundle.manifest.allowed_tools if (calls := self._calls_of(tool))}
        self._place = {rule.id: n for n, rule in enumerate(document.rules)}

    def findings(self) -> Iterator[Finding]:
        for n, form in enumerate(self._document.rules):
            found = self._never(n, form) or self._shadowed(n, form) or self._said_twice(n, form)
            yield from [found] if found else []
        for tool, calls in self._calls.items():
            if not calls.can(Not(outcome_of(calls.lines).denied)):
                yield Finding("error", Problem((), self._unreachable(tool)))

    def _calls_of(self, tool: ToolName) -> _Calls | None:
        side = self._side
        if side.contract(tool) is None:
            return None
        lines = side.lines(tool)
        try:
            prover = prover_for(side, tool, lines, ())
        except Undecided:
            return None
        return _Calls(tool, lines, tuple(fixed(side.facts_of(tool, with_levels=False))), prover)

    def _covered(self, form: RuleForm) -> list[tuple[_Calls, Line]]:
        """Give the rule as it is for each tool that it looks at and that it can apply to."""
        pairs = [(calls, calls.line(form.id)) for calls in self._seen(form)]
        return [(calls, line) for calls, line in pairs if line is not None and calls.can(line.when)]

    def _seen(self, form: RuleForm) -> list[_Calls]:
        return [calls for calls in self._calls.values() if (names := tools_of(form)) is None or calls.tool in names]

    def _never(self, n: int, form: RuleForm) -> Finding | None:
        if self._covered(form) or not self._seen(form):
            return None
        rule = next(rule for rule in self._side.policy.rules if rule.id == form.id)
        why = contradiction(rule.when)
        if why is None:
            names = ", ".join(calls.tool for calls in self._seen(form))
            message = f"{form.id} can never apply to a call of {names}: their contracts leave no room for it"
        else:
            message = f"{form.id} can never apply: {why}"
        return Finding("error", Problem((*_at(n), "when"), f"{message}; correct `when`, or leave the rule out"))

    def _shadowed(self, n: int, form: RuleForm) -> Finding | None:
        pairs = self._covered(form)
        shadows: dict[str, None] = {}
        for calls, line in pairs:
            stronger = self._stronger(calls, line)
            if calls.can(line.when, Not(_any(stronger))):
                return None
            shadows |= dict.fromkeys(_names(calls, line, stronger))
        if not pairs or not shadows:
            return None
        verb = "applies too and is stronger" if len(shadows) == 1 else "apply too, one or the other, and are stronger"
        message = f"{form.id} never decides anything: whenever it applies, {_listed(shadows)} {verb}"
        return Finding("error", Problem(_at(n), f"{message}; narrow the stronger rule, or leave this one out"))

    def _stronger(self, calls: _Calls, line: Line) -> list[Line]:
        """Give the rules that beat this one. Those that ask leave what a permit owes, so then they do not count."""
        effects = _STRONGER[line.rule.effect]
        if any(dues_of(line.rule.obligations)) or any(openings_of(line.rule.obligations)):
            effects = ("forbid",)
        return [other for other in calls.lines if other.rule.effect in effects]

    def _said_twice(self, n: int, form: RuleForm) -> Finding | None:
        pairs = self._covered(form)
        if form.obligations or not pairs:
            return None
        others = (rule for rule in self._side.policy.rules if rule.id != form.id and rule.effect == form.effect)
        for other in others:
            if self._implies(pairs, other) and not self._is_earlier_twin(n, form, other):
                message = f"{form.id} adds nothing: whenever it applies, {other.id} does too, and says the same"
                return Finding("warning", Problem(_at(n), f"{message}; leave one of them out"))
        return None

    def _implies(self, pairs: Sequence[tuple[_Calls, Line]], other: Rule) -> bool:
        found = [(calls, line, calls.line(other.id)) for calls, line in pairs]
        return all(their is not None and not calls.can(line.when, Not(their.when)) for calls, line, their in found)

    def _is_earlier_twin(self, n: int, form: RuleForm, other: Rule) -> bool:
        """Whether the other comes later and says no more: then it is the one to be told about."""
        later = self._place.get(other.id, -1) > n
        twin = self._document.rules[self._place[other.id]] if later else None
        return twin is not None and not twin.obligations and self._implies(self._covered(twin), _rule(self._side, form))

    def _unreachable(self, tool: ToolName) -> str:
        permits = [line.rule.id for line in self._calls[tool].lines if line.rule.effect == "permit"]
        if not permits:
            return f"no call of {tool} is ever allowed, because no rule permits it; add a permit, or drop the tool"
        return f"no call of {tool} is ever allowed: wherever {_listed(permits)} permits it, a stronger rule forbids it"


def contradiction(when: Condition) -> str | None:
    """Say which parts of a condition exclude each other, whatever any tool's schema says; None when none do."""
    parts = list(when.parts) if isinstance(when, AllOf) else [when]
    if _may_hold(parts):
        return None
    for part in list(parts):
        fewer = [one for one in parts if one is not part]
        if not _may_hold(fewer):
            parts = fewer
    said = [_said(part) for part in parts]
    return f"{' and '.join(said)} exclude each other" if len(said) > 1 else f"{said[0]} holds of nothing"


def _may_hold(parts: Iterable[Condition]) -> bool:
    def unbound(compare: Compare) -> Condition:
        fact = replace(compare.fact, minimum=None, maximum=None)
        return replace(compare, fact=fact)

    try:
        return satisfiable(rewritten(AllOf(tuple(parts)), unbound)) is not None
    except Undecided:
        return True


def _said(condition: Condition) -> str:
    match condition:
        case Compare(fact, operator, operands, _):
            shown = [str(one).lower() if isinstance(one, bool) else repr(one) for one in operands]
            value = f"[{', '.join(shown)}]" if operator in {"in", "only"} else ", ".join(shown)
            return f"`{fact.name} {_WORDS.get(operator, operator)} {value}`".replace(" `", "`")
        case Not(part):
            return f"not {_said(part)}"
        case _:
            names = sorted({compare.fact.name for compare in comparisons(condition)})
            return f"the part about {', '.join(names)}"


def _names(calls: _Calls, line: Line, stronger: Sequence[Line]) -> list[str]:
    """Name one rule that is enough to hide this one, or all that do so together."""
    enough = (other for other in stronger if not calls.can(line.when, Not(other.when)))
    single = next(enough, None)
    if single is not None:
        return [single.rule.id]
    needed = list(stronger)
    for other in stronger:
        fewer = [one for one in needed if one is not other]
        if not calls.can(line.when, Not(_any(fewer))):
            needed = fewer
    return [one.rule.id for one in needed]


def _any(lines: Iterable[Line]) -> Condition:
    return AnyOf(tuple(line.when for line in lines))


def _rule(side: Side, form: RuleForm) -> Rule:
    return next(rule for rule in side.policy.rules if rule.id == form.id)


def _at(n: int) -> Place:
    return ("rules", n)


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"
