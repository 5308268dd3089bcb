"""Judging by rules: forbid beats require_approval beats permit, and whatever is not permitted is denied (rule 7)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from policies.facts import TOOL
from policies.generation import generate
from policies.programs import Evaluation, Program, Trace, evaluate, make_program, trace
from policies.rules import Facts, Preference, Rule
from policies.texts import flaw_of
from policies.trees import canonical, comparisons
from proctor.contracts.canonical import digest_json, summarize
from proctor.contracts.decision import Decision, FiredRule, RuleEffect, Verdict
from proctor.contracts.ids import Digest, ToolName
from proctor.contracts.obligations import Obligation
from proctor.contracts.policy import WindowForm
from proctor.contracts.tool import ToolContract

ENGINE_VERSION = 2
"""Part of every policy digest: raise it when the same rules would be judged differently."""

_BY_STRENGTH: Final[tuple[RuleEffect, ...]] = ("forbid", "require_approval", "permit")
_VERDICTS: Final[dict[RuleEffect, Verdict]] = {
    "forbid": Verdict.DENY,
    "require_approval": Verdict.REQUIRE_APPROVAL,
    "permit": Verdict.ALLOW,
}
NO_RULES: Final = "no-rules"
NO_TOOL: Final = "no-tool"
NO_PERMIT: Final = "no-permit"
ENGINE_ERROR: Final = "engine-error"
BUILT_IN: Final = frozenset({NO_RULES, NO_TOOL, NO_PERMIT, ENGINE_ERROR})
"""What a decision can name as determining although there is no such rule; also `fact:NAME`, `arguments-schema:TOOL`."""
DECISIONS_KEPT: Final = 4096


class CompiledPolicy:
    """A policy made of rules. It fails closed: no rules, no matching permit, or a fact that cannot be read is a deny.

    Calls are judged by generated code; `explain` and every unsound call by the condition tree itself.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        tools: Iterable[ToolContract] = (),
        windows: Iterable[WindowForm] = (),
        *,
        preferences: Iterable[Preference] = (),
        terms: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the rules; their order decides nothing but which of equally strong ones is named first.

        `terms` is JSON that the digest covers too, because facts are made from it.

        Raises:
            ValueError: two rules have the same id.

        """
        self._rules = tuple(rules)
        if len({rule.id for rule in self._rules}) != len(self._rules):
            raise ValueError("two rules have the same id")
        self._contracts = {tool.name: tool for tool in tools}
        self._windows = {f"windows.{window.id}": window for window in windows}
        self._preferences = tuple(preferences)
        self._known = frozenset(self._named_tools())
        self._benches: dict[ToolName | None, _Bench] = {}
        self._digest = self._digested(terms or {})

    @property
    def digest(self) -> Digest:
        """Digest over the engine's version, all rules, the windows they ask and the schemas of arguments."""
        return self._digest

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in order."""
        return self._rules

    @property
    def contracts(self) -> Mapping[ToolName, ToolContract]:
        """The tools whose arguments are held against their schema."""
        return self._contracts

    @property
    def preferences(self) -> tuple[Preference, ...]:
        """The soft constraints; they decide nothing."""
        return self._preferences

    def rules_for(self, tool: ToolName) -> tuple[Rule, ...]:
        """Give the rules that can apply to calls of a tool, in order."""
        return tuple(line.rule for line in self.program(tool).lines)

    def reads(self, tool: ToolName) -> frozenset[str]:
        """Name the facts that a judgement of this tool's calls reads; `arguments` stands for all arguments."""
        return self.program(tool).reads

    def windows_for(self, tool: ToolName) -> tuple[WindowForm, ...]:
        """Give the windows that must be known to judge a call of the tool."""
        reads = self.reads(tool)
        return tuple(window for name, window in self._windows.items() if name in reads)

    def program(self, tool: ToolName) -> Program:
        """Give the rules for a tool, made ready."""
        return self._bench(tool).program

    def judge(self, facts: Facts) -> Decision:
        """Decide on one call. Never raises: whatever goes wrong is a deny that says so."""
        try:
            bench = self._benches[facts["tool"]]
            return bench.decisions[bench.judge(facts)]
        except Exception:  # noqa: BLE001 - not a call that was judged before, or not a sound one: take the long way
            return self._judge_slowly(facts)

    def explain(self, facts: Facts) -> tuple[Trace, ...]:
        """Say of every rule for the call's tool whether it fired, with the values that it looked at.

        Raises:
            ValueError: the facts do not name a tool.

        """
        tool = _tool_of(facts)
        if tool is None:
            raise ValueError("the facts do not name a tool")
        return trace(self.program(tool), facts)

    def _judge_slowly(self, facts: Facts) -> Decision:
        if not self._rules:
            return self._deny(NO_RULES, "the policy has no rules, and what is not permitted is denied")
        try:
            tool = _tool_of(facts)
            if tool is None:
                return self._deny(NO_TOOL, "the call does not say which tool it is for")
            return self._judge_on(self._bench(tool), facts)
        except Exception as error:  # noqa: BLE001 - an error in the engine itself must deny, never escape
            what = f"{type(error).__name__}: {summarize(str(error))}"
            return self._deny(ENGINE_ERROR, f"the call could not be judged ({what}), so it is denied")

    def _judge_on(self, bench: "_Bench", facts: Facts) -> Decision:
        found = evaluate(bench.program, facts)
        if not found.is_sound:
            return self._unsound(bench.program, found)
        if bench.judge(facts) != found.mask:
            return self._deny(ENGINE_ERROR, "two ways of judging the call do not agree, so it is denied")
        if len(bench.decisions) >= DECISIONS_KEPT:
            bench.decisions.clear()
        return bench.decisions.setdefault(found.mask, self._decide(found.fired))

    def _bench(self, tool: ToolName) -> "_Bench":
        key = tool if tool in self._known else None
        if key not in self._benches:
            self._benches[key] = _Bench(make_program(self._rules, key, self._contracts.get(tool)))
        return self._benches[key]

    def _named_tools(self) -> Iterable[ToolName]:
        yield from self._contracts
        for rule in self._rules:
            yield from rule.tools or ()
            for asked in comparisons(rule.when):
                if asked.fact.name == TOOL.name and asked.operator in {"equals", "in"}:
                    yield from (ToolName(str(operand)) for operand in asked.operands)

    def _digested(self, terms: Mapping[str, Any]) -> Digest:
        rules = [_canonical(rule) for rule in self._rules]
        windows = [window.model_dump(mode="json") for window in self._windows.values()]
        schemas = {name: tool.input_schema for name, tool in self._contracts.items()}
        return digest_json(
            {"engine": ENGINE_VERSION, "rules": rules, "windows": windows, "schemas": schemas, "terms": dict(terms)}
        )

    def _decide(self, fired: Sequence[Rule]) -> Decision:
        for effect in _BY_STRENGTH if any(rule.can_permit for rule in fired) else ("forbid",):
            found = next((rule for rule in fired if rule.effect == effect), None)
            if found is not None:
                return Decision(
                    verdict=_VERDICTS[effect],
                    determining=found.id,
                    fired=tuple(_fired(rule) for rule in fired),
                    obligations=() if effect == "forbid" else _obligations(fired),
                    reason=found.reason,
                    advice=found.advice,
                    policy_digest=self._digest,
                )
        said = tuple(_fired(rule) for rule in fired)
        return self._deny(NO_PERMIT, "no rule permits this, and what is not permitted is denied", said)

    def _unsound(self, program: Program, found: Evaluation) -> Decision:
        """Deny a call that could not be judged whole; a rule that forbids it anyway is named first."""
        forbids = [rule for rule in found.fired if rule.effect == "forbid"]
        said = [*map(_fired, found.fired), *_misfit(program, found), *map(_flawed, found.flaws)]
        first = _fired(forbids[0]) if forbids else said[len(found.fired)]
        advice = forbids[0].advice if forbids else ""
        return self._deny(first.id, first.reason, tuple(said), advice)

    def _deny(self, determining: str, reason: str, fired: tuple[FiredRule, ...] = (), advice: str = "") -> Decision:
        return Decision(
            verdict=Verdict.DENY,
            determining=determining,
            fired=fired,
            reason=reason,
            advice=advice,
            policy_digest=self._digest,
        )


class _Bench:
    """One tool's program with its generated code, and the decisions by the rules that fired."""

    __slots__ = ("decisions", "judge", "program")

    def __init__(self, program: Program) -> None:
        self.program = program
        self.decisions: dict[int, Decision] = {}
        self.judge = generate(program)


def _tool_of(facts: Facts) -> ToolName | None:
    tool = facts.get("tool") if isinstance(facts, Mapping) else None
    return ToolName(tool) if type(tool) is str and flaw_of(tool) is None else None


def _misfit(program: Program, found: Evaluation) -> list[FiredRule]:
    if not found.misfits:
        return []
    reason = f"the arguments do not fit {program.tool}: {'; '.join(found.misfits)}"
    return [FiredRule(id=f"arguments-schema:{program.tool}", effect="forbid", reason=reason)]


def _flawed(flaw: tuple[str, str]) -> FiredRule:
    name, why = flaw
    reason = f"the fact {name} {why}, and rules depend on it, so the call is denied"
    return FiredRule(id=f"fact:{name}", effect="forbid", reason=reason)


def _fired(rule: Rule) -> FiredRule:
    return FiredRule(id=rule.id, effect=rule.effect, reason=rule.reason)


def _obligations(fired: Iterable[Rule]) -> tuple[Obligation, ...]:
    return tuple(dict.fromkeys(obligation for rule in fired for obligation in rule.obligations))


def _canonical(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "effect": rule.effect,
        "opens": rule.opens,
        "when": canonical(rule.when),
        "tools": None if rule.tools is None else list(rule.tools),
        "obligations": [one.model_dump(mode="json") for one in rule.obligations],
    }


def tightened(recorded: Decision, live: Decision) -> Decision:
    """Give the stricter of two decisions; of equally strict ones the recorded, with obligations and rules of both.

    At dispatch policy may only tighten: a live decision never takes away what the recorded one asked for.
    """
    if recorded.verdict.stricter_of(live.verdict) is not recorded.verdict:
        stricter, other = live, recorded
    else:
        stricter, other = recorded, live
    if stricter.verdict is Verdict.DENY:
        return stricter
    both = tuple(dict.fromkeys((*stricter.obligations, *other.obligations)))
    fired = tuple(dict.fromkeys((*stricter.fired, *other.fired)))
    if both == stricter.obligations and fired == stricter.fired:
        return stricter
    return stricter.model_copy(update={"obligations": both, "fired": fired})
