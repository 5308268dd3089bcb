"""Working with condition trees: building, walking, rewriting, and simplifying by what is known beforehand."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from policies.comparing import compare
from policies.conditions import ALWAYS, NEVER, AllOf, AnyOf, Compare, Condition, Constant, Fact, Not
from proctor.contracts.canonical import LARGEST_EXACT


def equals(fact: Fact, value: Constant) -> Condition:
    """Hold when the fact is this value."""
    return Compare(fact, "equals", (value,))


def is_in(fact: Fact, values: Iterable[Constant]) -> Condition:
    """Hold when the fact is one of these values; of none, never."""
    operands = tuple(values)
    return Compare(fact, "in", operands) if operands else NEVER


def comparisons(condition: Condition) -> Iterator[Compare]:
    """Walk over all comparisons, repeated ones too."""
    if isinstance(condition, Compare):
        yield condition
    elif isinstance(condition, Not):
        yield from comparisons(condition.part)
    else:
        for part in condition.parts:
            yield from comparisons(part)


def rewritten(condition: Condition, change: Callable[[Compare], Condition]) -> Condition:
    """Replace every comparison."""
    if isinstance(condition, Compare):
        return change(condition)
    if isinstance(condition, Not):
        return Not(rewritten(condition.part, change))
    return type(condition)(tuple(rewritten(part, change) for part in condition.parts))


def simplified(condition: Condition, known: Mapping[str, Any]) -> Condition:
    """Decide the comparisons of facts whose value is known, and leave out what no longer matters."""
    if isinstance(condition, Compare):
        if condition.fact.name not in known:
            return condition
        return ALWAYS if compare(condition, known[condition.fact.name]) else NEVER
    if isinstance(condition, Not):
        return _negated(simplified(condition.part, known))
    parts = dict.fromkeys(simplified(part, known) for part in condition.parts)
    return _all_of(parts) if isinstance(condition, AllOf) else _any_of(parts)


def _negated(part: Condition) -> Condition:
    if isinstance(part, Not):
        return part.part
    if part == ALWAYS:
        return NEVER
    return ALWAYS if part == NEVER else Not(part)


def _all_of(parts: Iterable[Condition]) -> Condition:
    kept = tuple(part for part in parts if part != ALWAYS)
    if NEVER in kept:
        return NEVER
    return kept[0] if len(kept) == 1 else AllOf(kept)


def _any_of(parts: Iterable[Condition]) -> Condition:
    kept = tuple(part for part in parts if part != NEVER)
    if ALWAYS in kept:
        return ALWAYS
    return kept[0] if len(kept) == 1 else AnyOf(kept)


def canonical(condition: Condition) -> dict[str, Any]:
    """Give a condition as JSON, for the digest."""
    if isinstance(condition, AllOf):
        return {"all": [canonical(part) for part in condition.parts]}
    if isinstance(condition, AnyOf):
        return {"any": [canonical(part) for part in condition.parts]}
    if isinstance(condition, Not):
        return {"not": canonical(condition.part)}
    fact, default = condition.fact, condition.default
    return {
        "fact": [fact.name, fact.kind, list(fact.choices), None if fact.path is None else list(fact.path)],
        "bounds": [fact.is_optional, fact.is_integer, _whole(fact.minimum), _whole(fact.maximum)],
        condition.operator: [_whole(operand) for operand in condition.operands],
        "default": list(default) if isinstance(default, tuple) else _whole(default),
    }


def _whole(value: Any) -> Any:
    """Give a whole number as an integer: canonical JSON has one form for both, and finds this one sooner."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT
    return int(value) if is_whole else value
