"""Paths and templates: `${steps.health.result.status}`.

A template looks values up; there is nothing in it to run. Both grammars are regular, and both patterns linear.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

Part = str | int | None
"""One move into a value: a key, an index, or None for `[*]`, which takes every element."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""There is no such value; unlike None, which is JSON's null."""

_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[(?:[0-9]{1,6}|\*)\])*", re.ASCII)
_PART = re.compile(r"([A-Za-z_][\w-]*)|\[([0-9]{1,6}|\*)\]", re.ASCII)
_TEMPLATE = re.compile(r"\$\$\{|\$\{([^{}]*)\}?")
_EXPRESSION = re.compile(r"\s*([^|\s]+)\s*(?:\|\s*default\s*:(.*))?", re.DOTALL)


class MissingValueError(LookupError):
    """A template names something that is not there, and has no default."""

    def __init__(self, path: "Path") -> None:
        super().__init__(str(path))
        self.path = path


@dataclass(frozen=True)
class Path:
    """A place in a value, e.g. `steps.kb.result.documents[0].id`; `parts[0]` is its root name."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        first, *rest = self.parts
        return str(first) + "".join(f".{part}" if isinstance(part, str) else _index(part) for part in rest)


@dataclass(frozen=True)
class Reference:
    """A path inside a template, with what stands in for it when it is missing."""

    path: Path
    default: Any = MISSING


Lookup = Callable[[Path], Any]
"""Gives the value at a path, or `MISSING`."""


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """Read a path. Raises `ValueError` with what is wrong with it."""
    if not _PATH.fullmatch(text):
        raise ValueError(f"{text!r} is not a path: write names and [indexes], e.g. steps.kb.result.documents[0].id")
    return Path(tuple(_part(name, index) for name, index in _PART.findall(text)))


@lru_cache(maxsize=4096)
def parse_template(text: str) -> tuple[str | Reference, ...]:
    """Split a template into literal text and references; `$${` is a literal `${`.

    Raises:
        ValueError: an expression is not closed, not a path, or its default is not JSON.

    """
    pieces: list[str | Reference] = []
    end = 0
    for found in _TEMPLATE.finditer(text):
        pieces.append(text[end : found.start()])
        pieces.append("${" if found.group() == "$${" else _reference(found))
        end = found.end()
    pieces.append(text[end:])
    return tuple(piece for piece in pieces if piece != "")


def references(value: Any) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """Find every reference in a JSON value, with the place where it stands. Raises `ValueError` as `parse_template`."""
    for where, text in strings(value):
        for piece in parse_template(text):
            if isinstance(piece, Reference):
                yield where, piece


def strings(value: Any, where: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Find every string in a JSON value, with its place; keys are not values."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, (*where, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from strings(item, (*where, index))


def fill(value: Any, look_up: Lookup) -> Any:
    """Replace every template in a JSON value.

    A string that is exactly one reference becomes the value itself, with its JSON type; inside longer text, strings
    stand as they are, lists of scalars are joined with commas, and anything else is compact JSON.

    Raises:
        MissingValueError: a path is missing and has no default.

    """
    if isinstance(value, str):
        return _fill_text(value, look_up)
    if isinstance(value, dict):
        return {key: fill(item, look_up) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, look_up) for item in value]
    return value


def descend(value: Any, parts: tuple[Part, ...]) -> Any:
    """Follow `parts` into a JSON value; `MISSING` when any move is impossible."""
    for position, part in enumerate(parts):
        if part is None:
            return _descend_each(value, parts[position + 1 :])
        value = _move(value, part)
        if value is MISSING:
            return MISSING
    return value


def _move(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part, MISSING)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return MISSING


def _descend_each(value: Any, parts: tuple[Part, ...]) -> Any:
    if not isinstance(value, list):
        return MISSING
    found = [descend(item, parts) for item in value]
    return MISSING if any(item is MISSING for item in found) else found


def _fill_text(text: str, look_up: Lookup) -> Any:
    pieces = parse_template(text)
    if len(pieces) == 1 and isinstance(pieces[0], Reference):
        return _resolve(pieces[0], look_up)
    return "".join(piece if isinstance(piece, str) else _as_text(_resolve(piece, look_up)) for piece in pieces)


def _resolve(reference: Reference, look_up: Lookup) -> Any:
    value = look_up(reference.path)
    if value is not MISSING:
        return value
    if reference.default is MISSING:
        raise MissingValueError(reference.path)
    return reference.default


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ", ".join(_as_text(item) for item in value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _reference(found: re.Match[str]) -> Reference:
    if not found.group().endswith("}"):
        raise ValueError(f"{found.group()[:60]!r} is not closed: write ${{path}}, or $${{ for a literal ${{")
    expression = _EXPRESSION.fullmatch(found.group(1))
    if expression is None:
        raise ValueError(f"{found.group()!r} is not a template: write ${{path}} or ${{path|default: JSON}}")
    path = parse_path(expression.group(1))
    if expression.group(2) is None:
        return Reference(path)
    try:
        return Reference(path, json.loads(expression.group(2)))
    except ValueError:
        raise ValueError(f"the default in {found.group()!r} is not JSON: strings need double quotes") from None


def _part(name: str, index: str) -> Part:
    if name:
        return name
    return None if index == "*" else int(index)


def _index(part: int | None) -> str:
    return "[*]" if part is None else f"[{part}]"
