"""How the live levels of autonomy of one tool are related."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from policies.conditions import AnyOf, Compare, Condition, Not
from policies.facts import AUTONOMY
from proctor.contracts.manifest import Autonomy
from proctor.contracts.tool import Risk

LEVELS: Final = frozenset(fact.name for fact in AUTONOMY.values())
_FROM_LOW: Final = tuple(Risk)


def are_falling(levels: Mapping[str, str]) -> bool:
    """Whether a tier of higher risk never has more autonomy."""
    ranks = [list(Autonomy).index(Autonomy(levels[AUTONOMY[risk].name])) for risk in _FROM_LOW]
    return ranks == sorted(ranks, reverse=True)


def levels_fall_with_risk() -> Iterator[Condition]:
    """Say that a tier of higher risk never has more autonomy: `autonomy.high` is at most `autonomy.medium`, ..."""
    names = [level.value for level in Autonomy]
    for lower, higher in pairwise(_FROM_LOW):
        for rank in range(1, len(names)):
            has_more = Compare(AUTONOMY[higher], "in", tuple(names[rank:]))
            yield AnyOf((Not(has_more), Compare(AUTONOMY[lower], "in", tuple(names[rank:]))))
