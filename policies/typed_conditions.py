"""Typing of conditions: from what a policy document says to a tree over typed facts; every mistake has its place."""

from collections.abc import Callable
from typing import Any, Final

from policies.conditions import ALWAYS, NEVER, AllOf, AnyOf, Compare, Constant, Fact, Kind, Not
from policies.conditions import Condition as Tree
from policies.facts import LARGEST_NUMBER
from policies.hosts import parse_pattern
from policies.loading import flaw_in, is_number
from policies.problems import Place, Problem, near
from policies.scopes import Scope
from policies.texts import flaw_of
from proctor.contracts import policy as forms
from proctor.contracts.globs import is_plain

_ALIKE: Final = ("equals", "not_equals", "in", "not_in")
_ORDER: Final = ("less_than", "at_most", "greater_than", "at_least")
FITTING: Final = {
    Kind.BOOL: ("equals", "not_equals", "exists"),
    Kind.NUMBER: (*_ALIKE, *_ORDER, "exists"),
    Kind.TEXT: (*_ALIKE, "matches", "exists"),
    Kind.CHOICE: (*_ALIKE, "exists"),
    Kind.TEXTS: ("contains", "only", "exists"),
    Kind.HOSTS: ("contains", "only"),
}
"""Operators by the kind of fact."""
_NAMES: Final = {
    Kind.BOOL: "true or false",
    Kind.NUMBER: "a number",
    Kind.TEXT: "a text",
    Kind.CHOICE: "a choice",
    Kind.TEXTS: "a list of texts",
    Kind.HOSTS: "a list of hosts",
}


class Typist:
    """Types the conditions of one rule, and notes what is wrong with them."""

    def __init__(self, scope: Scope) -> None:
        """Take the facts that the rule may ask for."""
        self._scope = scope
        self.problems: list[Problem] = []

    def typed(self, condition: forms.Condition | None, where: Place) -> Tree:
        """Give the typed tree; where something is wrong, it is noted and stands there as never."""
        if condition is None:
            return ALWAYS
        if isinstance(condition, forms.Not):
            return Not(self.typed(condition.negated, (*where, "not")))
        if isinstance(condition, forms.AllOf):
            return AllOf(tuple(self.typed(part, (*where, "all", n)) for n, part in enumerate(condition.all)))
        if isinstance(condition, forms.AnyOf):
            return AnyOf(tuple(self.typed(part, (*where, "any", n)) for n, part in enumerate(condition.any)))
        return self._compared(condition, where)

    def _compared(self, asked: forms.Comparison, where: Place) -> Tree:
        fact, operators = self._scope.find(asked.fact), asked.operators()
        if isinstance(fact, str):
            return self._wrong((*where, "fact"), fact)
        if len(operators) != 1:
            return self._wrong(where, f"a comparison has exactly one operator, not {len(operators)}")
        if asked.operator not in FITTING[fact.kind]:
            fitting = ", ".join(FITTING[fact.kind])
            message = f"{fact.name} is {_NAMES[fact.kind]}, which {asked.operator!r} does not fit: use one of {fitting}"
            return self._wrong((*where, asked.operator), message)
        problem = _default_problem(asked, fact)
        if problem:
            return self._wrong((*where, "default") if asked.has_default else where, problem)
        return self._on(asked, fact, where)

    def _on(self, asked: forms.Comparison, fact: Fact, where: Place) -> Tree:
        operator, place = asked.operator, (*where, asked.operator)
        default = tuple(asked.default) if isinstance(asked.default, list) else asked.default
        if operator == "exists":
            if type(asked.operand) is not bool:
                return self._wrong(place, "write `exists: true` or `exists: false`")
            return Compare(fact, "exists") if asked.operand else Not(Compare(fact, "exists"))
        plain, is_negated = {"not_equals": ("equals", True), "not_in": ("in", True)}.get(operator, (operator, False))
        operands, problem = _operands(plain, asked.operand, fact)
        if problem:
            return self._wrong(place, problem)
        compared = Compare(fact, plain, operands, default)  # type: ignore[arg-type]
        return Not(compared) if is_negated else compared

    def _wrong(self, where: Place, message: str) -> Tree:
        self.problems.append(Problem(where, message))
        return NEVER


def _default_problem(asked: forms.Comparison, fact: Fact) -> str | None:
    if not fact.is_optional:
        if asked.has_default:
            return f"{fact.name} is always there: leave out `default`"
        return f"{fact.name} is always there: `exists` says nothing" if asked.operator == "exists" else None
    if asked.operator == "exists":
        return "`exists` takes no `default`" if asked.has_default else None
    if not asked.has_default:
        return f"{fact.name} may be left out of the call: add `default:`, or ask with `exists`"
    flaw = flaw_in(fact, asked.default)
    return f"the default of {fact.name} {flaw}" if flaw else None


def _operands(operator: str, operand: Any, fact: Fact) -> tuple[tuple[Constant, ...], str | None]:
    if operator in {"in", "only"}:
        if not isinstance(operand, list | tuple) or (operator == "in" and not operand):
            return (), "write a list of values"
        values = tuple(operand)
    else:
        values = (operand,)
    check = _checks(operator, fact)
    problem = next(filter(None, (check(fact, value) for value in values)), None)
    return values, problem


def _checks(operator: str, fact: Fact) -> Callable[[Fact, Any], str | None]:
    if fact.kind is Kind.HOSTS:
        return _pattern_problem
    if fact.kind is Kind.TEXTS:
        return _glob_problem if operator == "only" else _element_problem
    if operator == "matches":
        return _glob_problem
    return _number_problem if fact.kind is Kind.NUMBER else _constant_problem


def _constant_problem(fact: Fact, value: Any) -> str | None:
    if fact.kind is Kind.CHOICE and isinstance(value, str):
        return _choice_problem(fact, value)
    flaw = flaw_in(fact, value)
    return f"{value!r} {flaw}, as {fact.name} is" if flaw else None


def _number_problem(fact: Fact, value: Any) -> str | None:
    if not is_number(value) or not -LARGEST_NUMBER < value < LARGEST_NUMBER:
        return f"{value!r} is not a plain number, as {fact.name} is"
    if fact.minimum is not None and value < fact.minimum:
        return f"{value} is less than {fact.name} can be, which is {fact.minimum} or more"
    if fact.maximum is not None and value > fact.maximum:
        return f"{value} is more than {fact.name} can be, which is {fact.maximum} or less"
    return None


def _choice_problem(fact: Fact, value: str) -> str | None:
    if value in fact.choices:
        return None
    return f"{fact.name} is never {value!r}: it is one of {', '.join(fact.choices)}{near(value, fact.choices)}"


def _element_problem(fact: Fact, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is not a text"
    if fact.choices:
        return _choice_problem(fact, value)
    flaw = flaw_of(value)
    return f"{value!r} {flaw}" if flaw else None


def _glob_problem(fact: Fact, value: Any) -> str | None:
    if isinstance(value, str) and fact.choices and not is_plain(value):
        return None
    return _element_problem(fact, value)


def _pattern_problem(_: Fact, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is not a host, `*.suffix` or `*`"
    try:
        parse_pattern(value)
    except ValueError as error:
        return f"{value!r}: {error}"
    return None
