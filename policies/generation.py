"""Generated Python: a program as one function from facts to the mask of rules that fired.

Built as a syntax tree, so that no text of a document is ever read as source: constants stand in it as constants, and
everything else under names that are made up here.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from policies.comparing import (
    ABSENT,
    any_host_test,
    only_globs_test,
    only_hosts_test,
    takes_absent,
)
from policies.conditions import AllOf, AnyOf, Compare, Condition, Fact, Kind, Not
from policies.facts import ARGUMENTS
from policies.loading import Reading, are_chosen, are_hosts, are_texts, bounds_of, is_whole
from policies.programs import Program
from policies.rules import Facts
from policies.syntax import both, call, compared, constant, is_absent, is_type, item, method, name_of
from policies.texts import is_unmistakable
from proctor.contracts.globs import glob_matches, is_plain

UNSOUND: Final = -1
"""Given instead of a mask when a fact cannot be read, or the arguments do not fit. Raising means the same."""

_ORDERED: Final[dict[str, type[ast.cmpop]]] = {
    "equals": ast.Eq,
    "less_than": ast.Lt,
    "at_most": ast.LtE,
    "greater_than": ast.Gt,
    "at_least": ast.GtE,
}
_FUNCTIONS: Final[dict[str, Any]] = {
    "ABSENT": ABSENT,
    "are_chosen": are_chosen,
    "are_hosts": are_hosts,
    "are_texts": are_texts,
    "bool": bool,
    "dict": dict,
    "float": float,
    "glob_matches": glob_matches,
    "int": int,
    "is_unmistakable": is_unmistakable,
    "is_whole": is_whole,
    "list": list,
    "str": str,
    "type": type,
}


def generate(program: Program) -> Callable[[Facts], int]:
    """Compile a program: the function gives the mask of the rules that fired, or `UNSOUND`, or raises."""
    return _Writer(program).function()


class _Writer:
    """Writes one function."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._names: dict[str, Any] = {"__builtins__": {}, **_FUNCTIONS}
        self._body: list[ast.stmt] = []
        self._values: dict[tuple[str, tuple[str, ...] | None], str] = {}
        self._optional: set[str] = set()
        self._objects: dict[tuple[str, ...], str] = {}
        self._defaulted: dict[tuple[str, Any], str] = {}
        self._parts: dict[Condition, str] = {}

    def function(self) -> Callable[[Facts], int]:
        self._load()
        self._evaluate()
        facts = ast.arguments(posonlyargs=[], args=[ast.arg("facts")], kwonlyargs=[], kw_defaults=[], defaults=[])
        function = ast.FunctionDef(name="judge", args=facts, body=self._body, decorator_list=[], returns=None)
        module = ast.fix_missing_locations(ast.Module(body=[function], type_ignores=[]))
        exec(compile(module, "<policy>", "exec"), self._names)  # noqa: S102 - a tree of our own, see above
        judge: Callable[[Facts], int] = self._names["judge"]
        return judge

    def _load(self) -> None:
        if ARGUMENTS in self._program.reads:
            self._assign(ARGUMENTS, item(name_of("facts"), ARGUMENTS))
            self._demand(is_type(ARGUMENTS, "dict"))
        if self._program.check is not None:
            self._names["is_valid"] = self._program.check.is_valid
            self._demand(call("is_valid", name_of(ARGUMENTS)))
        for place, reading in enumerate(self._program.readings):
            self._values[reading.key] = name = f"fact{place}"
            self._load_fact(reading, name)

    def _load_fact(self, reading: Reading, name: str) -> None:
        check = both([self._type_check(fact, name) for fact in reading.types])
        if reading.path is None and reading.is_required:
            self._assign(name, item(name_of("facts"), reading.name))
            self._demand(check)
            return
        self._assign(name, self._looked_up(reading))
        if reading.is_required:
            self._demand(check)
        else:
            self._optional.add(name)
            self._demand(ast.BoolOp(ast.Or(), [is_absent(name), check]))

    def _looked_up(self, reading: Reading) -> ast.expr:
        if reading.path is None:
            return method("facts", "get", constant(reading.name), name_of("ABSENT"))
        inside = self._object(reading.path[:-1])
        found = method(inside, "get", constant(reading.path[-1]), name_of("ABSENT"))
        return found if inside == ARGUMENTS else ast.IfExp(is_absent(inside), name_of("ABSENT"), found)

    def _object(self, path: tuple[str, ...]) -> str:
        """Load an object inside the arguments once; give its name."""
        if not path:
            return ARGUMENTS
        if path not in self._objects:
            inside = self._object(path[:-1])
            self._objects[path] = name = f"object{len(self._objects)}"
            found = method(inside, "get", constant(path[-1]), name_of("ABSENT"))
            self._assign(name, found if inside == ARGUMENTS else ast.IfExp(is_absent(inside), name_of("ABSENT"), found))
            self._demand(ast.BoolOp(ast.Or(), [is_absent(name), is_type(name, "dict")]))
        return self._objects[path]

    def _type_check(self, fact: Fact, name: str) -> ast.expr:
        value = name_of(name)
        if fact.kind is Kind.BOOL:
            return is_type(name, "bool")
        if fact.kind is Kind.NUMBER:
            return both(list(_number_checks(fact, name)))
        if fact.kind is Kind.TEXT:
            plain = both([method(name, "isascii"), method(name, "isprintable")])
            return both([is_type(name, "str"), ast.BoolOp(ast.Or(), [plain, call("is_unmistakable", value)])])
        if fact.kind is Kind.CHOICE:
            return compared(value, ast.In(), constant(fact.choices))
        return _list_check(fact, value)

    def _evaluate(self) -> None:
        times = Counter(part for line in self._program.lines for part in _composites(line.when))
        shared = [part for part, count in times.items() if count > 1]
        for part in sorted(shared, key=_depth):
            expression = self._expression(part)
            self._parts[part] = name = f"part{len(self._parts)}"
            self._assign(name, expression)
        always = sum(1 << place for place, line in enumerate(self._program.lines) if line.when == AllOf(()))
        self._assign("mask", constant(always))
        for place, line in enumerate(self._program.lines):
            if line.when != AllOf(()):
                added = ast.AugAssign(ast.Name("mask", ast.Store()), ast.BitOr(), constant(1 << place))
                self._body.append(ast.If(self._expression(line.when), [added], []))
        self._body.append(ast.Return(name_of("mask")))

    def _expression(self, condition: Condition) -> ast.expr:
        if condition in self._parts:
            return name_of(self._parts[condition])
        if isinstance(condition, Compare):
            return self._comparison(condition)
        if isinstance(condition, Not):
            return ast.UnaryOp(ast.Not(), self._expression(condition.part))
        parts = [self._expression(part) for part in condition.parts]
        is_all = isinstance(condition, AllOf)
        if len(parts) < 2:  # noqa: PLR2004 - Python's `and` and `or` have two sides at least
            return parts[0] if parts else constant(is_all)
        return ast.BoolOp(ast.And() if is_all else ast.Or(), parts)

    def _comparison(self, asked: Compare) -> ast.expr:
        name = self._values[asked.fact.name, asked.fact.path]
        if asked.operator == "exists":
            return ast.Compare(name_of(name), [ast.IsNot()], [name_of("ABSENT")])
        if name in self._optional and takes_absent(asked):
            name = self._with_default(name, asked.default)
        return self._holds(asked, name)

    def _holds(self, asked: Compare, name: str) -> ast.expr:
        value, first = name_of(name), asked.operands[0] if asked.operands else None
        if asked.operator in _ORDERED:
            return compared(value, _ORDERED[asked.operator](), constant(first))
        if asked.operator == "in":
            is_one = len(asked.operands) == 1
            return compared(value, ast.Eq(), constant(first)) if is_one else _member(value, asked)
        if asked.operator == "matches":
            return _glob(str(first), name)
        if asked.fact.kind is not Kind.HOSTS and asked.operator == "contains":
            return compared(constant(first), ast.In(), value)
        is_empty = ast.UnaryOp(ast.Not(), value)
        test = call(self._test(asked), value)
        return both([value, test]) if asked.operator == "contains" else ast.BoolOp(ast.Or(), [is_empty, test])

    def _test(self, asked: Compare) -> str:
        """Put the test of a list among the function's names."""
        make = only_globs_test
        if asked.fact.kind is Kind.HOSTS:
            make = any_host_test if asked.operator == "contains" else only_hosts_test
        name = f"test{len(self._names)}"
        self._names[name] = _subset_test(asked) or make(asked.operands)
        return name

    def _with_default(self, name: str, default: Any) -> str:
        key = (name, (type(default), default))
        if key not in self._defaulted:
            self._defaulted[key] = given = f"{name}or{len(self._defaulted)}"
            test = ast.IfExp(is_absent(name), constant(default), name_of(name))
            self._body.append(ast.Assign([ast.Name(given, ast.Store())], test))
        return self._defaulted[key]

    def _assign(self, name: str, value: ast.expr) -> None:
        self._body.append(ast.Assign([ast.Name(name, ast.Store())], value))

    def _demand(self, check: ast.expr) -> None:
        unsound = ast.Return(constant(UNSOUND))
        self._body.append(ast.If(ast.UnaryOp(ast.Not(), check), [unsound], []))


def _composites(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, AllOf | AnyOf | Not):
        yield condition
        for part in (condition.part,) if isinstance(condition, Not) else condition.parts:
            yield from _composites(part)


def _depth(condition: Condition) -> int:
    if isinstance(condition, Compare):
        return 0
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return 1 + max(map(_depth, parts), default=0)


def _subset_test(asked: Compare) -> Callable[[Any], bool] | None:
    """`only` with plain texts alone is a subset test."""
    operands = [str(operand) for operand in asked.operands]
    if asked.fact.kind is Kind.HOSTS or not all(map(is_plain, operands)):
        return None
    return frozenset(operands).issuperset


def _glob(pattern: str, name: str) -> ast.expr:
    inner = pattern.strip("*")
    if "*" in inner or "?" in inner:
        return call("glob_matches", constant(pattern), name_of(name))
    if not inner:
        return constant(True) if pattern else compared(name_of(name), ast.Eq(), constant(""))
    opens, closes = pattern.startswith("*"), pattern.endswith("*")
    if opens and closes:
        return compared(constant(inner), ast.In(), name_of(name))
    if opens or closes:
        return method(name, "endswith" if opens else "startswith", constant(inner))
    return compared(name_of(name), ast.Eq(), constant(inner))


def _member(value: ast.expr, asked: Compare) -> ast.expr:
    return compared(value, ast.In(), constant(frozenset(asked.operands)))


def _list_check(fact: Fact, value: ast.expr) -> ast.expr:
    """Check a list; most are empty, and need no call."""
    if fact.kind is Kind.HOSTS:
        check = call("are_hosts", value)
    elif fact.choices:
        check = call("are_chosen", value, constant(frozenset(fact.choices)))
    else:
        check = call("are_texts", value)
    is_empty = both([compared(call("type", value), ast.Is(), name_of("list")), ast.UnaryOp(ast.Not(), value)])
    return ast.BoolOp(ast.Or(), [is_empty, check])


def _number_checks(fact: Fact, name: str) -> Iterator[ast.expr]:
    is_int, is_float = is_type(name, "int"), is_type(name, "float")
    if fact.is_integer:
        is_float = both([is_float, call("is_whole", name_of(name))])
    low, high = bounds_of(fact)
    yield ast.BoolOp(ast.Or(), [is_int, is_float])
    yield ast.Compare(constant(low), [ast.LtE(), ast.LtE()], [name_of(name), constant(high)])
