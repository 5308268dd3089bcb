"""Tools as a model is told of them in few tokens: what their arguments mean, and nothing that only machines read."""

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from pydantic_ai.tools import ToolDefinition

from proctor.contracts.canonical import summarize
from proctor.contracts.closing import definition
from proctor.contracts.tool import ToolContract

MAX_DESCRIPTION_CHARS: Final = 1024
"""Of a tool."""
MAX_PART_CHARS: Final = 200
"""Of the description of an argument, or of a part of one."""
INDEX_LINE_CHARS: Final = 80
_UNTOLD: Final = frozenset(["$schema", "$id", "$comment", "title", "examples", "example", "deprecated", "readOnly"])
_NAMED: Final = frozenset(["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"])
_AS_THEY_ARE: Final = frozenset(["enum", "const", "default", "required", "dependentRequired", "type"])
_KEPT: Final = 2048
_known: OrderedDict[int, tuple[ToolContract, ToolDefinition, int]] = OrderedDict()


def described(tool: ToolContract) -> ToolDefinition:
    """Describe a tool whole. The same contract gives the same words, so that a provider's cache holds."""
    return _described(tool)[1]


def described_size(tool: ToolContract) -> int:
    """Count the bytes that a tool's description takes of a prompt; at least."""
    return _described(tool)[2]


def definition_size(tool: ToolDefinition) -> int:
    """Count the bytes of a definition, as part of a prompt; at least."""
    return len(json.dumps(tool.parameters_json_schema)) + len((tool.description or "").encode()) + 64


def _described(tool: ToolContract) -> tuple[ToolContract, ToolDefinition, int]:
    kept = _known.get(id(tool))
    if kept is None or kept[0] is not tool:
        text = summarize(tool.description, MAX_DESCRIPTION_CHARS) or tool.name
        made = ToolDefinition(name=tool.name, parameters_json_schema=trimmed(tool.input_schema), description=text)
        kept = _known[id(tool)] = (tool, made, definition_size(made))
        if len(_known) > _KEPT:
            _known.popitem(last=False)
    return kept


def indexed(tools: Iterable[ToolContract]) -> str:
    """List tools by name, each with the first sentence that is said of it."""
    return _index(tuple((tool.name, tool.description) for tool in tools))


@lru_cache(maxsize=64)
def _index(tools: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"{name}: {_first_sentence(text)}".rstrip(": ") for name, text in tools)


def trimmed(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out what tells a model nothing. The result accepts what the schema accepts."""
    told: dict[str, Any] = _told(schema)
    kept = _without_unused(told)
    inlined = _inlined(kept)
    return inlined if inlined is not None and _size(inlined) <= _size(kept) else kept


def _told(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_told(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            made[key] = {name: _told(one) for name, one in value.items()}
        elif key == "description":
            made |= {key: summarize(value, MAX_PART_CHARS)} if isinstance(value, str) and value else {}
        elif key not in _UNTOLD:
            made[key] = value if key in _AS_THEY_ARE else _told(value)
    return made


def _first_sentence(text: str) -> str:
    line = summarize(text, 4 * INDEX_LINE_CHARS)
    return summarize(line.partition(". ")[0], INDEX_LINE_CHARS)


def _size(schema: Any) -> int:
    return len(json.dumps(schema))


def _references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for one in schema for name in _references(one)}
    if not isinstance(schema, Mapping):
        return set()
    own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
    return own.union(*(_references(value) for key, value in schema.items() if key not in _AS_THEY_ARE))


def _without_unused(schema: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in schema.items() if key not in {"$defs", "definitions"}}
    used, waiting = set[str](), _references(rest)
    while waiting:
        used |= waiting
        waiting = {name for one in waiting for name in _references(definition(schema, one))} - used
    for key in ("$defs", "definitions"):
        kept = {name: one for name, one in schema.get(key, {}).items() if f"#/{key}/{name}" in used}
        rest |= {key: kept} if kept else {}
    return rest


def _inlined(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Put definitions where they are named; None where one leads back to itself, or stands beside other words."""
    try:
        made: dict[str, Any] = _in_place(schema, schema, frozenset())
    except RecursionError:
        return None
    return {key: value for key, value in made.items() if key not in {"$defs", "definitions"}}


def _in_place(schema: Any, root: dict[str, Any], within: frozenset[str]) -> Any:
    if isinstance(schema, list):
        return [_in_place(one, root, within) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference in within or not reference.startswith(("#/$defs/", "#/definitions/")):
            raise RecursionError
        found = _in_place(definition(root, reference), root, within | {reference})
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        if not isinstance(found, dict) or beside.keys() - {"description", "default"}:
            raise RecursionError
        return {**found, **beside}
    untouched = _AS_THEY_ARE | {"$defs", "definitions"}
    return {key: value if key in untouched else _in_place(value, root, within) for key, value in schema.items()}
