"""What a change of rules does to the calls of one tool: compared over all facts, not by the words of the rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from policies.change.changes import Change, Witness
from policies.change.levels import LEVELS, are_falling, levels_fall_with_risk
from policies.change.outcomes import Outcome, is_looser, looser, outcome_of
from policies.change.sides import BEFORE, Side, fixed, prover_for, readings, split, unreadable
from policies.change.windows import relation
from policies.comparing import ABSENT
from policies.conditions import NEVER, AllOf, Condition, Not
from policies.programs import Line
from policies.reasoning import Assignment, Prover, Undecided
from policies.reasoning.witness import call_facts, declared_levels
from policies.trees import comparisons
from proctor.contracts.governing import ChangeKind
from proctor.contracts.ids import ToolName

UNDECIDED = "it could not be decided within the limit of work"


class Finding(NamedTuple):
    """What one cause does to the calls of one tool."""

    cause: str
    tool: ToolName
    kind: ChangeKind
    witness: Witness | None = None
    doubt: str = ""


class ToolCalls:
    """The calls of one tool, under the old policy and under the new one."""

    def __init__(self, old: Side, new: Side, tool: ToolName, *, with_levels: bool = False) -> None:
        """Compare at the same live levels of autonomy, or (`with_levels`) at the declared ones of each side."""
        self._old, self._new, self.tool = old, new, tool
        before = old.facts_of(tool, with_levels=with_levels)
        after = new.facts_of(tool, with_levels=with_levels)
        self._fixed = before, after
        self._moved = frozenset(name for name in before.keys() & after.keys() if before[name] != after[name])
        raw, self._after = old.lines(tool), new.lines(tool)
        windows_before, windows_after = old.windows, new.windows
        shared = windows_before.keys() & windows_after.keys()
        self._redefined = frozenset(name for name in shared if windows_before[name] != windows_after[name])
        self._raw = raw
        self._before = split(raw, self._moved | self._redefined)

    def findings(self) -> list[Finding]:
        """Say what each cause does; empty when the rules are the same for this tool."""
        causes = self._causes()
        if not causes:
            return []
        try:
            return self._found(causes)
        except Undecided:
            return [Finding(f"tool {self.tool}", self.tool, ChangeKind.LOOSENS, doubt=UNDECIDED)]

    def _found(self, causes: Mapping[str, frozenset[str]]) -> list[Finding]:
        found: list[Finding] = []
        left: list[Condition] = []
        is_looser_anywhere = self._looser.find(*self._given, self._loosened) is not None
        for cause, ids in causes.items():
            alone = self._alone(ids)
            values = self._loosening(alone) if is_looser_anywhere else None
            left.append(Not(alone))
            if values is not None:
                found.append(self._with_witness(cause, values))
            else:
                found.append(Finding(cause, self.tool, self._tightening(ids)))
        if is_looser_anywhere and all(one.kind is not ChangeKind.LOOSENS for one in found):
            rest = self._loosening(AllOf(tuple(left)))
            found.append(self._with_witness(f"tool {self.tool}", rest or {}))
        return found

    def _loosening(self, alone: Condition) -> Assignment | None:
        """Find a call that this loosens, best one that is now carried out without a question."""
        asked = (*self._given, self._loosened, alone)
        return self._looser.find(*asked, self._outcome(self._after).allowed) or self._looser.find(*asked)

    def _tightening(self, ids: frozenset[str]) -> ChangeKind:
        try:
            swapped = outcome_of(self._swapped(ids), unreadable(self._swapped(ids), self._before))
            tighter = looser(swapped, self._outcome(self._before))
            whole = looser(outcome_of(self._after, unreadable(self._after, self._before)), self._outcome(self._before))
            found = self._tighter.find(*self._given, whole, tighter)
        except Undecided:
            found = None
        return ChangeKind.NEUTRAL if found is None else ChangeKind.TIGHTENS

    @cached_property
    def _loosened(self) -> Condition:
        old = outcome_of(self._before, unreadable(self._before, self._after))
        return looser(old, self._outcome(self._after))

    def _alone(self, ids: frozenset[str]) -> Condition:
        """Say when the old policy would decide looser if only these rules were changed."""
        old = outcome_of(self._before, unreadable(self._before, self._after))
        swapped = self._swapped(ids)
        return looser(old, outcome_of(swapped, unreadable(swapped, self._after)))

    def _swapped(self, ids: frozenset[str]) -> tuple[Line, ...]:
        kept = tuple(line for line in self._before if line.rule.id not in ids)
        return (*kept, *(line for line in self._after if line.rule.id in ids))

    @cached_property
    def _looser(self) -> Prover:
        return prover_for(self._new, self.tool, self._after, self._before)

    @cached_property
    def _tighter(self) -> Prover:
        return prover_for(self._old, self.tool, self._before, self._after)

    def _outcome(self, lines: Sequence[Line]) -> Outcome:
        return outcome_of(lines, NEVER)

    @cached_property
    def _given(self) -> tuple[Condition, ...]:
        """What holds of every call: what the bundles decide, and how the values of windows move."""
        before, after = self._fixed
        moved = {name: before[name] for name in self._moved}
        levels = () if self._moved & LEVELS else self._ordered_levels()
        return (*fixed({**before, **after}), *fixed(moved, BEFORE), *self._relations(), *levels)

    def _ordered_levels(self) -> tuple[Condition, ...]:
        """Say that live levels do not rise with the risk, where neither manifest declares that they do."""
        contracts = ((side.bundle, side.contract(self.tool)) for side in (self._old, self._new))
        declared = [declared_levels(bundle, contract) for bundle, contract in contracts if contract]
        return tuple(levels_fall_with_risk()) if all(map(are_falling, declared)) else ()

    def _relations(self) -> Iterator[Condition]:
        old, new = self._old.windows, self._new.windows
        asked = [line.when for line in (*self._before, *self._after)]
        facts = {compare.fact.name: compare.fact for one in asked for compare in comparisons(one)}
        for name in sorted(self._redefined):
            if name in facts and name + BEFORE in facts:
                before, after = (old[name], facts[name + BEFORE]), (new[name], facts[name])
                yield relation(before, after, asked, self._new.bundle)

    def _causes(self) -> dict[str, frozenset[str]]:
        """Sort the rules that are not as before by what was changed: the rule itself, or a fact that it reads."""
        causes: dict[str, set[str]] = {}
        old = {line.rule.id: line for line in self._raw}
        moved = {line.rule.id: line for line in self._before}
        new = {line.rule.id: line for line in self._after}
        for name in {**old, **new}:
            if not _is_same(old.get(name), new.get(name)):
                causes.setdefault(f"rule {name}", set()).add(name)
            elif not _is_same(moved.get(name), new.get(name)):
                causes.setdefault(self._moved_by(old[name]), set()).add(name)
        return {cause: frozenset(ids) for cause, ids in causes.items()}

    def _moved_by(self, line: Line) -> str:
        names = readings([line]).keys() & (self._moved | self._redefined)
        window = next((name for name in sorted(names) if name in self._redefined), None)
        if window is not None:
            return f"window {window.removeprefix('windows.')}"
        is_level = any(name.startswith("autonomy.") for name in names)
        return "manifest autonomy" if is_level else f"tool {self.tool}"

    def _with_witness(self, cause: str, values: Assignment) -> Finding:
        found = self._tried(values)
        if isinstance(found, str):
            return Finding(cause, self.tool, ChangeKind.LOOSENS, doubt=found)
        return Finding(cause, self.tool, ChangeKind.LOOSENS, self._plainest(found, values))

    def _plainest(self, witness: Witness, values: Assignment) -> Witness:
        """Leave out what does not matter: the call is as usual there, and just as telling."""
        for name in [name for name in values if name not in self._fixed[1] and name + BEFORE not in values]:
            fewer = {other: value for other, value in values.items() if other != name}
            found = self._tried(fewer)
            if not isinstance(found, str) and _is_as_telling(found, witness):
                witness, values = found, fewer
        return witness

    def _tried(self, values: Assignment) -> Witness | str:
        """Complete the values to a call and have both policies decide it; or say why it does not show anything."""
        contract = self._new.contract(self.tool)
        now = {name: value for name, value in values.items() if not name.endswith(BEFORE)}
        facts = call_facts(self._new.bundle, contract, now) if contract else None
        if facts is None:
            return "no arguments were found that fit the tool's schema and make the difference"
        earlier = {name.removesuffix(BEFORE): value for name, value in values.items() if name.endswith(BEFORE)}
        facts_before = {**facts, **earlier}
        before, after = self._old.policy.judge(facts_before), self._new.policy.judge(facts)
        if not is_looser(before, after):
            return f"the call that was tried is decided {before.verdict} before and {after.verdict} after"
        return Witness(self.tool, facts, facts_before, before, after, self._telling(now))

    def _telling(self, values: Assignment) -> dict[str, Any]:
        known = self._fixed[1].keys()
        shown = {name: value for name, value in values.items() if name not in known and value is not ABSENT}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in shown.items()}


def _is_as_telling(one: Witness, other: Witness) -> bool:
    verdicts = (one.before.verdict, one.after.verdict) == (other.before.verdict, other.after.verdict)
    return verdicts and one.before.determining == other.before.determining


def _is_same(one: Line | None, other: Line | None) -> bool:
    if one is None or other is None:
        return one is other
    same_rule = (one.rule.effect, one.rule.obligations) == (other.rule.effect, other.rule.obligations)
    return same_rule and one.when == other.when


def merge(findings: Iterable[Finding], said: Mapping[str, str]) -> Iterator[Change]:
    """Make one change of what one cause does to several tools, the most dangerous first."""
    by_cause: dict[str, list[Finding]] = {}
    for finding in findings:
        by_cause.setdefault(finding.cause, []).append(finding)
    for cause, found in by_cause.items():
        worst = max(found, key=lambda one: (list(_ORDER).index(one.kind), one.witness is not None))
        tools = tuple(dict.fromkeys(one.tool for one in found if one.kind is worst.kind))
        yield Change(worst.kind, cause, said.get(cause, ""), tools, worst.witness, worst.doubt)


_ORDER = (ChangeKind.NEUTRAL, ChangeKind.TIGHTENS, ChangeKind.LOOSENS)
__all__ = ["Finding", "ToolCalls", "merge"]
