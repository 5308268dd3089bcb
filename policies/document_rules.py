"""The rules of a policy document, typed and compiled: its own, and those that its obligations stand for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from policies.conditions import ALWAYS, AllOf, AnyOf, Compare, Condition, Kind, Not
from policies.facts import ARGUMENTS, LARGEST_NUMBER, RISK, TOOL, window_fact
from policies.problems import Place, Problem
from policies.rules import Preference, Rule
from policies.scopes import Scope
from policies.trees import equals, is_in, rewritten
from policies.typed_conditions import Typist
from proctor.contracts.canonical import digest_bytes
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import CoolDown, MaxAmount
from proctor.contracts.policy import PolicyDocument, PreferenceForm, RiskForm, RuleForm, WindowForm
from proctor.contracts.tool import Risk

Tiers = Mapping[Risk, Condition]
"""When a call is of a risk tier, after the document has raised what it raises."""
_LONGEST_NAME: Final = 64


def typed_rules(document: PolicyDocument, bundle: AgentBundle) -> tuple[Rule, ...]:
    """Compile the rules of a document; one that cannot be understood forbids what it looks at."""
    bundle = governed(bundle, document)
    tiers = risk_tiers(document, bundle)
    return tuple(rule for form in document.rules for rule in _RuleReading(form, bundle, (), tiers).rules())


def typed_preferences(document: PolicyDocument, bundle: AgentBundle) -> tuple[Preference, ...]:
    """Compile the soft constraints of a document; one that cannot be understood always applies."""
    bundle = governed(bundle, document)
    tiers = risk_tiers(document, bundle)
    return tuple(_preference(form, bundle, tiers) for form in document.prefer)


def windows_of(document: PolicyDocument) -> tuple[WindowForm, ...]:
    """Give the windows of a document, with those that its cool-downs stand for."""
    return (*document.windows, *(cool.window for form in document.rules for cool in _cool_downs(form)))


def rule_problems(document: PolicyDocument, bundle: AgentBundle) -> Iterator[Problem]:
    """List what is wrong inside single rules, risk rules and soft constraints."""
    bundle = governed(bundle, document)
    for n, rule in enumerate(document.rules):
        yield from _RuleReading(rule, bundle, ("rules", n), {}).problems()
    for n, risk in enumerate(document.risk):
        yield from _condition(risk, bundle, ("risk", n))[1]
    for n, preference in enumerate(document.prefer):
        yield from _condition(preference, bundle, ("prefer", n))[1]


def risk_tiers(document: PolicyDocument | None, bundle: AgentBundle) -> Tiers:
    """Say when a call is of each tier: the tool's own, or a higher one that the document raises it to."""
    high = _raised(document, bundle, Risk.HIGH)
    medium = _raised(document, bundle, Risk.MEDIUM)
    low_raised = AllOf((equals(RISK, Risk.LOW.value), medium))
    return {
        Risk.HIGH: AnyOf((equals(RISK, Risk.HIGH.value), high)),
        Risk.MEDIUM: AllOf((Not(high), AnyOf((equals(RISK, Risk.MEDIUM.value), low_raised)))),
        Risk.LOW: AllOf((equals(RISK, Risk.LOW.value), Not(high), Not(medium))),
    }


def governed(bundle: AgentBundle, document: PolicyDocument) -> AgentBundle:
    """Give the bundle with this document as its policy."""
    return bundle if bundle.policy is document else bundle.model_copy(update={"policy": document})


def _raised(document: PolicyDocument | None, bundle: AgentBundle, risk: Risk) -> Condition:
    forms = [form for form in (document.risk if document else ()) if form.risk == risk]
    return AnyOf(tuple(_of_tools(form, _usable(form, bundle)) for form in forms))


def _of_tools(form: RiskForm, when: Condition) -> Condition:
    tools = tools_of(form)
    return when if tools is None else AllOf((is_in(TOOL, tools), when))


def _usable(form: RiskForm, bundle: AgentBundle) -> Condition:
    """Give the condition; of a rule that cannot be understood, that it always applies: raising is the safe side."""
    when, problems = _condition(form, bundle, ())
    return ALWAYS if problems else when


def tools_of(form: RuleForm | RiskForm | PreferenceForm | WindowForm) -> tuple[ToolName, ...] | None:
    """Give the tools that a part of the document names; None is all."""
    return (ToolName(form.tool),) if isinstance(form.tool, str) else form.tool


def _condition(
    form: RuleForm | RiskForm | PreferenceForm, bundle: AgentBundle, where: Place
) -> tuple[Condition, list[Problem]]:
    typist = Typist(Scope(bundle, tools_of(form)))
    return typist.typed(form.when, (*where, "when")), typist.problems


def _preference(form: PreferenceForm, bundle: AgentBundle, tiers: Tiers) -> Preference:
    when, problems = _condition(form, bundle, ())
    kept = ALWAYS if problems else _with_tiers(when, tiers)
    return Preference(form.id, kept, form.reason, form.weight, tools_of(form))


def _with_tiers(when: Condition, tiers: Tiers) -> Condition:
    """Let the fact `risk` mean the raised one."""

    def change(asked: Compare) -> Condition:
        if asked.fact != RISK:
            return asked
        return AnyOf(tuple(tiers[Risk(str(operand))] for operand in asked.operands))

    return rewritten(when, change)


@dataclass(frozen=True)
class _RuleReading:
    """One rule of the document, on its way to what the engine judges by."""

    form: RuleForm
    bundle: AgentBundle
    where: Place
    tiers: Tiers

    def problems(self) -> list[Problem]:
        found = list(_condition(self.form, self.bundle, self.where)[1])
        for n, obligation in enumerate(self.form.obligations):
            if isinstance(obligation, MaxAmount):
                limit = self._limit(obligation)
                found += [Problem((*self.where, "obligations", n), limit)] if isinstance(limit, str) else []
            if isinstance(obligation, CoolDown) and self.form.tools is None:
                message = "a cool-down is for the tools that the rule names: add `tool:`"
                found.append(Problem((*self.where, "obligations", n), message))
        return found

    def rules(self) -> Iterator[Rule]:
        form = self.form
        if self.problems():
            reason = f"the rule {form.id} cannot be understood, so that nothing that it looks at is allowed"
            yield Rule(form.id, "forbid", ALWAYS, reason, tools=form.tools)
            return
        when = _with_tiers(_condition(form, self.bundle, ())[0], self.tiers)
        yield Rule(form.id, form.effect, when, form.reason, form.advice, form.tools, form.obligations, opens=True)
        if form.effect != "forbid":
            yield from self._limits(when)
            yield from self._cooling(when)

    def _limits(self, when: Condition) -> Iterator[Rule]:
        for n, obligation in enumerate(one for one in self.form.obligations if isinstance(one, MaxAmount)):
            limit = self._limit(obligation)
            if not isinstance(limit, str):
                name = f"{self.form.id}:max-amount" + (f"-{n + 1}" if n else "")
                reason = f"{obligation.argument} is beyond {obligation.max:g}: {self.form.reason}"
                advice = self.form.advice or f"stay within {obligation.max:g}"
                yield Rule(name, "forbid", AllOf((when, limit)), reason, advice, self.form.tools)

    def _limit(self, obligation: MaxAmount) -> Compare | str:
        fact = Scope(self.bundle, self.form.tools).find(f"{ARGUMENTS}.{obligation.argument}")
        if isinstance(fact, str):
            return fact
        if fact.kind is not Kind.NUMBER:
            return f"{fact.name} is not a number, and has no largest amount"
        if fact.is_optional:
            return f"{fact.name} may be left out of the call: a limited amount must be required by the tool's schema"
        if not -LARGEST_NUMBER < obligation.max < LARGEST_NUMBER:
            return f"{obligation.max} is no plain number"
        return Compare(fact, "greater_than", (obligation.max,))

    def _cooling(self, when: Condition) -> Iterator[Rule]:
        cools = list(_cool_downs(self.form))
        if cools:
            early = AnyOf(tuple(cool.is_early for cool in cools))
            seconds = max(cool.window.within_s for cool in cools)
            reason = f"the last such call was less than {seconds} seconds ago: {self.form.reason}"
            advice = self.form.advice or f"wait until {seconds} seconds have passed since the last such call"
            yield Rule(f"{self.form.id}:cool-down", "forbid", AllOf((when, early)), reason, advice, self.form.tools)


@dataclass(frozen=True)
class _Cooling:
    """The cool-down of one tool: the window that measures it, and the condition that it is not over."""

    tool: ToolName
    window: WindowForm

    @property
    def is_early(self) -> Condition:
        early = Compare(window_fact(self.window.id), "less_than", (self.window.within_s,))
        return AllOf((equals(TOOL, self.tool), early))


def _cool_downs(form: RuleForm) -> Iterator[_Cooling]:
    seconds = [one.seconds for one in form.obligations if isinstance(one, CoolDown)]
    for n, tool in enumerate(form.tools or () if seconds and form.effect != "forbid" else ()):
        name = _window_name(form.id, n)
        window = WindowForm(id=name, measure="last", tool=tool, within_s=max(seconds), per="agent")
        yield _Cooling(tool, window)


def _window_name(rule: str, n: int) -> str:
    name = f"cool_down_{rule.replace('-', '_')}_{n}"
    return name if len(name) <= _LONGEST_NAME else f"cool_down_{digest_bytes(name.encode())[:32]}"


def permitted_by_document(document: PolicyDocument | None, tools: Iterable[ToolName]) -> frozenset[ToolName]:
    """Name the tools that a permit rule of the document names: only those rules permit them."""
    permits = [rule for rule in (document.rules if document else ()) if rule.effect == "permit"]
    return frozenset(tool for tool in tools if any(rule.tools is None or tool in rule.tools for rule in permits))
