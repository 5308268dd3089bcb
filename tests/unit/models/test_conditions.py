"""Conditions hold only when they are known to be true."""

import time
from typing import Any

import pytest
from pydantic import TypeAdapter

from proctor.contracts.globs import glob_matches
from proctor.contracts.playbook import Condition
from proctor.contracts.templates import descend
from proctor.models.conditions import holds

VALUES = {"input": {"n": 3, "f": 1.0, "s": "pool_exhausted", "t": True, "l": [1, "a", {"k": 2}], "null": None, "m": 3}}


def check(condition: dict[str, Any]) -> bool:
    return holds(TypeAdapter(Condition).validate_python(condition), lambda path: descend(VALUES, path.parts))


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ({"path": "input.n", "equals": 3}, True),
        ({"path": "input.f", "equals": 1}, True),
        ({"path": "input.t", "equals": 1}, False),
        ({"path": "input.n", "equals": "3"}, False),
        ({"path": "input.null", "equals": None}, True),
        ({"path": "input.l[2]", "equals": {"k": 2}}, True),
        ({"path": "input.n", "equals": "${input.m}"}, True),
        ({"path": "input.n", "not_equals": 4}, True),
        ({"path": "input.n", "not_equals": 3}, False),
        ({"path": "input.s", "in": ["x", "pool_exhausted"]}, True),
        ({"path": "input.t", "in": [1]}, False),
        ({"path": "input.l", "contains": "a"}, True),
        ({"path": "input.s", "contains": "_ex"}, True),
        ({"path": "input.s", "matches": "pool_*"}, True),
        ({"path": "input.s", "matches": "pool"}, False),
        ({"path": "input.n", "less_than": 4}, True),
        ({"path": "input.n", "at_most": 3}, True),
        ({"path": "input.n", "greater_than": 3}, False),
        ({"path": "input.n", "at_least": 3}, True),
        ({"path": "input.s", "greater_than": "a"}, True),
        ({"path": "input.s", "greater_than": 1}, False),
        ({"path": "input.t", "less_than": 5}, False),
        ({"path": "input.null", "exists": True}, True),
        ({"path": "input.none", "exists": True}, False),
        ({"path": "input.none", "exists": False}, True),
        ({"path": "input.l[7]", "exists": False}, True),
    ],
)
def test_operators_compare_json_values(comparison: dict[str, Any], expected: bool) -> None:
    """Types are never coerced: a boolean is no number and a text no number."""
    assert expected is check(comparison)


MISSING = {"path": "input.gone", "equals": 1}
TRUE, FALSE = {"path": "input.n", "equals": 3}, {"path": "input.n", "equals": 4}


@pytest.mark.parametrize(
    "condition",
    [
        MISSING,
        {"not": MISSING},
        {"not": {"not": MISSING}},
        {"path": "input.gone", "not_equals": 1},
        {"path": "input.n", "equals": "${input.gone}"},
        {"not": {"path": "input.n", "equals": "${input.gone}"}},
        {"not": {"path": "input.s", "less_than": 3}},
        {"not": {"path": "input.n", "matches": "*"}},
        {"all": [TRUE, MISSING]},
        {"not": {"all": [TRUE, MISSING]}},
        {"not": {"any": [FALSE, MISSING]}},
    ],
)
def test_missing_or_mistyped_value_makes_no_condition_hold(condition: dict[str, Any]) -> None:
    """Neither a condition nor its negation is satisfied by the absence of a fact."""
    assert check(condition) is False


def test_known_parts_decide_where_the_unknown_ones_cannot() -> None:
    """`any` needs one true part and `not all` one false part, whatever is missing beside it."""
    assert check({"any": [MISSING, TRUE]})
    assert check({"not": {"all": [MISSING, FALSE]}})


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("abc", "abc", True),
        ("abc", "a?c", True),
        ("abc", "*", True),
        ("", "*", True),
        ("abc", "*c*", True),
        ("abcabd", "*ab?", True),
        ("abc", "ab", False),
        ("abc", "b*", False),
        ("a*c", "a[*]c", False),
    ],
)
def test_glob_matches_the_whole_text(text: str, pattern: str, expected: bool) -> None:
    """`*` and `?` are all there is."""
    assert expected is glob_matches(pattern, text)


def test_glob_has_no_exponential_case() -> None:
    """The pattern that ruins backtracking engines takes milliseconds."""
    began = time.perf_counter()
    assert not glob_matches("*a" * 25 + "b", "a" * 5000)
    assert time.perf_counter() - began < 1
