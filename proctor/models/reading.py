"""Large results as a model reads them: their beginning, their shape, and further parts when it asks for them.

The whole result stays in the store; nothing here leaves the process or reaches a tool. A part carries no label of its
own: values are traced in the whole result, with the labels that it was recorded with.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from proctor.contracts.planning import Observation, ResultPart

WHOLE_BYTES: Final = 8000
"""Up to so many bytes a result is shown whole."""
BEGINNING_BYTES: Final = 4000
PART_BYTES: Final = 6000
SHORT_BYTES: Final = 400
"""What stays of an old result once the results of a run are many."""
HISTORY_BYTES: Final = 96_000
"""Beyond so many bytes of results, older ones are shown short; they can be read again."""
RECENT_BYTES: Final = 48_000
"""So many bytes of the newest results stay as they are then: the prompt changes rarely, for the provider's cache."""
OUTLINE_CHARS: Final = 800
_OUTLINE_DEPTH: Final = 3
_NAMES: Final = 16


class Shown(NamedTuple):
    """How much of the results of a run a model is shown."""

    short: frozenset[str]
    """References of those that are shown short."""
    is_large: bool
    """Whether any is not shown whole, so that there is something to read."""


def reference(entry: Observation) -> str:
    """Name a result within its run."""
    return f"{entry.step}.{entry.call}"


def as_text(value: Any) -> str:
    """Write JSON that cannot close the tag around it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")


def what_is_shown(entries: Iterable[Observation]) -> Shown:
    """Decide what is shown short. The same transcript, longer by some entries, mostly decides the same."""
    window: list[tuple[str, int]] = []
    held, short, is_large = 0, set[str](), False
    for entry in entries:
        if entry.kind != "result":
            continue
        size = len(as_text(entry.content).encode())
        is_large = is_large or size > WHOLE_BYTES
        window.append((reference(entry), min(size, WHOLE_BYTES)))
        held += window[-1][1]
        is_full = held > HISTORY_BYTES
        while is_full and held > RECENT_BYTES and len(window) > 1:
            name, size = window.pop(0)
            held -= size
            short |= {name} if size > SHORT_BYTES else set()
    return Shown(frozenset(short), is_large or bool(short))


def shown(tool: str, entry: Observation, *, is_short: bool) -> str:
    """Write a result between tags: whole, or its beginning with what can be read of it further."""
    text = as_text(entry.content)
    size, most = len(text.encode()), SHORT_BYTES if is_short else WHOLE_BYTES
    if size <= most:
        return f'<tool_output tool="{tool}">\n{text}\n</tool_output>'
    beginning = _cut(text.encode(), 0, SHORT_BYTES if is_short else BEGINNING_BYTES)
    place = f'result="{reference(entry)}" bytes="{size}" shown="0-{len(beginning.encode())}"'
    outlined = "" if is_short else f"\nIts shape: {_outlined(entry.content)}"
    return f'<tool_output tool="{tool}" {place}>\n{beginning} …{outlined}\n</tool_output>'


def part_of(asked: ResultPart, results: Mapping[str, Observation]) -> str:
    """Answer one request for a part of a result of the run."""
    entry = results.get(asked.result)
    if entry is None:
        return "ERROR: this run has no result of that number: give the one that a result is marked with."
    body = as_text(entry.content).encode()
    start = asked.offset
    if asked.find:
        # As it is read, or as it was meant: in what is read, a quotation mark within a text has a backslash.
        ways = (asked.find.encode("utf-8", "ignore"), as_text(asked.find)[1:-1].encode("utf-8", "ignore"))
        start = next((at for way in ways if (at := body.find(way, asked.offset)) >= 0), -1)
        if start < 0:
            return f"NOT FOUND from byte {asked.offset} of {len(body)} on."
    part = _cut(body, start, PART_BYTES)
    end = start + len(part.encode())
    left = f'next="{end}"' if end < len(body) else 'next="none"'
    mark = f'result="{asked.result}" bytes="{len(body)}" shown="{start}-{end}" {left}'
    return f'<tool_output tool="{entry.tool}" {mark}>\n{part}\n</tool_output>'


def _cut(body: bytes, start: int, size: int) -> str:
    return body[start : start + size].decode(errors="ignore")


def _outlined(value: Any) -> str:
    text = _outline(value, _OUTLINE_DEPTH)
    return text if len(text) <= OUTLINE_CHARS else f"{text[:OUTLINE_CHARS]} …"


def _outline(value: Any, depth: int) -> str:
    """Say what a value is made of. Names are data, and are written as such."""
    if isinstance(value, dict):
        if not depth:
            return f"object of {len(value)}"
        listed = [
            f"{as_text(str(name)[:40])}: {_outline(part, depth - 1)}" for name, part in list(value.items())[:_NAMES]
        ]
        more = f", {len(value) - _NAMES} more" if len(value) > _NAMES else ""
        return "{" + ", ".join(listed) + more + "}"
    if isinstance(value, list):
        return f"list of {len(value)}" + (f", the first {_outline(value[0], depth - 1)}" if value and depth else "")
    if isinstance(value, str):
        return f"text of {len(value)}"
    return "null" if value is None else "boolean" if isinstance(value, bool) else "number"
