"""The corpus as it lies on disk: tools in types of three languages, and calls with lists of acceptable values."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

_TYPES: Final = {
    "dict": "object", "HashMap": "object", "float": "number", "double": "number", "tuple": "array", "Array": "array",
    "ArrayList": "array", "String": "string", "char": "string", "long": "integer", "Boolean": "boolean",
}  # fmt: skip
_ANYTHING: Final = frozenset({"any", ""})
_KEPT: Final = ("description", "default", "enum", "required", "format", "minItems", "maxItems", "maximum")
OMITTED: Final = ""
"""Stands in a list of acceptable values for an argument that may be left out."""


class Tool(NamedTuple):
    """A function of the corpus."""

    name: str
    schema: dict[str, Any]


class Question(NamedTuple):
    """A question with the tools that it offers, and the calls that answer it."""

    id: str
    tools: tuple[Tool, ...]
    calls: tuple[tuple[str, dict[str, Any]], ...]


def questions(folder: Path) -> Iterator[Question]:
    """Read every question that comes with tools. `folder` holds the files `BFCL_v4_*.json` somewhere below it."""
    found = next(iter(sorted(folder.rglob("BFCL_v4_simple_python.json"))), None)
    if found is None:
        raise SystemExit(f"{folder} holds no BFCL data: pip install --no-deps --target {folder} bfcl-eval")
    for path in sorted(found.parent.glob("BFCL_v4_*.json")):
        answers = {one["id"]: one["ground_truth"] for one in _lines(found.parent / "possible_answer" / path.name)}
        for one in _lines(path):
            functions = one.get("function", [])
            listed = [functions] if isinstance(functions, dict) else functions
            tools = tuple(Tool(tool_name(each["name"]), _top(each["parameters"])) for each in listed)
            calls = tuple(_call(each) for each in answers.get(one["id"], []) if isinstance(each, dict))
            if tools:
                yield Question(one["id"], tools, calls)


def tool_name(name: str) -> str:
    """Write a name as a contract has it."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)[:64]
    return plain if plain[:1].isalpha() else f"f_{plain}"[:64]


def schema_of(written: Any) -> Any:
    """Write a type of the corpus as JSON Schema 2020-12."""
    if not isinstance(written, dict):
        return written
    schema = {key: written[key] for key in _KEPT if key in written}
    kind = written.get("type", "any")
    if kind not in _ANYTHING:
        schema["type"] = _TYPES.get(kind, kind)
    if "default" in written and written["default"] is None and isinstance(schema.get("type"), str):
        schema["type"] = [
            schema["type"],
            "null",
        ]  # a parameter `x: int = None` of the language that they are written in
    if isinstance(written.get("properties"), dict):
        schema["properties"] = {name: schema_of(part) for name, part in written["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in written:
            schema[key] = schema_of(written[key])
    return schema


def _top(written: Any) -> dict[str, Any]:
    schema: dict[str, Any] = schema_of(written)
    return {**schema, "type": "object"}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    text = path.read_text("utf-8")
    if text.startswith("{\n"):
        return  # one document about the questions of other files
    for line in text.splitlines():
        if line.strip():
            yield json.loads(line)


def _call(answer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    (name, arguments), *_ = answer.items()
    return tool_name(name), _chosen_from(arguments)


def _chosen_from(acceptable: dict[str, Any]) -> dict[str, Any]:
    """Take the first acceptable value of each argument; one of which nothing but its absence is, is left out."""
    chosen = {}
    for name, values in acceptable.items():
        if not isinstance(values, list):
            chosen[name] = values
        elif given := [value for value in values if value != OMITTED]:
            chosen[name] = _one(given[0])
    return chosen


def _one(value: Any) -> Any:
    if isinstance(value, dict):
        return _chosen_from(value)
    return [_one(each) if isinstance(each, dict) else each for each in value] if isinstance(value, list) else value
