"""Conditions over values that may be missing: Kleene's three-valued logic.

A comparison with a missing value, or with a value of the wrong type, is not false but unknown. `not` of unknown is
unknown; `all` is false as soon as one part is false, `any` true as soon as one is true, and both are unknown otherwise.
A condition holds only when it is true, so nothing is ever done, and no loop left, because a fact was absent.
"""

from collections.abc import Callable
from typing import Any

from proctor.contracts.globs import glob_matches
from proctor.contracts.playbook import AllOf, AnyOf, Comparison, Condition, Not
from proctor.contracts.templates import MISSING, Lookup, MissingValueError, fill, parse_path


def holds(condition: Condition, look_up: Lookup) -> bool:
    """Tell whether a condition is known to be true."""
    return _evaluate(condition, look_up) is True


def _evaluate(condition: Condition, look_up: Lookup) -> bool | None:
    if isinstance(condition, AllOf):
        values = [_evaluate(inner, look_up) for inner in condition.all]
        return False if False in values else None if None in values else True
    if isinstance(condition, AnyOf):
        values = [_evaluate(inner, look_up) for inner in condition.any]
        return True if True in values else None if None in values else False
    if isinstance(condition, Not):
        value = _evaluate(condition.negated, look_up)
        return None if value is None else not value
    return _compare(condition, look_up)


def _compare(comparison: Comparison, look_up: Lookup) -> bool | None:
    value = look_up(parse_path(comparison.path))
    if comparison.operator == "exists":
        return (value is not MISSING) is comparison.exists
    if value is MISSING:
        return None
    try:
        operand = fill(comparison.operand, look_up)
    except MissingValueError:
        return None
    return _OPERATORS[comparison.operator](value, operand)


def is_same(left: Any, right: Any) -> bool:
    """Compare two JSON values: 1 equals 1.0, and nothing but a boolean equals a boolean."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_same(left[key], right[key]) for key in left)
    return bool(left == right)


def _is_in(value: Any, operand: Any) -> bool | None:
    return any(is_same(value, item) for item in operand) if isinstance(operand, list) else None


def _does_contain(value: Any, operand: Any) -> bool | None:
    if isinstance(value, str):
        return operand in value if isinstance(operand, str) else None
    return _is_in(operand, value)


def _matches(value: Any, operand: Any) -> bool | None:
    return glob_matches(operand, value) if isinstance(value, str) and isinstance(operand, str) else None


def _ordered(question: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    """Compare number with number or text with text; anything else has no order."""

    def compare(value: Any, operand: Any) -> bool | None:
        if isinstance(value, bool) or isinstance(operand, bool):
            return None
        numbers = isinstance(value, int | float) and isinstance(operand, int | float)
        texts = isinstance(value, str) and isinstance(operand, str)
        return question(value, operand) if numbers or texts else None

    return compare


_OPERATORS: dict[str, Callable[[Any, Any], bool | None]] = {
    "equals": is_same,
    "not_equals": lambda value, operand: not is_same(value, operand),
    "in": _is_in,
    "contains": _does_contain,
    "matches": _matches,
    "less_than": _ordered(lambda value, operand: value < operand),
    "at_most": _ordered(lambda value, operand: value <= operand),
    "greater_than": _ordered(lambda value, operand: value > operand),
    "at_least": _ordered(lambda value, operand: value >= operand),
}
