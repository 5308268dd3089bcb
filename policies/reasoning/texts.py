"""Texts, and lists of texts, that patterns agree on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.conditions import Compare, Constant, Fact
from policies.reasoning.automata import AtLeast, Automaton, matches, shortest
from policies.reasoning.literals import Literal, fit_all, fixed, globs


@dataclass(frozen=True, slots=True)
class Shape:
    """What the tool's schema says of a text beyond its type."""

    shortest: int = 0
    longest: int | None = None
    pattern: Automaton | None = None


ANY_SHAPE = Shape()


def find_text(literals: Sequence[Literal], shape: Shape = ANY_SHAPE) -> str | None:
    """Find a text that fits, in characters as plain as can be; None when there is none.

    Raises:
        Undecided: the patterns are too many or too long.

    """
    asked = [(_accepting(literal.compare), literal.is_wanted) for literal in literals]
    named = _named(literals)
    if named is not None:
        return next((text for text in named if _is_shaped(text, shape) and fit_all(literals, text)), None)
    wanted = [one for one, is_wanted in asked if is_wanted] + _shape_automata(shape)
    return shortest(wanted, [one for one, is_wanted in asked if not is_wanted], shape.longest)


def find_texts(fact: Fact, literals: Sequence[Literal]) -> tuple[str, ...] | None:
    """Find a list of texts that fits; None when there is none.

    Raises:
        Undecided: the patterns are too many or too long.

    """
    every = [literal for literal in literals if literal.compare.operator == "only" and literal.is_wanted]
    never = [one.compare.operands[0] for one in literals if one.compare.operator == "contains" and not one.is_wanted]
    found = [str(one.compare.operands[0]) for one in literals if one.compare.operator == "contains" and one.is_wanted]
    for breach in (one for one in literals if one.compare.operator == "only" and not one.is_wanted):
        element = _find_element(fact, [*every, breach], tuple(never))
        if element is None:
            return None
        found.append(element)
    elements = tuple(dict.fromkeys(found))
    is_known = not fact.choices or all(one in fact.choices for one in elements)
    return elements if is_known and fit_all(literals, elements) else None


def _find_element(fact: Fact, only: Sequence[Literal], never: tuple[Constant, ...]) -> str | None:
    """Find one element that every literal about all elements agrees on, and the last one is broken by."""
    wanted = [globs(literal.compare.operands) for literal in only if literal.is_wanted]
    unwanted = [globs(literal.compare.operands) for literal in only if not literal.is_wanted]
    unwanted.append(fixed(never))
    if not fact.choices:
        return shortest(wanted, unwanted)
    fitting = (one for one in fact.choices if all(matches(w, one) for w in wanted))
    return next((one for one in fitting if not any(matches(u, one) for u in unwanted)), None)


def _accepting(compare: Compare) -> Automaton:
    return globs(compare.operands) if compare.operator == "matches" else fixed(compare.operands)


def _named(literals: Sequence[Literal]) -> Iterator[str] | None:
    """Give the only texts that can fit, where a literal names them; None when none does."""
    naming = [one for one in literals if one.is_wanted and one.compare.operator in {"equals", "in"}]
    return (str(one) for one in naming[0].compare.operands) if naming else None


def _is_shaped(text: str, shape: Shape) -> bool:
    is_long_enough = len(text) >= shape.shortest and (shape.longest is None or len(text) <= shape.longest)
    return is_long_enough and (shape.pattern is None or matches(shape.pattern, text))


def _shape_automata(shape: Shape) -> list[Automaton]:
    lengths: list[Automaton] = [AtLeast(shape.shortest)] if shape.shortest else []
    return lengths if shape.pattern is None else [*lengths, shape.pattern]
