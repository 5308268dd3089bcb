"""Values that fit a JSON Schema: a plain one, with some parts given."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.reasoning.amounts import LARGEST
from policies.reasoning.expressions import read_expression
from policies.reasoning.texts import Shape, find_text
from policies.reasoning.undecided import Undecided
from proctor.contracts.arguments import arguments_fit

_DEEPEST: Final = 12
_FORMATS: Final = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "hostname": "host.example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
Given = Mapping[tuple[str, ...], Any]
"""Parts that are given, by their path."""


def instance(schema: dict[str, Any], given: Given) -> dict[str, Any] | None:
    """Make an object that fits the schema and has the given parts; None when none was found.

    It knows the keywords that arguments are usually described by, and the schema's validator has the last word.
    """
    try:
        made = _Maker(schema).make(schema, (), given)
        return made if isinstance(made, dict) and arguments_fit(schema)(made) else None
    except (ValueError, RecursionError):
        return None


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """Give what a schema says of a text beyond its type; a pattern that is not plain counts as none."""
    pattern, low, high = schema.get("pattern"), schema.get("minLength"), schema.get("maxLength")
    return Shape(
        low if isinstance(low, int) else 0,
        high if isinstance(high, int) else None,
        read_expression(pattern) if isinstance(pattern, str) else None,
    )


def shapes_of(schema: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """List what a schema says of the texts in an object, by their path."""
    yield from _Maker(schema).shapes(schema, ())


class _Maker:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root

    def make(self, schema: Any, path: tuple[str, ...], given: Given) -> Any:
        if path in given:
            return given[path]
        if len(path) > _DEEPEST:
            raise ValueError("too deep")
        at = self._resolved(schema)
        if "const" in at:
            return at["const"]
        if isinstance(at.get("enum"), list):
            return next(one for one in at["enum"] if one is not None)
        return self._of_kind(self._kind(at, path, given), at, path, given)

    def _of_kind(self, kind: str, at: dict[str, Any], path: tuple[str, ...], given: Given) -> Any:
        if kind == "object":
            return self._object(at, path, given)
        if kind == "array":
            return [self.make(at.get("items", {}), (*path, "*"), given) for _ in range(at.get("minItems", 0))]
        if kind in {"number", "integer"}:
            return _number(at)
        return {"boolean": True, "null": None}[kind] if kind != "string" else _text(at)

    def shapes(self, schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Shape]]:
        at = self._resolved(schema)
        properties = at.get("properties")
        if isinstance(properties, dict) and len(path) < _DEEPEST:
            for name, inner in properties.items():
                yield from self.shapes(inner, (*path, name))
        elif path and not {"pattern", "minLength", "maxLength"}.isdisjoint(at):
            yield path, shape_of(at)

    def _resolved(self, schema: Any) -> dict[str, Any]:
        at = schema if isinstance(schema, dict) else {}
        for _ in range(_DEEPEST):
            if "$ref" in at:
                at = self._referred(at["$ref"])
            elif "allOf" in at:
                rest = {key: value for key, value in at.items() if key != "allOf"}
                at = {key: value for part in (*at["allOf"], rest) for key, value in self._resolved(part).items()}
            elif "anyOf" in at or "oneOf" in at:
                choices = at.get("anyOf") or at["oneOf"]
                rest = {key: value for key, value in at.items() if key not in {"anyOf", "oneOf"}}
                at = {**rest, **next((one for one in choices if one != {"type": "null"}), {})}
            else:
                break
        return at

    def _referred(self, reference: str) -> dict[str, Any]:
        at: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
            at = at.get(part) if isinstance(at, dict) else None
        if not isinstance(at, dict):
            raise ValueError("a reference that leads nowhere")  # noqa: TRY004 - the schema is what is wrong
        return at

    def _kind(self, at: dict[str, Any], path: tuple[str, ...], given: Given) -> str:
        declared = at.get("type")
        if isinstance(declared, list):
            return str(next((one for one in declared if one != "null"), "null"))
        if isinstance(declared, str):
            return declared
        has_parts = "properties" in at or not path or any(one[: len(path)] == path for one in given)
        return "object" if has_parts else "string"

    def _object(self, at: dict[str, Any], path: tuple[str, ...], given: Given) -> dict[str, Any]:
        properties = at.get("properties", {})
        inside = [one[len(path)] for one in given if one[: len(path)] == path and len(one) > len(path)]
        names = dict.fromkeys((*at.get("required", ()), *inside))
        return {name: self.make(properties.get(name, {}), (*path, name), given) for name in names}


def _number(at: dict[str, Any]) -> int | float:
    low, high = at.get("minimum", -LARGEST), at.get("maximum", LARGEST)
    above, below = at.get("exclusiveMinimum", -LARGEST), at.get("exclusiveMaximum", LARGEST)
    step = at.get("multipleOf", 1 if at.get("type") == "integer" else None)
    floor, ceiling = max(low, above), min(high, below)
    candidates = [1, 0, floor, floor + 1, ceiling, ceiling - 1, (floor + ceiling) / 2]
    if step:
        candidates = [step * (one // step) + step * more for one in candidates for more in (0, 1)]
    fitting = (one for one in candidates if low <= one <= high and above < one < below)
    return next(fitting, 1)


def _text(at: dict[str, Any]) -> str:
    if at.get("format") in _FORMATS and "pattern" not in at:
        return _FORMATS[at["format"]]
    try:
        found = find_text((), shape_of(at))
    except Undecided:
        found = None
    if found is None:
        raise ValueError("no text fits")
    return found
