"""How much work a schema may make of one value: references can double it, and double it again."""

from typing import Any, Final

from proctor.contracts.closing import definition

MAX_PLACES: Final = 10_000
"""Most schemas that one value, apart from its parts, may be held against."""
_LISTED: Final = ("allOf", "anyOf", "oneOf")
_SINGLE: Final = ("not", "if", "then", "else")
_CHILDREN: Final = ("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains")
_NAMED_CHILDREN: Final = ("properties", "patternProperties", "$defs", "definitions")


def cost_of(schema: Any) -> int:
    """Count the schemas that a value is held against in the worst of the schema's places.

    Linear in the schema: what a reference costs is counted once. A reference that comes back to itself in the same
    place counts nothing the second time.
    """
    counting = _Counting(schema)
    return max((counting.place(part) for part in _parts(schema)), default=1)


class _Counting:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[str, int] = {}

    def place(self, schema: Any) -> int:
        """Count one place; beyond the limit it does not matter by how much."""
        if not isinstance(schema, dict):
            return 1
        parts = [one for key in _LISTED if isinstance(schema.get(key), list) for one in schema[key]]
        parts += [schema[key] for key in _SINGLE if key in schema]
        dependent = schema.get("dependentSchemas")
        parts += list(dependent.values()) if isinstance(dependent, dict) else []
        references = [schema[key] for key in ("$ref", "$dynamicRef") if isinstance(schema.get(key), str)]
        total = 1 + sum(map(self.place, parts)) + sum(map(self._reference, references))
        return min(total, 2 * MAX_PLACES)

    def _reference(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = 0
            self._known[name] = self.place(definition(self._root, name))
        return self._known[name]


def _parts(schema: Any) -> list[Any]:
    """List the schema and all below it that stand in places of their own."""
    found, waiting = [], [schema]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        found.append(one)
        waiting += [one[key] for key in _CHILDREN if key in one]
        waiting += [part for key in _NAMED_CHILDREN if isinstance(one.get(key), dict) for part in one[key].values()]
        listed = [*_LISTED, "prefixItems"]
        waiting += [part for key in listed if isinstance(one.get(key), list) for part in one[key]]
        waiting += [one[key] for key in _SINGLE if key in one]
    return found
