"""Pieces of Python syntax trees, for generated code."""

import ast
from typing import Any


def name_of(name: str) -> ast.expr:
    """Read a name."""
    return ast.Name(name, ast.Load())


def constant(value: Any) -> ast.expr:
    """Write a constant."""
    return ast.Constant(value)


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """Call a function by its name."""
    return ast.Call(name_of(function), list(arguments), [])


def method(name: str, attribute: str, *arguments: ast.expr) -> ast.expr:
    """Call a method of what a name stands for."""
    return ast.Call(ast.Attribute(name_of(name), attribute, ast.Load()), list(arguments), [])


def item(value: ast.expr, key: str) -> ast.expr:
    """Take an item by its key."""
    return ast.Subscript(value, constant(key), ast.Load())


def compared(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
    """Compare two values."""
    return ast.Compare(left, [operator], [right])


def is_type(name: str, kind: str) -> ast.expr:
    """Test for exactly this type."""
    return compared(call("type", name_of(name)), ast.Is(), name_of(kind))


def is_absent(name: str) -> ast.expr:
    """Test for the absence of an optional fact."""
    return compared(name_of(name), ast.Is(), name_of("ABSENT"))


def both(checks: list[ast.expr]) -> ast.expr:
    """Hold when all checks do, tried in order."""
    return checks[0] if len(checks) == 1 else ast.BoolOp(ast.And(), checks)
