"""YAML 1.2 (core schema) into JSON values with their lines, from the parser's events.

`yes`, `on` and dates are text, keys are always text, tags other than the core ones are refused: nothing in a document
can make Python build anything but JSON.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from ruamel.yaml import YAML
from ruamel.yaml import events as thorough
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from yaml import events as quick

from proctor.contracts.places import Place
from proctor.documents.lines import Lines, Reading

_QUICK_LOADER: Final = getattr(yaml, "CSafeLoader", None)
"""libyaml's parser, where PyYAML was built with it: some twenty times as fast."""
_ALIAS: Final = (thorough.AliasEvent, quick.AliasEvent)
_DOCUMENT_START: Final = (thorough.DocumentStartEvent, quick.DocumentStartEvent)
_COLLECTION_END: Final = (thorough.CollectionEndEvent, quick.CollectionEndEvent)
_MAPPING_START: Final = (thorough.MappingStartEvent, quick.MappingStartEvent)
_NODE: Final = (thorough.NodeEvent, quick.NodeEvent)
_SCALAR: Final = (thorough.ScalarEvent, quick.ScalarEvent)

_TAG = "tag:yaml.org,2002:"
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MERGE = "<<"


@dataclass
class _Open:
    """A mapping or list whose end was not reached yet."""

    value: dict[str, Any] | list[Any]
    place: Place
    anchor: str | None
    key: str | None = None
    started_at: int = field(default=0)


def read_yaml(text: str, shown: str) -> tuple[Any, Lines]:
    """Read one YAML document. Raises `InvalidDocument`.

    What libyaml cannot parse is read by the parser that says better what is wrong, and knows all of YAML 1.2.
    """
    read = _read_quickly(text, shown)
    return read if read is not None else read_thoroughly(text, shown)


def _read_quickly(text: str, shown: str) -> tuple[Any, Lines] | None:
    if _QUICK_LOADER is None:
        return None
    builder = _Builder(Reading(shown))
    try:
        for event in yaml.parse(text, Loader=_QUICK_LOADER):
            builder.take(event)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    return builder.root, builder.reading.lines


def read_thoroughly(text: str, shown: str) -> tuple[Any, Lines]:
    """As `read_yaml`, by the pure parser alone."""
    builder = _Builder(Reading(shown))
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise builder.reading.wrong(f"not YAML: {what}", mark.line + 1 if mark else 1, _hint(what)) from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise builder.reading.wrong(f"not YAML: {str(error).splitlines()[0]}", 1) from error
    return builder.root, builder.reading.lines


def _hint(problem: str) -> str:
    if "'\\t'" in problem:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "quote a text that holds ': '"
    return "check indentation, brackets and quotes near this line"


class _Builder:
    def __init__(self, reading: Reading) -> None:
        self.reading, self.root = reading, None
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._documents = self._taken = 0

    def take(self, event: Any) -> None:
        """Build on with the next event."""
        line = event.start_mark.line + 1
        if isinstance(event, _DOCUMENT_START):
            self._documents += 1
            if self._documents > 1:
                raise self.reading.wrong("a second document begins", line, "one file holds one document")
        elif isinstance(event, _COLLECTION_END):
            self._close()
        elif isinstance(event, _NODE):
            self._node(event, line)

    def _node(self, event: Any, line: int) -> None:
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None:
            self._key(event, line)
            return
        place = self._next_place(line)
        if isinstance(event, _ALIAS):
            self._add(self._alias(str(event.anchor), place, line))
            return
        self._count(1, line)
        if isinstance(event, _SCALAR):
            value = self._scalar(event, line)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1)
            self._add(value)
        else:
            self._open(event, place, line)

    def _open(self, event: Any, place: Place, line: int) -> None:
        tag = getattr(event, "tag", None)
        if tag not in {None, f"{_TAG}map", f"{_TAG}seq"}:
            raise self.reading.wrong(f"the tag {tag} is not allowed", line, "remove the tag")
        value: dict[str, Any] | list[Any] = {} if isinstance(event, _MAPPING_START) else []
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(value, place, event.anchor, started_at=self._taken))

    def _key(self, event: Any, line: int) -> None:
        top = self._stack[-1]
        if not isinstance(event, _SCALAR):
            raise self.reading.wrong("a key must be plain text", line, "quote it if it begins with { [ & or *")
        key = self.reading.text(event.value, line)
        if key == _MERGE and event.implicit[0]:
            raise self.reading.wrong("merge keys (<<) are not allowed", line, "write the entries out")
        if key in top.value:
            first = self.reading.lines.of((*top.place, key))
            raise self.reading.wrong(f"the key {key!r} stands here for the second time (first on line {first})", line)
        top.key = key
        self.reading.lines.note((*top.place, key), line)

    def _next_place(self, line: int) -> Place:
        if not self._stack:
            self.reading.lines.note((), line)
            return ()
        top = self._stack[-1]
        if isinstance(top.value, list):
            place = (*top.place, len(top.value))
            self.reading.lines.note(place, line)
            return place
        return (*top.place, str(top.key))

    def _add(self, value: Any) -> None:
        if not self._stack:
            self.root = value
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            top.value[str(top.key)] = value
            top.key = None

    def _close(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, self._taken - done.started_at + 1)
        self._add(done.value)

    def _alias(self, anchor: str, place: Place, line: int) -> Any:
        known = self._anchors.get(anchor)
        if known is None:
            what = "refers to itself" if anchor in self._anchors else "has no anchor before it"
            raise self.reading.wrong(f"the alias *{anchor} {what}", line, "write the value out")
        value, size = known
        self._count(size, line)
        for inner, _ in _places(value, ()):
            self.reading.lines.note((*place, *inner), line)
        self._count(0, line, _depth(value))
        return value

    def _count(self, values: int, line: int, inner_depth: int = 0) -> None:
        self._taken += values
        self.reading.count(values, len(self._stack) + inner_depth, line)

    def _scalar(self, event: Any, line: int) -> Any:
        text = self.reading.text(event.value, line)
        if event.tag is not None and event.tag != f"{_TAG}str":
            raise self.reading.wrong(f"the tag {event.tag} is not allowed", line, "remove the tag")
        return self._plain(text, line) if event.tag is None and event.implicit[0] else text

    def _plain(self, text: str, line: int) -> Any:
        if text in _NULL:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _INTEGER.fullmatch(text):
            return self.reading.integer(text, line)
        if _OTHER_BASE.fullmatch(text):
            return self.reading.integer(text[2:], line, 8 if text[1] == "o" else 16)
        if _NOT_FINITE.fullmatch(text):
            raise self.reading.wrong(f"{text} is not a number that can be used", line, "write a finite number")
        return self.reading.number(text, line) if _FLOAT.fullmatch(text) else text


def _places(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    yield place, value
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*place, key))


def _depth(value: Any) -> int:
    return max(len(place) for place, _ in _places(value, ()))
