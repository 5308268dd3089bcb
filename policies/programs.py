"""The rules for calls of one tool, made ready: which apply, what they read, and the reference way to judge by them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from policies.comparing import ABSENT, compare, takes_absent
from policies.conditions import NEVER, AllOf, Compare, Condition, Not
from policies.facts import ARGUMENTS, TOOL
from policies.loading import Reading, read, readings_of
from policies.rules import Facts, Rule
from policies.trees import comparisons, simplified
from proctor.contracts.arguments import arguments_checker, arguments_fit
from proctor.contracts.canonical import summarize
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import ToolContract

Values = dict[tuple[str, tuple[str, ...] | None], Any]


class Line(NamedTuple):
    """A rule with its condition as it is for this tool."""

    rule: Rule
    when: Condition


class ArgumentsCheck(NamedTuple):
    """The check of arguments against a tool's input schema."""

    is_valid: Callable[[object], bool]
    problems: Callable[[object], list[str]]

    def misfits(self, arguments: Any) -> list[str]:
        """Say how arguments do not fit; empty when they do."""
        try:
            if self.is_valid(arguments) is True:
                return []
            return self.problems(arguments) or ["they do not fit its input schema"]
        except Exception as error:  # noqa: BLE001 - whatever cannot be checked does not fit
            return [f"they cannot be checked ({summarize(str(error), 160)})"]


@dataclass(frozen=True, slots=True)
class Program:
    """Rules in order; the bit of each in a mask is its place."""

    tool: ToolName | None
    """None: for tools that no rule and no contract names."""
    lines: tuple[Line, ...]
    readings: tuple[Reading, ...]
    check: ArgumentsCheck | None

    @property
    def reads(self) -> frozenset[str]:
        """Names of the facts that must be there to judge; `arguments` stands for all of them."""
        names = {TOOL.name, *(reading.name for reading in self.readings)}
        has_arguments = self.check is not None or any(reading.path is not None for reading in self.readings)
        return frozenset(names | ({ARGUMENTS} if has_arguments else set()))


class Evaluation(NamedTuple):
    """Which rules fired, and what kept others from being judged: flawed facts, and arguments that do not fit."""

    fired: tuple[Rule, ...]
    mask: int
    flaws: tuple[tuple[str, str], ...]
    misfits: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every fact could be read."""
        return not self.flaws and not self.misfits


class Seen(NamedTuple):
    """A comparison as it went: `value` as it was compared; `holds` is None when the fact could not be read."""

    comparison: Compare
    value: Any
    holds: bool | None


class Trace(NamedTuple):
    """A rule as it went: `fired` is None when a fact that it reads could not be read."""

    rule: Rule
    fired: bool | None
    comparisons: tuple[Seen, ...]


def make_program(rules: Iterable[Rule], tool: ToolName | None, contract: ToolContract | None) -> Program:
    """Pick the rules for a tool and decide what its name alone decides."""
    known = {} if tool is None else {TOOL.name: tool}
    lines = tuple(
        Line(rule, when)
        for rule in rules
        if rule.tools is None or (tool is not None and rule.covers(tool))
        if (when := simplified(rule.when, known)) != NEVER
    )
    asked = (comparison for line in lines for comparison in comparisons(line.when))
    return Program(tool, lines, readings_of(asked), None if contract is None else _check(contract))


def _check(contract: ToolContract) -> ArgumentsCheck:
    try:
        return ArgumentsCheck(arguments_fit(contract.input_schema), arguments_checker(contract.input_schema))
    except ValueError:
        return ArgumentsCheck(lambda _: False, lambda _: ["its input schema is not usable"])


def evaluate(program: Program, facts: Facts) -> Evaluation:
    """Judge by the tree itself: the reference that generated code agrees with."""
    values, flaws = _values(program, facts)
    fired, mask = [], 0
    for place, (rule, when) in enumerate(program.lines):
        if _is_readable(when, values) and holds(when, values):
            fired.append(rule)
            mask |= 1 << place
    return Evaluation(tuple(fired), mask, flaws, _misfits(program, facts))


def trace(program: Program, facts: Facts) -> tuple[Trace, ...]:
    """Say of every rule whether it fired, with every comparison's value."""
    values, _ = _values(program, facts)
    return tuple(_traced(line, values) for line in program.lines)


def _traced(line: Line, values: Values) -> Trace:
    seen = tuple(_seen(comparison, values) for comparison in dict.fromkeys(comparisons(line.when)))
    return Trace(line.rule, holds(line.when, values) if _is_readable(line.when, values) else None, seen)


def _seen(comparison: Compare, values: Values) -> Seen:
    value = values.get((comparison.fact.name, comparison.fact.path))
    if not _can_compare(comparison, values):
        return Seen(comparison, None, None)
    shown = comparison.default if value is ABSENT else value
    return Seen(comparison, shown, compare(comparison, value))


def _values(program: Program, facts: Facts) -> tuple[Values, tuple[tuple[str, str], ...]]:
    values: Values = {}
    flaws = []
    for reading in program.readings:
        value, flaw = read(reading, facts)
        if flaw is None:
            values[reading.key] = value
        else:
            flaws.append((reading.name, flaw))
    if ARGUMENTS in program.reads and type(facts.get(ARGUMENTS)) is not dict:
        flaws.append((ARGUMENTS, "is not an object"))
    return values, tuple(flaws)


def _misfits(program: Program, facts: Facts) -> tuple[str, ...]:
    return () if program.check is None else tuple(program.check.misfits(facts.get(ARGUMENTS)))


def _is_readable(when: Condition, values: Values) -> bool:
    return all(_can_compare(comparison, values) for comparison in comparisons(when))


def _can_compare(comparison: Compare, values: Values) -> bool:
    key = (comparison.fact.name, comparison.fact.path)
    return key in values and (values[key] is not ABSENT or takes_absent(comparison))


def holds(condition: Condition, values: Mapping[tuple[str, tuple[str, ...] | None], Any]) -> bool:
    """Whether a condition holds of values that were read and checked."""
    if isinstance(condition, Compare):
        return compare(condition, values[condition.fact.name, condition.fact.path])
    if isinstance(condition, Not):
        return not holds(condition.part, values)
    if isinstance(condition, AllOf):
        return all(holds(part, values) for part in condition.parts)
    return any(holds(part, values) for part in condition.parts)
