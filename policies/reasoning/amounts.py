"""Numbers that lie within bounds and beside excluded points."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from policies.conditions import Fact
from policies.reasoning.literals import Literal, fit_all

LARGEST: Final = 2**53 - 1
"""The engine takes no number beyond it."""
Number = int | float


def find_number(fact: Fact, literals: Sequence[Literal]) -> Number | None:
    """Find a number of the fact that fits; None when there is none among JSON numbers of double precision."""
    low = -LARGEST if fact.minimum is None else max(fact.minimum, -LARGEST)
    high = LARGEST if fact.maximum is None else min(fact.maximum, LARGEST)
    for value in _candidates(fact, literals, (low, high)):
        number = _plain(value)
        if low <= number <= high and _is_of(fact, number) and fit_all(literals, number):
            return number
    return None


def _candidates(fact: Fact, literals: Sequence[Literal], given: tuple[Number, Number]) -> Iterator[Number]:
    """Give the constants and their neighbours, the plainest first.

    Where the literals agree on an interval without some points, one of these is in it: the constants cut the line into
    pieces, and every piece begins with a constant or with the number after one.
    """
    constants: list[Any] = [operand for literal in literals for operand in literal.compare.operands]
    cuts = sorted({*(one for one in constants if abs(one) <= LARGEST), *given})
    yield from (one for literal in literals if literal.is_wanted for one in literal.compare.operands if one in cuts)  # type: ignore[misc]
    yield 1
    yield from cuts
    for cut in cuts:
        yield from (math.floor(cut) + 1, math.ceil(cut) - 1)
    if not fact.is_integer:
        for cut in cuts:
            yield from (round(cut + 0.01, 2), round(cut - 0.01, 2))
        yield from ((low + high) / 2 for low, high in pairwise(cuts))
        for cut in cuts:
            yield from (math.nextafter(cut, math.inf), math.nextafter(cut, -math.inf))


def _is_of(fact: Fact, number: Number) -> bool:
    return not fact.is_integer or number == int(number)


def _plain(value: Number) -> Number:
    return int(value) if value == int(value) else value
