"""What values a fact can have, over all the rules that ask about it."""

from collections.abc import Iterable

from policies.conditions import ALWAYS, AllOf, Compare, Condition, Fact
from policies.reasoning.undecided import Undecided
from policies.trees import comparisons


def domains(condition: Condition) -> dict[str, Fact]:
    """Give each fact of a condition by its name, with all that is known of its values.

    Raises:
        Undecided: a fact is asked for as two kinds of value.

    """
    found: dict[str, Fact] = {}
    for compare in comparisons(condition):
        known = found.get(compare.fact.name)
        found[compare.fact.name] = compare.fact if known is None else merged((known, compare.fact))
    return found


def merged(facts: Iterable[Fact]) -> Fact:
    """Give the values that all of these declarations of one fact allow.

    Raises:
        Undecided: they are of different kinds.

    """
    first, *others = facts
    for other in others:
        if other != first:
            first = _both(first, other)
    return first


def must_be_given(condition: Condition) -> Condition:
    """Say that each optional fact is there that a comparison without a default asks about."""
    asking = (one for one in comparisons(condition) if one.operator != "exists" and one.default is None)
    facts = {one.fact.name: one.fact for one in asking if one.fact.is_optional}
    return AllOf(tuple(Compare(fact, "exists") for fact in facts.values())) if facts else ALWAYS


def _both(one: Fact, other: Fact) -> Fact:
    if one.kind is not other.kind:
        raise Undecided
    choices = tuple(choice for choice in one.choices if choice in other.choices or not other.choices)
    lows = [fact.minimum for fact in (one, other) if fact.minimum is not None]
    highs = [fact.maximum for fact in (one, other) if fact.maximum is not None]
    return Fact(
        one.name,
        one.kind,
        choices or other.choices,
        one.path or other.path,
        one.is_optional and other.is_optional,
        one.is_integer or other.is_integer,
        max(lows, default=None),
        min(highs, default=None),
    )
