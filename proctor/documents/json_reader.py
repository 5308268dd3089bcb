"""JSON with the line of every member and element; duplicate members, NaN and infinities are refused."""

import json
import re
from bisect import bisect_right
from typing import Any

from proctor.contracts.places import Place
from proctor.documents.lines import Lines, Reading

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORDS = {"true": True, "false": False, "null": None}


def read_json(text: str, shown: str) -> tuple[Any, Lines]:
    """Read one JSON document. Raises `InvalidDocument`."""
    reader = _Reader(text, Reading(shown))
    value, end = reader.value(reader.skip(0), ())
    if reader.skip(end) != len(text):
        raise reader.wrong("something follows the end of the document", reader.skip(end))
    return value, reader.reading.lines


class _Reader:
    def __init__(self, text: str, reading: Reading) -> None:
        self.text, self.reading = text, reading
        self._breaks = [found.start() for found in re.finditer("\n", text)]

    def line(self, at: int) -> int:
        """Give the 1-based line of an offset."""
        return bisect_right(self._breaks, at - 1) + 1

    def wrong(self, message: str, at: int, hint: str = "check commas, brackets and double quotes near it") -> Exception:
        """Make the error for a mistake at an offset."""
        return self.reading.wrong(f"not JSON: {message}", self.line(at), hint)

    def skip(self, at: int) -> int:
        """Go past white space."""
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def value(self, at: int, place: Place) -> tuple[Any, int]:
        """Read the value at an offset; gives it and the offset after it."""
        self.reading.count(1, len(place), self.line(at))
        first = self.text[at : at + 1]
        if first == "{":
            return self._object(at, place)
        if first == "[":
            return self._array(at, place)
        if first == '"':
            return self._string(at)
        return self._word_or_number(at)

    def _object(self, start: int, place: Place) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        at = self.skip(start + 1)
        if self.text[at : at + 1] == "}":
            return found, at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise self.wrong("a name in double quotes is expected", at)
            key, after = self._string(at)
            if key in found:
                first = self.reading.lines.of((*place, key))
                raise self.wrong(f"the name {key!r} stands here for the second time (first on line {first})", at, "")
            self.reading.lines.note((*place, key), self.line(at))
            after = self.skip(after)
            if self.text[after : after + 1] != ":":
                raise self.wrong("a colon is expected", after)
            found[key], at = self.value(self.skip(after + 1), (*place, key))
            at, is_over = self._next(at, "}")
            if is_over:
                return found, at

    def _array(self, start: int, place: Place) -> tuple[list[Any], int]:
        found: list[Any] = []
        at = self.skip(start + 1)
        if self.text[at : at + 1] == "]":
            return found, at + 1
        while True:
            inner = (*place, len(found))
            self.reading.lines.note(inner, self.line(at))
            item, at = self.value(at, inner)
            found.append(item)
            at, is_over = self._next(at, "]")
            if is_over:
                return found, at

    def _next(self, at: int, closing: str) -> tuple[int, bool]:
        at = self.skip(at)
        mark = self.text[at : at + 1]
        if mark == closing:
            return at + 1, True
        if mark != ",":
            raise self.wrong(f"a comma or {closing} is expected", at)
        return self.skip(at + 1), False

    def _string(self, at: int) -> tuple[str, int]:
        found = _STRING.match(self.text, at)
        if found is None:
            raise self.wrong("a text is not closed on its line", at)
        try:
            value: str = json.loads(found[0])
        except ValueError as error:
            raise self.wrong("an escape in this text is not valid", at) from error
        return self.reading.text(value, self.line(at)), found.end()

    def _word_or_number(self, at: int) -> tuple[Any, int]:
        for word, value in _WORDS.items():
            if self.text.startswith(word, at):
                return value, at + len(word)
        found = _NUMBER.match(self.text, at)
        if found is None:
            raise self.wrong("a value is expected", at)
        if found[1] is None and found[2] is None:
            return self.reading.integer(found[0], self.line(at)), found.end()
        return self.reading.number(found[0], self.line(at)), found.end()
