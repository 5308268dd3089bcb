"""Values made from a schema: some that fit, and changes to one that fits which must not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from proctor.contracts.arguments import MAX_ARGUMENTS_BYTES
from proctor.contracts.schemas import checker

MAX_DEPTH: Final = 6
_DEEPEST: Final = 32
"""Of schemas in place of others, which make no value deeper."""
MAX_VALUES: Final = 2000
"""Most values that one sample is made of: schemas of others can ask for any number."""
_PLAIN: Final[dict[str, Any]] = {
    "string": "a",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
    "array": [],
    "object": {},
}
_TEXTS: Final = (
    "a",
    "1",
    "sample",
    "2026-01-31",
    "2026-01-31T12:00:00Z",
    "person@example.org",
    "https://example.org/",
    "00000000-0000-4000-8000-000000000000",
)
UNDECLARED: Final = "undeclared_argument"
_SAYS_OF_OTHERS: Final = frozenset({"unevaluatedProperties", "patternProperties"})


def sample(schema: dict[str, Any], *, is_closed: bool = False) -> Any:
    """Make a value that fits; None where none is found (which fits only by chance: check it)."""
    found = _sample(_Making(schema), schema, 0)
    return found if not checker(schema, is_closed=is_closed)(found) else None


def mutations(schema: dict[str, Any], arguments: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Change arguments that fit, so that they should not: each with what was done.

    A required argument left out, an argument of another type, one that is not declared. An argument whose schema takes
    any type is not given another, and where a schema says what others there may be, none is added.
    """
    for name in schema.get("required", ()):
        yield f"without {name}", {key: value for key, value in arguments.items() if key != name}
    for name, declared in schema.get("properties", {}).items():
        wrong = _of_another_type(schema, declared)
        if wrong is not None:
            yield f"{name} as {json.dumps(wrong)}", {**arguments, name: wrong}
    if schema.get("additionalProperties", False) is False and not schema.keys() & _SAYS_OF_OTHERS:
        yield f"with {UNDECLARED}", {**arguments, UNDECLARED: 1}


def _of_another_type(root: dict[str, Any], declared: Any) -> Any:
    target = _resolved(root, declared)
    kinds = target.get("type")
    names = {kinds} if isinstance(kinds, str) else set(kinds or ())
    if "enum" in target or "const" in target:
        return {"not": "of the list"}
    if not names:
        return None
    if "number" in names:
        names.add("integer")
    return next((value for kind, value in _WRONG.items() if kind not in names), None)


_WRONG: Final[dict[str, Any]] = {"object": {"not": "this type"}, "boolean": True, "string": "not this type"}


@dataclass
class _Making:
    """One sample that is being made."""

    root: dict[str, Any]
    left: int = MAX_VALUES


def _sample(making: _Making, schema: Any, depth: int) -> Any:
    making.left -= 1
    if making.left < 0 or depth > _DEEPEST:
        return None
    return _made(making, _resolved(making.root, schema), depth)


def _made(making: _Making, schema: dict[str, Any], depth: int) -> Any:
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            return schema[keyword][0]
    for keyword in ("anyOf", "oneOf"):
        if schema.get(keyword):
            return _sample(making, {**schema[keyword][0], **_without(schema, keyword)}, depth + 1)
    if schema.get("allOf"):
        return _sample(making, _joined(making.root, schema), depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    name = kind[0] if isinstance(kind, list) else kind
    make = _MAKERS.get(name)
    return make(making, schema, depth) if make is not None and depth < MAX_DEPTH else _PLAIN.get(name)


def _object(making: _Making, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    declared = schema.get("properties", {})
    return {name: _sample(making, declared.get(name, {}), depth + 1) for name in schema.get("required", ())}


def _array(making: _Making, schema: dict[str, Any], depth: int) -> list[Any]:
    return [_sample(making, schema.get("items", {}), depth + 1) for _ in range(min(schema.get("minItems", 0), 8))]


def _text(_: _Making, schema: dict[str, Any], __: int) -> str:
    fitting = checker({key: schema[key] for key in ("type", "pattern", "format", "maxLength") if key in schema})
    found = next((text for text in _TEXTS if not fitting(text)), "a")
    missing = min(int(schema.get("minLength", 0)), MAX_ARGUMENTS_BYTES) - len(found)
    return found + "a" * max(0, missing)


def _number(_: _Making, schema: dict[str, Any], __: int) -> float:
    low: float = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    step: float = schema.get("multipleOf", 0)
    high: float = schema.get("maximum", max(low, step))
    return min(max(low, step), high)


_MAKERS: Final[dict[str, Callable[[_Making, dict[str, Any], int], Any]]] = {
    "object": _object,
    "array": _array,
    "string": _text,
    "number": _number,
    "integer": _number,
}


def _joined(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    joined = _without(schema, "allOf")
    for part in schema["allOf"]:
        other = _resolved(root, part)
        properties = {**joined.get("properties", {}), **other.get("properties", {})}
        required = [*joined.get("required", ()), *other.get("required", ())]
        joined = {**other, **joined, "properties": properties, "required": required}
    return joined


def _without(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != keyword}


def _resolved(root: dict[str, Any], schema: Any) -> dict[str, Any]:
    for _ in range(MAX_DEPTH):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, dict) else {}
        schema = target
    return schema if isinstance(schema, dict) else {}
