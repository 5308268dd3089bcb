"""One value for a fact that makes each of some comparisons come out as wanted: the theory under the search."""

from collections.abc import Sequence

from policies.comparing import ABSENT
from policies.conditions import Fact, Kind
from policies.reasoning.amounts import find_number
from policies.reasoning.host_lists import find_hosts
from policies.reasoning.literals import Literal, Value, fit_all
from policies.reasoning.texts import ANY_SHAPE, Shape, find_text, find_texts
from policies.reasoning.undecided import Undecided


def find_value(fact: Fact, literals: Sequence[Literal], shape: Shape = ANY_SHAPE) -> Value | None:
    """Find a value that fits, a given one before `ABSENT`; None when no value does.

    Raises:
        Undecided: it would cost more than the stated limit.

    """
    presence = [one for one in literals if one.compare.operator == "exists"]
    others = [one for one in literals if one.compare.operator != "exists"]
    if all(one.is_wanted for one in presence):
        value = _find_given(fact, others, shape)
        if value is not None:
            return value
    return ABSENT if fact.is_optional and fit_all(literals, ABSENT) else None


def _find_given(fact: Fact, literals: Sequence[Literal], shape: Shape) -> Value | None:
    match fact.kind:
        case Kind.NUMBER:
            return find_number(fact, literals)
        case Kind.BOOL:
            return next((one for one in (True, False) if fit_all(literals, one)), None)
        case Kind.CHOICE if fact.choices:
            return next((one for one in fact.choices if fit_all(literals, one)), None)
        case Kind.TEXT:
            return find_text(literals, shape)
        case Kind.TEXTS:
            return find_texts(fact, literals)
        case Kind.HOSTS:
            return find_hosts(literals)
        case _:
            raise Undecided
