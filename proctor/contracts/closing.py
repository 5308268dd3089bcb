"""What an input schema says by saying nothing: arguments that it does not declare are not taken.

JSON Schema lets through what it is not told about. An argument that nobody declared has no role, no description and no
rule that knows it, so a schema of arguments is read as closed: at the top always, and wherever an object declares
properties without saying anything of others. Who wants an open object says so with `additionalProperties`. An object
below the top that declares no property is a map, and stays one.
"""

from collections.abc import Callable
from typing import Any, Final

from proctor.contracts.schema_references import Schema, target

SAYS_OF_OTHERS: Final = ("additionalProperties", "unevaluatedProperties")
_BRANCHES: Final = ("anyOf", "oneOf")
_LISTED_IN_PLACE: Final = (*_BRANCHES, "allOf")
_SINGLE_IN_PLACE: Final = ("then", "else")
_REFERENCES: Final = ("$ref", "$dynamicRef")
_IN_PLACE: Final = (*_LISTED_IN_PLACE, *_SINGLE_IN_PLACE, *_REFERENCES, "if", "dependentSchemas")
_DEFINITIONS: Final = ("$defs", "definitions", "dependentSchemas")
_CHILDREN: Final = ("properties", "patternProperties")
_CHILD: Final = ("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems")


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Give the schema with what it leaves unsaid said; it accepts no more than before.

    `not`, `if`, `contains` and `propertyNames` ask about a value and declare nothing: they stay as they are.
    """
    return _Closing(schema).top()


class _Closing:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root

    def top(self) -> dict[str, Any]:
        inner = self._inner(self._root)
        # Not what is a map elsewhere: at the top nothing is taken that is not declared.
        inner |= {
            key: [self._inner(one) for one in self._root[key]]
            for key in _BRANCHES
            if isinstance(self._root.get(key), list)
        }
        return inner if _says_of_others(self._root) else _shut(inner)

    def _place(self, schema: Schema) -> Schema:
        """Close a schema that says by itself what may stand in a place."""
        if not isinstance(schema, dict):
            return schema
        inner = self._inner(schema)
        return _shut(inner) if not _says_of_others(schema) and self._declares(schema, frozenset()) else inner

    def _inner(self, schema: Schema) -> Schema:
        """Close what is below; what stands in the same place as others is closed where they come together."""
        if not isinstance(schema, dict):
            return schema
        return {key: self._part(key, value) for key, value in schema.items()}

    def _part(self, key: str, value: Any) -> Any:
        if key in _CHILDREN and isinstance(value, dict):
            return _mapped(self._place, value)
        if key == "prefixItems" and isinstance(value, list):
            return [self._place(one) for one in value]
        if key in _CHILD:
            return self._place(value)
        if key in _DEFINITIONS and isinstance(value, dict):
            return _mapped(self._inner, value)
        if key in _LISTED_IN_PLACE and isinstance(value, list):
            return [self._branch(one) if key in _BRANCHES else self._inner(one) for one in value]
        return self._inner(value) if key in _SINGLE_IN_PLACE else value

    def _branch(self, schema: Schema) -> Schema:
        """Keep a branch that is a map one, where another branch declares properties."""
        inner = self._inner(schema)
        is_map = isinstance(schema, dict) and schema.get("type") == "object" and not _says_of_others(schema)
        return {**inner, "additionalProperties": True} if is_map and not self._declares(schema, frozenset()) else inner

    def _declares(self, schema: Schema, seen: frozenset[str]) -> bool:
        """Whether it declares properties, itself or by what it takes in."""
        if not isinstance(schema, dict):
            return False
        if "properties" in schema or "patternProperties" in schema:
            return True
        parts = [one for key in _LISTED_IN_PLACE if isinstance(schema.get(key), list) for one in schema[key]]
        parts += [schema[key] for key in _SINGLE_IN_PLACE if key in schema]
        parts += list(schema["dependentSchemas"].values()) if isinstance(schema.get("dependentSchemas"), dict) else []
        for key in _REFERENCES:
            reference = schema.get(key)
            if isinstance(reference, str) and reference not in seen:
                seen |= {reference}
                parts.append(definition(self._root, reference))
        return any(self._declares(part, seen) for part in parts)


def declared(root: Any, schema: Schema) -> dict[str, Schema]:
    """Give the properties that a schema within `root` declares, itself or by what it takes in, each once."""
    found: dict[str, Schema] = {}
    waiting, seen = [schema], set[str]()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, dict):
            continue
        named = one.get("properties")
        found = {**named, **found} if isinstance(named, dict) else found
        waiting += [part for key in _LISTED_IN_PLACE if isinstance(one.get(key), list) for part in one[key]]
        waiting += [one[key] for key in _SINGLE_IN_PLACE if key in one]
        reference = one.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen.add(reference)
            waiting.append(definition(root, reference))
    return found


def definition(root: Any, reference: str) -> Schema:
    """Find what a reference within the schema names; True, which says nothing, when it names nothing."""
    found = target(root, reference)
    return True if found is None else found


def _mapped(change: Callable[[Schema], Schema], schemas: dict[str, Schema]) -> dict[str, Schema]:
    return {name: change(schema) for name, schema in schemas.items()}


def _says_of_others(schema: dict[str, Any]) -> bool:
    return any(key in schema for key in SAYS_OF_OTHERS)


def _shut(schema: dict[str, Any]) -> dict[str, Any]:
    # `additionalProperties` sees only the properties beside it, and costs less where there is nothing else.
    word = "unevaluatedProperties" if any(key in schema for key in _IN_PLACE) else "additionalProperties"
    return {**schema, word: False}
