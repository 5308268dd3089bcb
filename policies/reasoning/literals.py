"""Comparisons that shall hold or not hold."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from policies.comparing import ABSENT, compare, takes_absent
from policies.conditions import Compare, Constant
from policies.reasoning.automata import Patterns

Value = Any
"""Value of a fact: JSON with lists as tuples, or `ABSENT`."""


class Literal(NamedTuple):
    """A comparison, and whether it shall hold."""

    compare: Compare
    is_wanted: bool


def fits(literal: Literal, value: Value) -> bool:
    """Whether the value makes the comparison come out as wanted; of nothing and without a default, none holds."""
    can_be_asked = value is not ABSENT or takes_absent(literal.compare)
    return (can_be_asked and compare(literal.compare, value)) is literal.is_wanted


def fit_all(literals: Sequence[Literal], value: Value) -> bool:
    """Whether the value makes every comparison come out as wanted."""
    return all(fits(literal, value) for literal in literals)


@lru_cache(maxsize=4096)
def globs(patterns: tuple[Constant, ...]) -> Patterns:
    """Give the automaton of texts that match one of the globs."""
    return Patterns(globs=map(str, patterns))


@lru_cache(maxsize=4096)
def fixed(texts: tuple[Constant, ...]) -> Patterns:
    """Give the automaton of these texts."""
    return Patterns(fixed=map(str, texts))
