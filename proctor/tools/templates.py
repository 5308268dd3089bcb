"""Fills the templates of a request, in the grammar of `proctor.contracts.templates`, and paths with `{name}`."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from proctor.contracts.errors import InvalidInput
from proctor.contracts.templates import MISSING, MissingValueError, Reference, descend, fill, parse_path, parse_template

_PATH_REFERENCE = re.compile(r"\{([^{}]*)\}")
_SEPARATORS = re.compile(r"[/\\]")


def fill_request(template: Any, roots: dict[str, Any]) -> Any:
    """Fill every `${root.path}` in a JSON value.

    A member or element that is nothing but a reference to a missing value is left out: an optional argument that was
    not given. Raises `InvalidInput` when a value is missing inside a text.
    """
    if isinstance(template, dict):
        filled = {key: fill_request(part, roots) for key, part in template.items()}
        return {key: part for key, part in filled.items() if part is not MISSING}
    if isinstance(template, list):
        return [part for part in (fill_request(part, roots) for part in template) if part is not MISSING]
    try:
        return fill(template, lambda path: descend(roots, path.parts))
    except MissingValueError as error:
        if isinstance(parse_template(template)[0], Reference) and len(parse_template(template)) == 1:
            return MISSING
        raise InvalidInput(f"{error} is missing") from error
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def fill_path(template: str, arguments: dict[str, Any], written: Mapping[str, str] | None = None) -> str:
    """Fill `{name}` in a URL path, percent-encoding each value as a part of one segment.

    `written` gives values that are encoded already, by their names. Raises `InvalidInput` when a value is missing, is
    not a scalar, or would make a segment empty, or `.` or `..` to a server that decodes it before it splits it: a value
    never reaches above the resource that the template names.
    """
    if not template.startswith("/"):
        raise InvalidInput(f"the path {template!r} does not begin with /")
    return "/".join(_fill_segment(segment, arguments, written or {}) for segment in template.split("/"))


def as_text(name: str, value: Any) -> str:
    """Write a scalar as text. Raises `InvalidInput` for anything else, and for a missing value."""
    if value is MISSING or value is None or isinstance(value, dict | list):
        raise InvalidInput(f"{name} is missing or is not a text, number or boolean")
    return value if isinstance(value, str) else json.dumps(value)


def _fill_segment(segment: str, arguments: dict[str, Any], written: Mapping[str, str]) -> str:
    def value_of(found: re.Match[str]) -> str:
        name = found[1]
        return written[name] if name in written else _encode(name, arguments)

    filled = _PATH_REFERENCE.sub(value_of, segment)
    if filled != segment and (not filled or _moves(filled)):
        raise InvalidInput(f"the arguments make the path segment {segment} {filled!r}, which names another resource")
    return filled


def _moves(segment: str) -> bool:
    """Whether a part of it is `.` or `..`, however often a server decodes it, and with or without parameters."""
    while True:
        if any(part.partition(";")[0] in {".", ".."} for part in _SEPARATORS.split(segment)):
            return True
        segment, before = unquote(segment), segment
        if segment == before:
            return False


def _encode(name: str, arguments: dict[str, Any]) -> str:
    try:
        return quote(as_text(name, descend(arguments, parse_path(name).parts)), safe="")
    except ValueError as error:  # not a path, or half a surrogate pair in the value
        raise InvalidInput(f"{{{name}}} cannot be filled: {error}") from error
