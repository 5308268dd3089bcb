"""JSON values as readable YAML 1.2: block style, keys in the order given, long texts as blocks.

Written by hand because generated catalogs hold megabytes of schemas, and a library that keeps comments and styles
takes twenty times as long for what needs neither.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*(?: [\w./()-]+)*")
_WORDS = frozenset({"null", "true", "false"})
_MAX_FLOW = 88
_FOUR_DIGITS = 0xFFFF
_UNPRINTABLE = re.compile(
    r"[^ -~\xa1-\ud7ff\ue000-\ufefe\uff00-\uffef\U00010000-\U0010ffff]"
    r"|[\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\U000e0000-\U000e0fff]"
)
"""What YAML does not carry as it is, and what would show a reviewer another text than is written: it is invisible, or
turns the direction of what follows."""


def to_yaml(value: dict[str, Any], *, indent: int = 0) -> str:
    """Write a mapping; reading it as YAML 1.2 gives the same value."""
    return "\n".join(_mapping(value, " " * indent)) + "\n"


def _mapping(value: dict[str, Any], margin: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _entry(f"{margin}{_scalar(key)}:", item, margin)


def _entry(head: str, item: Any, margin: str) -> Iterator[str]:
    if isinstance(item, str) and _is_block(item):
        yield f"{head} |{'' if item.endswith(chr(10)) else '-'}"
        yield from (f"{margin}  {line}" if line else "" for line in item.removesuffix("\n").split("\n"))
    elif not isinstance(item, dict | list) or (flow := _flow(item, len(head))) is None:
        yield from _nested(head, item, margin)
    else:
        yield f"{head} {flow}"


def _nested(head: str, item: Any, margin: str) -> Iterator[str]:
    if isinstance(item, dict):
        yield head
        yield from _mapping(item, margin + "  ")
    elif isinstance(item, list):
        yield head
        for element in item:
            yield from _element(element, margin + "  ")
    else:
        yield f"{head} {_scalar(item)}"


def _element(item: Any, margin: str) -> Iterator[str]:
    flow = _flow(item, len(margin) + 2) if isinstance(item, dict | list) else _scalar(item)
    if flow is not None:
        yield f"{margin}- {flow}"
    elif isinstance(item, dict):
        first, *rest = _mapping(item, margin + "  ")
        yield f"{margin}- {first.lstrip(' ')}"
        yield from rest
    else:
        yield f"{margin}-"
        for element in item:
            yield from _element(element, margin + "  ")


def _flow(item: dict[str, Any] | list[Any], used: int) -> str | None:
    """Write what is small and flat on one line; None: it takes several."""
    members = item.values() if isinstance(item, dict) else item
    if any(isinstance(member, dict | list) and member for member in members):
        return None
    if isinstance(item, dict):
        text = "{" + ", ".join(f"{_flow_scalar(key)}: {_flow_scalar(member)}" for key, member in item.items()) + "}"
    else:
        text = "[" + ", ".join(map(_flow_scalar, item)) + "]"
    return text if used + len(text) <= _MAX_FLOW or not item else None


def _flow_scalar(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else _scalar(value)


def _scalar(value: Any) -> str:
    """Write a text plainly where nothing else can be read from it, and else as JSON, which is YAML too."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    return _json(value)


def _json(value: Any) -> str:
    return _UNPRINTABLE.sub(_code, json.dumps(value, ensure_ascii=False))


def _code(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\u{number:04x}" if number <= _FOUR_DIGITS else f"\\U{number:08x}"


def _is_block(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and lines[0][:1] not in {"", " "}
        and bool(lines[-1])
        and not any(line.endswith(" ") or _UNPRINTABLE.search(line) for line in lines)
    )
