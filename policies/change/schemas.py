"""Whether one JSON Schema accepts no more than another, as far as that can be proved."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

_ANNOTATIONS: Final = {
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
}
_TAKEN_WHOLE: Final = frozenset(["pattern", "format", "multipleOf", "uniqueItems", "not", "anyOf", "oneOf", "allOf"])
"""Keywords that only narrow, each by itself: the same one keeps what it kept."""
_TYPES: Final = {"integer": {"integer", "number"}}


def is_narrower(new: Any, old: Any) -> bool:
    """Whether everything that fits `new` is proved to fit `old`; False says nothing but that it was not proved."""
    new, old = _plain(new), _plain(old)
    if _is_same(new, old):
        return True
    if old in ({}, True) or new is False:
        return True
    if not isinstance(new, dict) or not isinstance(old, dict) or "$ref" in old or "$ref" in new:
        return False
    return all(_keeps(key, new, old) for key in old)


def _keeps(key: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    rule = _RULES.get(key)
    if rule is not None:
        return rule(new, old)
    return key in _TAKEN_WHOLE and key in new and _is_same(new[key], old[key])


def _is_same(new: Any, old: Any) -> bool:
    """Compare as JSON, because Python takes `true` for `1`; references may lead to definitions that differ."""
    return json.dumps(new, sort_keys=True) == json.dumps(old, sort_keys=True) and _has_no_references(new)


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
    return schema


def _has_no_references(schema: Any) -> bool:
    if isinstance(schema, dict):
        return "$ref" not in schema and all(map(_has_no_references, schema.values()))
    return all(map(_has_no_references, schema)) if isinstance(schema, list) else True


def _at_least(key: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    return lambda new, old: key in new and new[key] >= old[key]


def _at_most(key: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    return lambda new, old: key in new and new[key] <= old[key]


def _type(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    allowed = _types(old)
    if "type" in new:
        return all(_TYPES.get(one, {one}) & allowed for one in _types(new))
    values = _values(new)
    return values is not None and all(_type_of(value) & allowed for value in values)


def _types(schema: Mapping[str, Any]) -> set[str]:
    declared = schema["type"]
    return {declared} if isinstance(declared, str) else set(declared)


def _type_of(value: Any) -> set[str]:
    names = {bool: {"boolean"}, str: {"string"}, int: {"integer", "number"}, float: {"number"}, type(None): {"null"}}
    return names.get(type(value), {"object"} if isinstance(value, dict) else {"array"})


def _enum(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    values, allowed = _values(new), _values(old)
    if values is None or allowed is None:
        return False
    return all(any(value == one and type(value) is type(one) for one in allowed) for value in values)


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return schema["enum"] if isinstance(schema.get("enum"), list) else None


def _required(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return set(new.get("required", ())) >= set(old["required"])


def _properties(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Each part that the old schema describes must be as narrow, or impossible, in the new one."""
    described = new.get("properties", {})
    if "patternProperties" in new:
        return False
    otherwise = new.get("additionalProperties", {})
    return all(is_narrower(described.get(name, otherwise), inner) for name, inner in old["properties"].items())


def _additional(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    if "patternProperties" in new or "patternProperties" in old:
        return False
    known = old.get("properties", {})
    others = (inner for name, inner in new.get("properties", {}).items() if name not in known)
    allowed = old["additionalProperties"]
    if not is_narrower(new.get("additionalProperties", {}), allowed):
        return False
    return all(is_narrower(inner, allowed) for inner in others)


def _items(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return "prefixItems" not in new and "prefixItems" not in old and is_narrower(new.get("items", {}), old["items"])


_RULES: Final[dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], bool]]] = {
    "type": _type,
    "enum": _enum,
    "const": _enum,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    **{key: _at_least(key) for key in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")},
    **{key: _at_most(key) for key in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")},
}
