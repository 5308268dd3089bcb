"""Tools that behave as no tool should: what they do must stay their own trouble."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any


class UnprintableError(Exception):
    """Raises again whenever somebody wants to say what happened."""

    def __str__(self) -> str:
        raise RuntimeError("not even this")

    __repr__ = __str__


def _raise(error: BaseException) -> Any:
    raise error


def _deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


WAYS: dict[str, Callable[[], Any]] = {
    "error": lambda: _raise(ValueError("no")),
    "exit": lambda: sys.exit(3),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "cancel": lambda: _raise(asyncio.CancelledError()),
    "stop": lambda: _raise(StopIteration(1)),
    "unprintable": lambda: _raise(UnprintableError()),
    "huge_error": lambda: _raise(ValueError("x" * 5_000_000)),
    "control_error": lambda: _raise(ValueError("\x1b]0;owned\x07\x00\ud800")),
    "recursion": lambda: _raise(RecursionError("too deep")),
    "huge": lambda: {"fine": True, "x": "y" * 5_000_000},
    "nan": lambda: {"fine": True, "x": float("nan")},
    "bytes": lambda: {"fine": True, "x": b"\xff"},
    "surrogate": lambda: {"fine": True, "x": "\ud800"},
    "nul": lambda: {"fine": True, "x": "\x00"},
    "deep": _deep,
    "big_integer": lambda: {"fine": True, "x": 2**70},
    "odd_keys": lambda: {"fine": True, 1: 2},
    "wrong_shape": lambda: {"fine": "yes"},
    "escape": lambda: {"fine": True, "x": "\x1b]0;owned\x07"},
    "generator": lambda: (n for n in range(3)),
}


def odd(how: str) -> dict[str, Any]:
    """Do what `how` names."""
    result: dict[str, Any] = WAYS[how]()
    return result
