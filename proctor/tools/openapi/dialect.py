"""OpenAPI 3.0's own dialect of JSON Schema, one schema at a time, into keywords of 2020-12.

Many documents that call themselves 3.1 still speak it, so it is understood there too.
"""

from collections.abc import Callable
from typing import Any

from proctor.tools.openapi.notes import Kind

NoteIt = Callable[[Kind, str, str], None]
_BESIDE_REFERENCES = frozenset({"$ref", "description", "nullable", "summary", "deprecated", "readOnly", "writeOnly"})
_STARTS = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_OUTER = ("description", "readOnly", "writeOnly", "deprecated")
_BYTES = {"byte": "base64", "base64": "base64"}


def as_2020_12(schema: dict[str, Any], note: NoteIt, *, is_30: bool) -> dict[str, Any]:
    """Translate one schema, not what is below it: `nullable`, boolean limits, `example`, formats, list of `items`."""
    made = _beside_reference(schema, note) if is_30 and "$ref" in schema else dict(schema)
    _limits(made)
    _examples(made)
    _bytes(made)
    if isinstance(made.get("items"), list):
        made["prefixItems"] = made.pop("items")
    _texts(made, note)
    return _nullable(made)


def _beside_reference(schema: dict[str, Any], note: NoteIt) -> dict[str, Any]:
    for keyword in sorted(schema.keys() - _BESIDE_REFERENCES):
        if not keyword.startswith("x-"):
            note("left_out", keyword, "OpenAPI 3.0 ignores what stands beside a $ref")
    return {keyword: value for keyword, value in schema.items() if keyword in _BESIDE_REFERENCES - {"summary"}}


def _limits(made: dict[str, Any]) -> None:
    for limit, exclusive in _STARTS.items():
        flag = made.get(exclusive)
        if isinstance(flag, bool):
            del made[exclusive]
            if flag and limit in made:
                made[exclusive] = made.pop(limit)


def _examples(made: dict[str, Any]) -> None:
    if "example" in made:
        made.setdefault("examples", [made["example"]])
        del made["example"]


def _bytes(made: dict[str, Any]) -> None:
    kept = made.get("format")
    if isinstance(kept, str) and kept in _BYTES and made.get("type") == "string":
        made["contentEncoding"] = _BYTES[made.pop("format")]


def _texts(made: dict[str, Any], note: NoteIt) -> None:
    """Take `enum: [1, 2]` of a text for texts: it could be nothing otherwise."""
    values = made.get("enum")
    if made.get("type") != "string" or not isinstance(values, list):
        return
    if any(isinstance(one, int | float) for one in values):
        note("assumed", "enum", "numbers and booleans among the values of a text are taken for texts")
        made["enum"] = [_as_text(one) for one in values]


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _nullable(made: dict[str, Any]) -> dict[str, Any]:
    if made.pop("nullable", False) is not True:
        return made
    kind = made.get("type")
    if isinstance(kind, str):
        made["type"] = [kind, "null"]
        if isinstance(made.get("enum"), list) and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
        return made
    if {"$ref", "allOf", "oneOf", "anyOf", "enum"} & made.keys():
        outer: dict[str, Any] = {key: made.pop(key) for key in _OUTER if key in made}
        return {**outer, "anyOf": [made, {"type": "null"}]}
    return made
