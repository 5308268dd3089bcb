"""The same question, asked of Z3: an independent encoding of what conditions mean."""

import re
from functools import cache
from itertools import product
from typing import Any

import z3

from policies.comparing import compare
from policies.conditions import AllOf, AnyOf, Compare, Condition, Fact, Kind, Not
from policies.trees import comparisons

_STEMS = ("", *("".join(chars) for size in (1, 2, 3) for chars in product("abx", repeat=size)))
ELEMENTS = tuple(stem + end for stem in _STEMS for end in ("", "@acme.com", ".com", "@", "@b", "@xb", "@acme.comb"))
_NAMES = ("a.example", "b.a.example", "c.test", "localhost", "other.net")
_HOSTS = (*_NAMES, *(f"x.{name}" for name in _NAMES), *(f"y.x.{name}" for name in _NAMES))
HOSTS = tuple(name + port for name in _HOSTS for port in ("", ":8443", ":1"))
"""Elements of lists are taken from here: every way in which the patterns of the tests can overlap is among them."""


class Oracle:
    """Translates one condition."""

    def __init__(self, condition: Condition) -> None:
        self.solver = z3.Solver()
        self.solver.set("timeout", 3_000)
        self.given: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        for fact in {one.fact.name: one.fact for one in comparisons(condition)}.values():
            self.given[fact.name] = z3.Bool(f"{fact.name}?") if fact.is_optional else z3.BoolVal(True)
            self.values[fact.name] = self._declared(fact)
        self.solver.add(self._translated(condition))

    def is_satisfiable(self) -> bool | None:
        """None: Z3 gave up."""
        answer = self.solver.check()
        return None if answer == z3.unknown else answer == z3.sat

    def _declared(self, fact: Fact) -> Any:
        name = fact.name
        match fact.kind:
            case Kind.NUMBER:
                value = z3.Int(name) if fact.is_integer else z3.Real(name)
                low, high = fact.minimum, fact.maximum
                self.solver.add(value >= (-(2**53) if low is None else low), value <= (2**53 if high is None else high))
                return value
            case Kind.BOOL:
                return z3.Bool(name)
            case Kind.CHOICE:
                value = z3.String(name)
                self.solver.add(z3.Or([value == one for one in fact.choices]))
                return value
            case Kind.TEXT:
                return z3.String(name)
            case _:
                return self._list(fact)

    def _list(self, fact: Fact) -> dict[str, Any]:
        """Declare for each text that could be in the list whether it is."""
        universe = fact.choices or (HOSTS if fact.kind is Kind.HOSTS else ELEMENTS)
        return {text: _membership(fact.name, text) for text in universe}

    def _translated(self, condition: Condition) -> Any:
        match condition:
            case Compare():
                return self._compared(condition)
            case Not(part):
                return z3.Not(self._translated(part))
            case AllOf(parts):
                return z3.And([self._translated(part) for part in parts])
            case AnyOf(parts):
                return z3.Or([self._translated(part) for part in parts])

    def _compared(self, one: Compare) -> Any:
        given = self.given[one.fact.name]
        if one.operator == "exists":
            return given
        holds = self._holds(one, self.values[one.fact.name])
        if not one.fact.is_optional:
            return holds
        return z3.If(given, holds, z3.BoolVal(compare(one, one.default)))

    def _holds(self, one: Compare, value: Any) -> Any:
        first = one.operands[0]
        match one.operator:
            case "equals" | "in":
                return z3.Or([value == operand for operand in one.operands])
            case "matches":
                return z3.InRe(value, _glob(str(first)))
            case "contains" if one.fact.kind is Kind.HOSTS:
                return z3.Or([there for text, there in value.items() if _is_covered(str(first), text)])
            case "contains":
                return value[first]
            case "only":
                is_fine = _is_listed if one.fact.kind is Kind.HOSTS else _matches_one
                return _nothing_of(one.fact.name, tuple(text for text in value if not is_fine(one.operands, text)))
            case operator:
                return {"less_than": value < first, "at_most": value <= first}.get(
                    operator, value > first if operator == "greater_than" else value >= first
                )


@cache  # making terms takes Z3's Python longer than the answers take Z3
def _membership(name: str, text: str) -> Any:
    return z3.Bool(f"{name} has {text}")


@cache
def _nothing_of(name: str, texts: tuple[str, ...]) -> Any:
    return z3.Not(z3.Or([_membership(name, text) for text in texts]))


@cache
def _glob(pattern: str) -> Any:
    anything = z3.AllChar(z3.ReSort(z3.StringSort()))
    parts = [z3.Star(anything) if c == "*" else anything if c == "?" else z3.Re(c) for c in pattern]
    if not parts:
        return z3.Re("")
    return parts[0] if len(parts) == 1 else z3.Concat(*parts)


@cache
def _matches_one(patterns: Any, text: str) -> bool:
    as_regex = (re.escape(one).replace(r"\*", ".*").replace(r"\?", ".") for one in patterns)
    return any(re.fullmatch(one, text, re.DOTALL) for one in as_regex)


def _is_covered(pattern: str, host: str) -> bool:
    name = host.partition(":")[0]
    if ":" in pattern:
        return host == pattern
    if pattern == "*":
        return bool(name)
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def _is_listed(patterns: Any, host: str) -> bool:
    is_loopback = host.partition(":")[0].rpartition(".")[2] == "localhost"
    return any(_is_covered(one, host) and not (one.startswith("*") and is_loopback) for one in patterns)
