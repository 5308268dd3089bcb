"""Every way of a fixed set in which a right call goes wrong, once for each place that it can go wrong in."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, NamedTuple

Place = tuple[str | int, ...]
_WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "string": (7, {"a": 1}, None),
    "integer": ("seven", 1.5, True, None),
    "number": ("seven", [1], True, None),
    "boolean": ("yes", 1, None),
    "array": ("a, b", {"a": 1}, None),
    "object": ("a", ["a"], None),
}


class Mutation(NamedTuple):
    """A call that must be refused."""

    kind: str
    place: Place
    arguments: Any


def mutations(schema: dict[str, Any], arguments: dict[str, Any]) -> Iterator[Mutation]:
    """List the wrong calls that one right call gives: at most one thing is wrong in each."""
    yield Mutation("arguments are a list", (), [arguments])
    yield Mutation("arguments are a text", (), str(arguments))
    for place, part, value in _places(schema, arguments, ()):
        yield from _of_place(arguments, place, part, value)


def _places(schema: Any, value: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any], Any]]:
    """Walk all that is given and declared."""
    if not isinstance(schema, dict):
        return
    yield place, schema, value
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _places(schema.get("properties", {}).get(name), part, (*place, name))
    if isinstance(value, list) and value:
        yield from _places(schema.get("items"), value[0], (*place, 0))


def _of_place(arguments: dict[str, Any], place: Place, schema: dict[str, Any], value: Any) -> Iterator[Mutation]:
    if (isinstance(value, dict) and "properties" in schema) or not place:
        yield _with("unknown argument", arguments, (*place, "zz_undeclared"), 1)
        for name in [name for name in schema.get("required", ()) if name in value]:
            yield _without(arguments, (*place, name))
            yield _misspelt(arguments, (*place, name))
    if not place:
        return
    kinds = schema.get("type", ())
    types = [kinds] if isinstance(kinds, str) else list(kinds)
    for wrong in _WRONG.get(types[0], ()) if types else ():
        if wrong is None and "null" in types:
            continue
        kind = "null" if wrong is None else "item of a wrong type" if isinstance(place[-1], int) else "wrong type"
        yield _with(kind, arguments, place, wrong)
    if isinstance(schema.get("enum"), list) and isinstance(value, str):
        yield _with("not in the enum", arguments, place, f"{value}_zz")


def _with(kind: str, arguments: dict[str, Any], place: Place, value: Any) -> Mutation:
    changed = deepcopy(arguments)
    _holder(changed, place)[place[-1]] = value
    return Mutation(kind, place, changed)


def _without(arguments: dict[str, Any], place: Place) -> Mutation:
    changed = deepcopy(arguments)
    del _holder(changed, place)[place[-1]]
    return Mutation("required argument dropped", place, changed)


def _misspelt(arguments: dict[str, Any], place: Place) -> Mutation:
    changed = deepcopy(arguments)
    holder = _holder(changed, place)
    holder[f"{place[-1]}_"] = holder.pop(place[-1])
    return Mutation("required argument misspelt", place, changed)


def _holder(arguments: Any, place: Place) -> Any:
    for part in place[:-1]:
        arguments = arguments[part]
    return arguments
