"""JSON Schema keywords whose value is not itself a schema: which values are sound, and what becomes of others."""

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from proctor.contracts.canonical import canonical_json
from proctor.contracts.errors import InvalidInput
from proctor.contracts.schemas import schema_problem

MAX_DESCRIPTION: Final = 300
MAX_EXAMPLE: Final = 120
TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})
ANNOTATIONS: Final = frozenset(
    {"title", "$comment", "xml", "externalDocs", "$id", "$schema", "$vocabulary", "$anchor", "$dynamicAnchor"}
)
"""They say nothing of what fits, and are left out."""
_EXACT = 2**53

Sound = Callable[[Any], Any]
"""Gives the value as it is to stand. Raises `ValueError` with why it cannot."""


def plain_keyword(name: str) -> Sound | None:
    """Give the check of a keyword; None for one that is not known."""
    return _CHECKS.get(name)


def bounded_text(value: Any, limit: int = MAX_DESCRIPTION) -> str:
    """Give a description in one paragraph of at most `limit` characters."""
    text = " ".join(str(value).split()).encode("utf-8", "replace").decode()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def is_json(value: Any) -> bool:
    """Whether a value can be digested: no integer beyond 2**53, no half of a surrogate pair."""
    try:
        canonical_json(value)
    except InvalidInput:
        return False
    return True


@lru_cache(maxsize=4096)
def pattern_problem(pattern: str) -> str | None:
    """Say why a pattern cannot be matched in linear time; None when it can."""
    return schema_problem({"pattern": pattern})


def linear_pattern(value: Any) -> str:
    """Check a pattern."""
    if not isinstance(value, str):
        raise ValueError("is not text")  # noqa: TRY004 - one kind of error for all unsound values
    if pattern_problem(value) is not None:
        raise ValueError("has no linear-time form: look-around, back-references and huge repeats are not matched")
    return value


def _types(value: Any) -> Any:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name in TYPES for name in names):
        raise ValueError("names a type that JSON does not have")
    return list(dict.fromkeys(names)) if isinstance(value, list) else value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("is not a number")  # noqa: TRY004
    if abs(value) > sys.float_info.max:
        raise ValueError("is beyond what JSON carries")
    return float(value) if abs(value) > _EXACT else value


def _positive(value: Any) -> Any:
    number = _number(value)
    if number <= 0:
        raise ValueError("is not above zero")
    return number


def _count(value: Any) -> int:
    number = _number(value)
    if number > _EXACT:
        raise ValueError("is beyond what can be counted")
    if number < 0 or number != int(number):
        raise ValueError("is not a count")
    return int(number)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")  # noqa: TRY004
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is not text")  # noqa: TRY004
    return value


def _names(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("is not a list of names")
    return list(dict.fromkeys(value))


def _names_by_name(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        raise ValueError("is not a mapping")  # noqa: TRY004
    return {key: _names(names) for key, names in value.items()}


def _values(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError("is not a list of values")
    return [_value(one) for one in value]


def _value(value: Any) -> Any:
    if not is_json(value):
        raise ValueError("holds an integer that JSON cannot carry exactly")
    return value


_CHECKS: Final[dict[str, Sound]] = {
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _count),
    **dict.fromkeys(("minContains", "maxContains"), _count),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _number),
    **dict.fromkeys(("format", "contentEncoding", "contentMediaType"), _text),
    **dict.fromkeys(("uniqueItems", "deprecated"), _flag),
    "type": _types,
    "multipleOf": _positive,
    "pattern": linear_pattern,
    "enum": _values,
    "const": _value,
    "required": _names,
    "dependentRequired": _names_by_name,
}

UNSAFE_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+", re.ASCII)
