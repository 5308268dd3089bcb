"""Whether a condition can hold, and for which facts.

Every comparison is between one fact and constants, and facts do not depend on each other. So the search picks truth
values for the comparisons (`clauses.py`), and each fact is asked by itself whether it has a value for its share of them
(`values.py`). Nothing is approximated: None means that the condition never holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from policies.conditions import AllOf, AnyOf, Compare, Condition, Fact, Not
from policies.reasoning.clauses import ClauseSet
from policies.reasoning.domains import domains, must_be_given
from policies.reasoning.literals import Literal, Value
from policies.reasoning.texts import ANY_SHAPE, Shape
from policies.reasoning.values import find_value
from policies.trees import comparisons

Assignment = Mapping[str, Value]
"""A value for each fact that a condition mentions, by name; `ABSENT` for an optional argument that is not given."""
NO_SHAPES: Final[Mapping[str, Shape]] = {}


def satisfiable(condition: Condition, shapes: Mapping[str, Shape] = NO_SHAPES) -> Assignment | None:
    """Find values for the facts of a condition such that it holds; None when there are none.

    `shapes` says more of texts than their type does, by the fact's name.

    Raises:
        Undecided: it would cost more than the stated limit of work; the condition may hold.

    """
    return Prover(domains(condition), shapes).find(AllOf((condition, must_be_given(condition))))


class Prover:
    """Answers many questions about the same facts; what one question costs, the next ones profit from."""

    def __init__(self, facts: Mapping[str, Fact], shapes: Mapping[str, Shape] = NO_SHAPES) -> None:
        """Take each fact with all that is known of its values. Asking about another fact takes it as it is."""
        self._facts = dict(facts)
        self._shapes = shapes
        self._clauses = ClauseSet()
        self._true = self._clauses.variable()
        self._clauses.add([self._true])
        self._comparisons: dict[int, Compare] = {}
        self._variables: dict[object, int] = {}
        self._found: dict[tuple[str, tuple[int, ...]], Value | None] = {}

    def find(self, *conditions: Condition) -> Assignment | None:
        """Find values such that all of the conditions hold; None when there are none.

        Raises:
            Undecided: it would cost more than the stated limit of work.

        """
        asked = [self._literal(condition) for condition in conditions]
        true = self._clauses.solve(asked, self._contradiction)
        if true is None:
            return None
        shares = self._shares(true)
        names = {compare.fact.name for condition in conditions for compare in comparisons(condition)}
        values = {name: self._value(name, shares[name]) for name in sorted(names)}
        return {name: value for name, value in values.items() if value is not None}

    def _literal(self, condition: Condition) -> int:
        """Give the literal that is true when the condition holds."""
        match condition:
            case Compare():
                return self._comparison(condition)
            case Not(part):
                return -self._literal(part)
            case AllOf(parts):
                return self._both(self._literal(part) for part in parts)
            case AnyOf(parts):
                return -self._both(-self._literal(part) for part in parts)

    def _comparison(self, compare: Compare) -> int:
        key = (compare.fact.name, compare.operator, compare.operands, compare.default)
        if key not in self._variables:
            self._variables[key] = variable = self._clauses.variable()
            self._comparisons[variable] = compare
            self._facts.setdefault(compare.fact.name, compare.fact)
        return self._variables[key]

    def _both(self, literals: Iterable[int]) -> int:
        parts = frozenset(literals) - {self._true}
        if -self._true in parts or any(-part in parts for part in parts):
            return -self._true
        if len(parts) <= 1:
            return next(iter(parts), self._true)
        if parts not in self._variables:
            self._variables[parts] = whole = self._clauses.variable()
            for part in parts:
                self._clauses.add([-whole, part])
            self._clauses.add([whole, *(-part for part in parts)])
        return self._variables[parts]

    def _shares(self, true: Iterable[int]) -> dict[str, tuple[int, ...]]:
        """Sort the literals that are comparisons by the fact that they ask about."""
        shares: dict[str, list[int]] = {}
        for literal in true:
            compare = self._comparisons.get(abs(literal))
            if compare is not None:
                shares.setdefault(compare.fact.name, []).append(literal)
        return {name: tuple(sorted(literals, key=abs)) for name, literals in shares.items()}

    def _contradiction(self, true: Sequence[int]) -> Sequence[int] | None:
        """Give a clause that a fact without a value breaks: as few of its comparisons as cannot all be so."""
        for name, literals in self._shares(true).items():
            if self._value(name, literals) is None:
                return [-literal for literal in self._core(name, literals)]
        return None

    def _core(self, name: str, literals: tuple[int, ...]) -> tuple[int, ...]:
        for literal in literals:
            fewer = tuple(one for one in literals if one != literal)
            if self._value(name, fewer) is None:
                literals = fewer
        return literals

    def _value(self, name: str, literals: tuple[int, ...]) -> Value | None:
        if (name, literals) not in self._found:
            asked = [Literal(self._comparisons[abs(one)], one > 0) for one in literals]
            self._found[name, literals] = find_value(self._facts[name], asked, self._shapes.get(name, ANY_SHAPE))
        return self._found[name, literals]
