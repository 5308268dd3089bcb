"""Writes arguments in the styles of OpenAPI parameters (RFC 6570): texts for paths and headers, pairs for queries.

A value never ends the part it is written into: what would is percent-encoded, or refused where it cannot be.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.http_call import HttpMember, HttpParameter
from proctor.contracts.templates import MISSING
from proctor.tools.templates import as_text

MAX_DEPTH = 8
_RESERVED = "/?:@!$'()*,"
"""What `allow_reserved` leaves as it is; `&`, `=`, `+`, `;`, `#`, `[` and `]` mean something in a query."""
_JOINS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}
_LEADS = {"simple": "", "label": ".", "matrix": ";"}

Pair = tuple[str, str]
"""A name and a value of a query, both encoded."""


def path_text(parameter: HttpParameter, value: Any) -> str:
    """Write a path parameter, percent-encoded. Raises `InvalidInput` for what its style cannot write."""
    style, name = parameter.written_style, encoded(parameter.wire_name)
    if parameter.is_json:
        return encoded(json_text(value))
    if not isinstance(value, dict | list):
        lead = f";{name}=" if style == "matrix" else _LEADS[style]
        return lead + encoded(as_text(parameter.argument, value))
    pairs = _pairs_of(parameter.argument, value)
    if parameter.is_exploded:
        return _exploded_path(style, name, value, pairs)
    flat = ",".join(",".join(pair) if isinstance(value, dict) else pair[1] for pair in pairs)
    return (f";{name}=" if style == "matrix" else _LEADS[style]) + flat


def _exploded_path(style: str, name: str, value: Any, pairs: list[Pair]) -> str:
    if style == "matrix":
        return "".join(f";{key if isinstance(value, dict) else name}={text}" for key, text in pairs)
    join = _LEADS[style] or ","
    return _LEADS[style] + join.join(f"{key}={text}" if isinstance(value, dict) else text for key, text in pairs)


def query_pairs(parameter: HttpParameter | HttpMember, value: Any) -> list[Pair]:
    """Write a query parameter or a member of a form, percent-encoded; None and empty lists are left out."""
    safe = _RESERVED if parameter.allow_reserved else ""
    name = encoded(parameter.wire_name)
    if value is None:
        return []
    if isinstance(parameter, HttpParameter) and parameter.is_json:
        return [(name, encoded(json_text(value), safe))]
    style = parameter.style or "form"
    if style == "deepObject":
        return list(_deep(parameter.argument, name, value, safe, 0))
    if isinstance(value, dict) and isinstance(parameter, HttpMember) and parameter.style is None:
        return [(name, encoded(json_text(value), safe))]
    if not isinstance(value, dict | list):
        return [(name, encoded(as_text(parameter.argument, value), safe))]
    is_exploded = parameter.explode if parameter.explode is not None else style == "form"
    return _listed_pairs(name, value, _pairs_of(parameter.argument, value, safe), _JOINS[style], is_exploded)


def _listed_pairs(name: str, value: Any, pairs: list[Pair], join: str, is_exploded: bool) -> list[Pair]:
    if is_exploded:
        return [(key if isinstance(value, dict) else name, text) for key, text in pairs]
    parts = [part for pair in pairs for part in (pair if isinstance(value, dict) else pair[1:])]
    return [(name, join.join(parts))] if parts else []


def header_text(parameter: HttpParameter, value: Any) -> str:
    """Write a header parameter (`simple`), as it is: whoever sends it checks that it stays on its line."""
    if parameter.is_json:
        return json_text(value, ascii_only=True)
    if not isinstance(value, dict | list):
        return as_text(parameter.argument, value)
    pairs = [(key, as_text(parameter.argument, part)) for key, part in _items(value)]
    if isinstance(value, list):
        return ",".join(text for _, text in pairs)
    return ",".join(f"{key}={text}" if parameter.is_exploded else f"{key},{text}" for key, text in pairs)


def exploded_names(parameter: HttpParameter, value: Any) -> list[str]:
    """Name what the keys of an exploded object become: they stand among the parameters themselves."""
    is_among = parameter.place in {"query", "cookie"} and parameter.written_style == "form"
    return list(value) if is_among and parameter.is_exploded and isinstance(value, dict) else []


def encoded(text: str, safe: str = "") -> str:
    """Percent-encode. Raises `InvalidInput` for half a surrogate pair."""
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{summarize(repr(text), 80)} cannot be encoded") from error


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """Write compact JSON. Raises `InvalidInput` for what is not JSON."""
    try:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"an argument is not JSON: {summarize(str(error))}") from error


def _pairs_of(argument: str, value: Any, safe: str = "") -> list[Pair]:
    return [(encoded(key), encoded(as_text(argument, part), safe)) for key, part in _items(value)]


def _items(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(key, part) for key, part in value.items() if part is not None and part is not MISSING]
    return [("", part) for part in value]


def _deep(argument: str, name: str, value: Any, safe: str, depth: int) -> Iterator[Pair]:
    if depth > MAX_DEPTH:
        raise InvalidInput(f"{argument} is nested too deeply for a query", hint=f"at most {MAX_DEPTH} levels")
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else ((str(n), part) for n, part in enumerate(value))
        for key, part in parts:
            if part is not None:
                yield from _deep(argument, f"{name}%5B{encoded(key)}%5D", part, safe, depth + 1)
        return
    yield name, encoded(as_text(argument, value), safe)
