"""Validating rules: parts of a tool's result that fit a schema with no room for text of an attacker's choice."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from policies.flow.values import leaves
from proctor.contracts.labels import Labels
from proctor.contracts.policy import ValidationForm
from proctor.contracts.schemas import checker, schema_problem

Path = tuple[str | int, ...]
MAX_TEXT: Final = 128
"""Longest text that a pattern may allow."""
MAX_LETTERS: Final = 34
"""So many free letters at most: enough for an identifier, too few for a sentence."""
MAX_CHOICES: Final = 1000
MAX_ITEMS: Final = 1000
_MAX_DEPTH: Final = 16
_SCALARS: Final = (str, int, float, bool, type(None))

_ITEM: Final = re.compile(
    r"(?P<what>\[[A-Za-z0-9._@:/+-]{1,64}\]|\\d|\\[.+()/-]|[A-Za-z0-9_@:/-])(?:\{(?P<least>[0-9]{1,3})(?:,(?P<most>[0-9]{1,3}))?\}|\??)",
    re.ASCII,
)


def validated(result: Any, rules: Iterable[ValidationForm], labels: Labels) -> dict[Path, Labels]:
    """Give the labels of the parts of a result that a rule accepts, by path; everything else keeps `labels`.

    A path goes through objects by key and through every element of a list. A rule whose schema leaves room for text
    accepts nothing.
    """
    accepted: dict[Path, Labels] = {}
    for rule in rules:
        if room_for_text(rule.fits) is not None:
            continue
        check = checker(rule.fits)
        change = {"integrity": rule.integrity, "confidentiality": rule.confidentiality or labels.confidentiality}
        for path, part in _reach(result, tuple(rule.path.split(".")) if rule.path else ()):
            if not check(part):
                accepted |= {(*path, *inner): labels.model_copy(update=change) for inner, _ in leaves(part)}
    return accepted


def _reach(value: Any, path: tuple[str, ...], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, list) and path:
        for index, item in enumerate(value):
            yield from _reach(item, path[1:] if path[0] == "*" else path, (*at, index))
    elif not path:
        yield at, value
    elif isinstance(value, dict) and path[0] in value:
        yield from _reach(value[path[0]], path[1:], (*at, path[0]))


def room_for_text(schema: Any, depth: int = 0) -> str | None:
    """Say where a schema leaves room for text of an attacker's choice; None when it leaves none."""
    if depth > _MAX_DEPTH or not isinstance(schema, dict):
        return "is not a schema, or is nested too deep"
    if depth == 0 and (problem := schema_problem(schema)):
        return problem
    if "const" in schema:
        return None if isinstance(schema["const"], _SCALARS) else "has a const that is no single value"
    if "enum" in schema:
        return _room_in_choices(schema["enum"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return next(filter(None, (room_for_text(one, depth + 1) for one in schema[word])), None)
    rooms = {
        "boolean": lambda *_: None,
        "null": lambda *_: None,
        "integer": _room_in_number,
        "number": _room_in_number,
        "string": _room_in_text,
        "array": _room_in_list,
        "object": _room_in_object,
    }
    named = schema.get("type")
    room = rooms.get(named) if isinstance(named, str) else None
    return room(schema, depth) if room else "does not say one type"


def _room_in_choices(choices: Any) -> str | None:
    is_closed = len(choices) <= MAX_CHOICES and all(isinstance(choice, _SCALARS) for choice in choices)
    return None if is_closed else f"has an enum of more than {MAX_CHOICES} values, or of other than single values"


def _room_in_number(schema: dict[str, Any], _: int) -> str | None:
    is_bounded = any(f"{word}inimum" in schema for word in ("m", "exclusiveM")) and any(
        f"{word}aximum" in schema for word in ("m", "exclusiveM")
    )
    return None if is_bounded else "has a number without minimum and maximum"


def _room_in_text(schema: dict[str, Any], _: int) -> str | None:
    pattern = schema.get("pattern")
    if not isinstance(pattern, str) or not (pattern.startswith("^") and pattern.endswith("$")):
        return "has a text without enum or a pattern from ^ to $"
    length = letters = at = 0
    body = pattern[1:-1]
    while at < len(body):
        item = _ITEM.match(body, at)
        if item is None:
            return f"has a pattern with more than literals, [classes], \\d and {{n,m}}: {body[at : at + 20]!r}"
        times = int(item["most"] or item["least"] or 1)
        length += times
        letters += times if item["what"].startswith("[") and re.search("[A-Za-z]", item["what"]) else 0
        at = item.end()
    if length > MAX_TEXT or letters > MAX_LETTERS:
        return f"has a pattern that allows more than {MAX_TEXT} characters, or {MAX_LETTERS} free letters"
    return None


def _room_in_list(schema: dict[str, Any], depth: int) -> str | None:
    if not isinstance(schema.get("maxItems"), int) or schema["maxItems"] > MAX_ITEMS or "prefixItems" in schema:
        return f"has a list without maxItems of at most {MAX_ITEMS}"
    return room_for_text(schema.get("items"), depth + 1)


def _room_in_object(schema: dict[str, Any], depth: int) -> str | None:
    if schema.get("additionalProperties") is not False or "patternProperties" in schema:
        return "has an object without additionalProperties: false"
    return next(filter(None, (room_for_text(one, depth + 1) for one in schema.get("properties", {}).values())), None)
