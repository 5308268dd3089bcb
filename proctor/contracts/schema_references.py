"""References of a schema: pointers within it, to places where schemas stand. What reads a schema follows these alone.

A validator knows more ways to name a schema: other documents, anchors, identifiers, pointers to any place. Each that it
follows and we do not is a way around what is said here of a schema: how much work it makes, and what it leaves open.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

Schema = Any
"""A JSON Schema: an object or a boolean."""

NAMED: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords that hold schemas by name."""
LISTED: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
SINGLE: Final = ("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "then", "else")
_ASKING: Final = ("if", "not", "contains", "propertyNames", "contentSchema")
"""These ask about a value and declare nothing, so no reference leads there."""
_REFERENCES: Final = ("$ref", "$dynamicRef")
_READ_IN_TWO_WAYS = re.compile(r"%(?:2f|25|7e)", re.IGNORECASE)


def reference_problem(schema: Schema) -> str | None:
    """Say which reference leads elsewhere than to a schema within `schema`; None when none does."""
    for one in _schemas(schema):
        if one is not schema and isinstance(one.get("$id"), str):
            return "$id stands below the top: references could not be told apart"
        for name in (one[key] for key in _REFERENCES if key in one):
            if not isinstance(name, str) or target(schema, name) is None:
                return f"{name} is outside the schema, or leads to no schema in it: refer to #/$defs/… only"
    return None


def target(root: Schema, reference: str) -> Schema | None:
    """Find the schema that a reference names; None where it names none, or in another way than by a pointer."""
    if reference == "#":
        return root
    if not reference.startswith("#/") or _READ_IN_TWO_WAYS.search(reference):
        return None
    parts = [part.replace("~1", "/").replace("~0", "~") for part in unquote(reference[2:]).split("/")]
    found = root
    while parts:
        keyword = parts.pop(0)
        if not isinstance(found, dict) or keyword not in (*NAMED, *LISTED, *SINGLE):
            return None
        found = found.get(keyword)
        if keyword not in SINGLE:
            found = _member(found, parts.pop(0)) if parts else None
    return found if isinstance(found, dict | bool) else None


def _member(schemas: Any, name: str) -> Schema | None:
    if isinstance(schemas, dict):
        return schemas.get(name)
    is_index = isinstance(schemas, list) and name.isascii() and name.isdecimal() and str(int(name)) == name
    return schemas[int(name)] if is_index and int(name) < len(schemas) else None


def _schemas(schema: Schema) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        yield one
        waiting += [one[key] for key in (*SINGLE, *_ASKING) if key in one]
        waiting += [part for key in LISTED if isinstance(one.get(key), list) for part in one[key]]
        waiting += [part for key in NAMED if isinstance(one.get(key), dict) for part in one[key].values()]
