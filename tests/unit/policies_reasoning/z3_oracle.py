"""The same question, asked of Z3: an independent encoding of what conditions mean."""

from typing import Any

import z3

from policies.comparing import compare
from policies.conditions import AllOf, AnyOf, Compare, Condition, Fact, Kind, Not
from policies.trees import comparisons


class Oracle:
    """Translates one condition; lists have as many elements as comparisons could tell apart."""

    def __init__(self, condition: Condition) -> None:
        self.asked = [one for one in comparisons(condition)]
        self.solver = z3.Solver()
        self.solver.set("timeout", 20_000)
        self.given: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        for fact in {one.fact.name: one.fact for one in self.asked}.values():
            self.given[fact.name] = z3.Bool(f"{fact.name}?") if fact.is_optional else z3.BoolVal(True)
            self.values[fact.name] = self._declared(fact)
        self.solver.add(self._translated(condition))

    def is_satisfiable(self) -> bool:
        answer = self.solver.check()
        assert answer != z3.unknown, "the oracle gave no answer"
        return bool(answer == z3.sat)

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

    def _list(self, fact: Fact) -> list[tuple[Any, Any, Any]]:
        size = sum(one.fact.name == fact.name for one in self.asked)
        elements = [
            (z3.Bool(f"{fact.name}[{n}]?"), z3.String(f"{fact.name}[{n}]"), z3.Int(f"{fact.name}[{n}]:"))
            for n in range(size)
        ]
        for _, text, port in elements:
            if fact.choices:
                self.solver.add(z3.Or([text == one for one in fact.choices]))
            if fact.kind is Kind.HOSTS:
                self.solver.add(z3.InRe(text, _host_names()), port >= 0, port <= 65_535, z3.Length(text) <= 60)
        return elements

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
                return z3.Or([z3.And(there, _covered(str(first), text, port)) for there, text, port in value])
            case "contains":
                return z3.Or([z3.And(there, text == first) for there, text, _ in value])
            case "only" if one.fact.kind is Kind.HOSTS:
                return z3.And([z3.Implies(there, _listed(one.operands, text, port)) for there, text, port in value])
            case "only":
                return z3.And([z3.Implies(there, _matches_one(one.operands, text)) for there, text, _ in value])
            case operator:
                return {"less_than": value < first, "at_most": value <= first}.get(
                    operator, value > first if operator == "greater_than" else value >= first
                )


def _glob(pattern: str) -> Any:
    anything = z3.AllChar(z3.ReSort(z3.StringSort()))
    parts = [z3.Star(anything) if c == "*" else anything if c == "?" else z3.Re(c) for c in pattern]
    if not parts:
        return z3.Re("")
    return parts[0] if len(parts) == 1 else z3.Concat(*parts)


def _matches_one(patterns: Any, text: Any) -> Any:
    return z3.Or([z3.InRe(text, _glob(str(pattern))) for pattern in patterns])


def _host_names() -> Any:
    letter, digit = z3.Range("a", "z"), z3.Range("0", "9")
    label = z3.Plus(z3.Union(letter, digit))
    return z3.Concat(z3.Star(z3.Concat(label, z3.Re("."))), letter, z3.Star(z3.Union(letter, digit)))


def _covered(pattern: str, text: Any, port: Any) -> Any:
    if pattern == "*":
        return z3.BoolVal(True)
    name, _, wanted = pattern.partition(":")
    same_port = port == int(wanted) if wanted else z3.BoolVal(True)
    fits = z3.SuffixOf(z3.StringVal(name[1:]), text) if name.startswith("*.") else text == name
    return z3.And(same_port, fits)


def _listed(patterns: Any, text: Any, port: Any) -> Any:
    is_loopback = z3.Or(text == "localhost", z3.SuffixOf(z3.StringVal(".localhost"), text))
    exact = [_covered(one, text, port) for one in patterns if not one.startswith("*")]
    wide = [_covered(one, text, port) for one in patterns if one.startswith("*")]
    return z3.Or([*exact, z3.And(z3.Not(is_loopback), z3.Or(wide))])
