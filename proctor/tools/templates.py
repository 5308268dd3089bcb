"""Fills templates with values: `${root.path}` keeps its JSON type when it stands alone, and is text within text."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from proctor.contracts.errors import InvalidInput

_REFERENCE = re.compile(r"\$\{(\w+(?:\.[\w-]+)*)\}")
_PATH_REFERENCE = re.compile(r"\{(\w+(?:\.[\w-]+)*)\}")
_UNSAFE_SEGMENTS = {"", ".", ".."}


class _Missing:
    """Stands for a value that is not there; what holds it is left out."""


MISSING = _Missing()


def fill(template: Any, roots: Mapping[str, Any]) -> Any:
    """Fill every reference in `template`.

    A member or element that is nothing but a reference to a missing value is left out (an optional argument).
    Raises `InvalidInput` when a missing value is needed inside a text.
    """
    if isinstance(template, dict):
        filled = {key: fill(part, roots) for key, part in template.items()}
        return {key: part for key, part in filled.items() if part is not MISSING}
    if isinstance(template, list):
        return [part for part in (fill(part, roots) for part in template) if part is not MISSING]
    if not isinstance(template, str):
        return template
    whole = _REFERENCE.fullmatch(template)
    if whole:
        return look_up(whole[1], roots)
    return _REFERENCE.sub(lambda found: as_text(found[1], look_up(found[1], roots)), template)


def fill_path(template: str, arguments: Mapping[str, Any]) -> str:
    """Fill `{name}` in a URL path, percent-encoding each value as one part of a segment.

    Raises `InvalidInput` when a value is missing, is not a scalar, or would make a segment empty, `.` or `..`: a
    value can never reach another resource than the template names.
    """
    if not template.startswith("/"):
        raise InvalidInput(f"the path {template!r} does not begin with /")
    return "/".join(_fill_segment(segment, arguments) for segment in template.split("/"))


def look_up(path: str, roots: Mapping[str, Any]) -> Any:
    """Follow a dotted path; `MISSING` where it leads nowhere."""
    value: Any = roots
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def as_text(name: str, value: Any) -> str:
    """Write a scalar as text. Raises `InvalidInput` for anything else, and for a missing value."""
    if value is MISSING or value is None or isinstance(value, dict | list):
        raise InvalidInput(f"{name} is missing or is not a text, number or boolean")
    return value if isinstance(value, str) else json.dumps(value)


def _fill_segment(segment: str, arguments: Mapping[str, Any]) -> str:
    filled = _PATH_REFERENCE.sub(lambda found: _encode(found[1], look_up(found[1], arguments)), segment)
    if filled != segment and filled in _UNSAFE_SEGMENTS:
        raise InvalidInput(f"the arguments make the path segment {segment} {filled!r}, which names another resource")
    return filled


def _encode(name: str, value: Any) -> str:
    try:
        return quote(as_text(name, value), safe="")
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{name} is not valid Unicode") from error
