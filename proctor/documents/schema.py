"""JSON Schemas inside documents: what is wrong with them, and what they say of an argument."""

from collections.abc import Iterator
from typing import Any

from proctor.contracts.places import Place
from proctor.contracts.schemas import schema_problem
from proctor.documents.problems import Problems

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = frozenset({"$ref", "$dynamicRef"})
_NUMBERS = frozenset({"number", "integer"})
_MAX_HOPS = 16


def check_schema(schema: dict[str, Any], problems: Problems, at: Place, *, is_arguments: bool = False) -> None:
    """Note what makes a schema unusable: wrong keywords, patterns without a linear-time form, outside references."""
    before = len(problems.found)
    if schema.get("$schema", DRAFT).rstrip("#") != DRAFT:
        problems.add((*at, "$schema"), "the schema is of another draft", f"write {DRAFT}, or leave it out")
    for place, keyword, value in _walk(schema, ()):
        if keyword in _REFERENCES and isinstance(value, str) and not value.startswith("#"):
            message = f"{keyword} {value!r} leaves the document"
            problems.add((*at, *place), message, "put what it refers to into $defs")
        if keyword == "pattern" and isinstance(value, str) and schema_problem({"pattern": value}):
            message = f"the pattern {value!r} cannot be matched in linear time, or is not a pattern"
            problems.add((*at, *place), message, "do without look-around, back-references and huge repeats")
    if is_arguments and schema.get("type") != "object":
        problems.add((*at, "type"), "arguments are an object", "write `type: object`")
    text = schema_problem(schema) if len(problems.found) == before else None
    if text:
        problems.add((*at, *_place_in(text)), f"not a usable JSON Schema: {text}", "see json-schema.org, 2020-12")


def property_at(schema: dict[str, Any], path: list[str]) -> dict[str, Any] | None:
    """Find the schema of a property by its path; None when the schema declares no such property."""
    found: dict[str, Any] | None = schema
    for name in path:
        found = next((p[name] for p in _property_maps(schema, found) if isinstance(p.get(name), dict)), None)
        if found is None:
            return None
    return found


def is_open(schema: dict[str, Any]) -> bool:
    """Whether an object may hold properties that are not declared."""
    return schema.get("additionalProperties", True) is not False


def is_number(root: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether a schema admits numbers and, apart from null, nothing else."""
    schema = _follow(root, schema)
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        kinds = [_follow(root, branch) for branch in branches if branch != {"type": "null"}]
        return bool(kinds) and all(is_number(root, kind) for kind in kinds)
    kind = schema.get("type")
    names = {kind} if isinstance(kind, str) else set(kind or ())
    return bool(names & _NUMBERS) and not names - _NUMBERS - {"null"}


def _property_maps(root: dict[str, Any], schema: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    schema = _follow(root, schema or {})
    yield schema.get("properties", {})
    for keyword in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(keyword, ()):
            yield _follow(root, branch).get("properties", {})


def _follow(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for _ in range(_MAX_HOPS):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, dict) else {}
        schema = target if isinstance(target, dict) else {}
    return {}


def _walk(value: Any, place: Place) -> Iterator[tuple[Place, str, Any]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*place, key), str(key), item
        yield from _walk(item, (*place, key))


def _place_in(text: str) -> Place:
    where = text.removeprefix("at ").partition(":")[0] if text.startswith("at ") else ""
    return tuple(int(part) if part.isdecimal() else part for part in where.split("/") if part)
