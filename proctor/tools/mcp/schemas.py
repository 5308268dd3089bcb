"""From a server's JSON Schema to one that contracts hold: 2020-12, closed in itself, matched in linear time.

What has no such form is left out, which only loosens what is checked here: the server checks its arguments itself.
"""

import sys
from typing import Any

from proctor.contracts.canonical import canonical_json
from proctor.contracts.errors import InvalidInput
from proctor.contracts.schemas import schema_problem

_OTHER_DRAFTS = ("$schema", "$id", "id")
_MAX_DEPTH = 64
_VALUES = frozenset({"default", "const", "enum", "examples", "example"})
_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def readable(schema: dict[str, Any], *, is_arguments: bool) -> tuple[dict[str, Any], list[str]]:
    """Give the schema as contracts hold it, and what had to be left out or changed."""
    notes: list[str] = []
    found = _Reader(notes).read(schema, 0)
    if is_arguments and found.get("type") != "object":
        notes.append("it does not say that arguments are an object")
        found = {"type": "object", **{key: part for key, part in found.items() if key != "type"}}
    if problem := schema_problem(found):
        notes.append(f"it is not a usable JSON Schema ({problem}), so nothing is checked here")
        found = {"type": "object"} if is_arguments else {}
    return found, list(dict.fromkeys(notes))


class _Reader:
    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def read(self, schema: Any, depth: int) -> Any:
        """Read one schema, or the values of a keyword."""
        if depth > _MAX_DEPTH:
            self._notes.append(f"it is deeper than {_MAX_DEPTH} levels")
            return {}
        if isinstance(schema, list):
            return [self.read(part, depth + 1) for part in schema]
        if not isinstance(schema, dict):
            return schema
        found: dict[str, Any] = {}
        for keyword, value in schema.items():
            self._take(found, keyword, value, depth)
        return found

    def _take(self, found: dict[str, Any], keyword: str, value: Any, depth: int) -> None:
        if keyword in _OTHER_DRAFTS and depth == 0:
            return
        if keyword in {"$ref", "$dynamicRef"} and isinstance(value, str) and not value.startswith("#"):
            self._notes.append(f"{value} lies outside it")
        elif keyword == "pattern" and isinstance(value, str) and schema_problem({"pattern": value}):
            self._notes.append(f"the pattern {value!r} cannot be matched in linear time")
        elif keyword in _VALUES:
            self._keep(found, keyword, value)
        elif keyword == "items" and isinstance(value, list):
            # Tuples, as drafts before 2020-12 wrote them.
            found["prefixItems"] = self.read(value, depth + 1)
        elif keyword in {"exclusiveMinimum", "exclusiveMaximum"} and isinstance(value, bool):
            self._notes.append(f"{keyword} is a boolean, as in draft 4")
        elif isinstance(value, int | float):
            self._keep(found, keyword, value)
        else:
            found[keyword] = self.read(value, depth + 1)

    def _keep(self, found: dict[str, Any], keyword: str, value: Any) -> None:
        """Keep what a file of the catalog can hold; the limits of 64-bit integers, which many servers name, rounded."""
        if _is_exact(value):
            found[keyword] = value
            return
        self._notes.append(f"{keyword} holds what JSON does not carry exactly")
        if keyword in _LIMITS and abs(value) <= sys.float_info.max:
            found[keyword] = float(value)


def _is_exact(value: Any) -> bool:
    try:
        canonical_json(value)
    except (InvalidInput, RecursionError):
        return False
    return True
