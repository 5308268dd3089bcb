"""Regular expressions of JSON Schema as automata, as far as they are plain: Glushkov's construction (1961).

Known are characters, escapes, classes, groups, `|`, `* + ? {m,n}`, and `^ $` around the whole. Whatever else an
expression uses makes it unknown, never misread.
"""

from collections.abc import Sequence
from functools import lru_cache
from string import ascii_letters, digits
from typing import Final, NamedTuple

_MAX_POSITIONS: Final = 3000
_CLASSES: Final = {"d": digits, "w": ascii_letters + digits + "_", "s": " \t\n\r\f\v"}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_SPECIAL: Final = frozenset("^$*+?{}()|[]\\.")


class _Chars(NamedTuple):
    """The characters that fit at one position: these, or all but these."""

    chars: frozenset[str]
    is_negated: bool = False

    def has(self, char: str) -> bool:
        return (char in self.chars) is not self.is_negated


class _Part(NamedTuple):
    """A part of an expression, over positions that are bits."""

    is_empty: bool
    first: int
    last: int


class Expression:
    """Accepts the texts that an expression finds something in, as `pattern` does."""

    def __init__(self, positions: Sequence[_Chars], follow: Sequence[int], whole: _Part) -> None:
        """Take what `read_expression` made."""
        self._positions, self._follow = positions, follow
        self._whole = whole
        self._accepting = whole.last
        self.start = 1 << len(positions)
        self.alphabet = frozenset(one.chars for one in positions)

    def step(self, state: int, char: str) -> int:
        """Go to the positions that may come next and that the character fits."""
        reached = self._whole.first if state == self.start else 0
        if state != self.start:
            for at in _bits(state):
                reached |= self._follow[at]
        return sum(1 << at for at in _bits(reached) if self._positions[at].has(char))

    def accepts(self, state: int) -> bool:
        """Whether the text may end here."""
        return self._whole.is_empty if state == self.start else bool(state & self._accepting)


@lru_cache(maxsize=512)
def read_expression(text: str) -> Expression | None:
    """Read an expression; None when it uses something that is not known here."""
    try:
        return _Reader(text).expression()
    except (ValueError, IndexError):
        return None


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        is_open_left, is_open_right = not text.startswith("^"), not text.endswith("$") or text.endswith("\\$")
        self._text = text[0 if is_open_left else 1 : len(text) if is_open_right else -1]
        if not (is_open_left and is_open_right) and _has_bare_bar(self._text):
            raise ValueError("an anchor would bind one alternative only")
        self._open = is_open_left, is_open_right
        self._at = 0
        self._positions: list[_Chars] = []
        self._follow: list[int] = []

    def expression(self) -> Expression:
        anything = _Chars(frozenset(), is_negated=True)
        before = self._repeated(self._position(anything)) if self._open[0] else _Part(True, 0, 0)
        inner = self._alternatives()
        if self._at < len(self._text):
            raise ValueError("something is left over")
        whole = self._joined(before, inner)
        if self._open[1]:
            whole = self._joined(whole, self._repeated(self._position(anything)))
        return Expression(self._positions, self._follow, whole)

    def _alternatives(self) -> _Part:
        part = self._sequence()
        while self._peek() == "|":
            self._at += 1
            other = self._sequence()
            part = _Part(part.is_empty or other.is_empty, part.first | other.first, part.last | other.last)
        return part

    def _sequence(self) -> _Part:
        part = _Part(True, 0, 0)
        while self._peek() not in {"", "|", ")"}:
            part = self._joined(part, self._quantified())
        return part

    def _quantified(self) -> _Part:
        begin = self._at
        copies = [self._atom()]
        least, most = self._counts()
        after = self._at
        if self._peek() in {"?", "+"} and after > begin and (least, most) != (1, 1):
            raise ValueError("lazy or possessive")
        for _ in range((max(least, 1) if most is None else most) - 1):
            self._at = begin
            copies.append(self._atom())
        self._at = after
        return self._counted(copies, least, most)

    def _counted(self, copies: list[_Part], least: int, most: int | None) -> _Part:
        whole = _Part(True, 0, 0)
        if most is None:
            self._repeated(copies[-1])
        for n, copy in enumerate(copies if most != 0 else (), 1):
            whole = self._joined(whole, copy._replace(is_empty=copy.is_empty or n > least))
        return whole

    def _counts(self) -> tuple[int, int | None]:
        char = self._peek()
        if char in {"*", "+", "?"}:
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if char != "{":
            return 1, 1
        end = self._text.index("}", self._at)
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        self._at = end + 1
        return int(low), (int(high) if high else None) if comma else int(low)

    def _atom(self) -> _Part:
        char = self._text[self._at]
        self._at += 1
        if char == "(":
            return self._group()
        if char == "[":
            return self._position(self._class())
        if char == "\\":
            return self._position(_Chars(*self._escape()))
        if char == ".":
            return self._position(_Chars(frozenset("\n\r"), is_negated=True))
        if char in _SPECIAL:
            raise ValueError("not known here")
        return self._position(_Chars(frozenset(char)))

    def _group(self) -> _Part:
        if self._peek() == "?":
            if self._text[self._at : self._at + 2] != "?:":
                raise ValueError("a group that looks around or has a name")
            self._at += 2
        part = self._alternatives()
        if self._peek() != ")":
            raise ValueError("a group does not end")
        self._at += 1
        return part

    def _escape(self) -> tuple[frozenset[str], bool]:
        char = self._text[self._at]
        self._at += 1
        if char.lower() in _CLASSES:
            return frozenset(_CLASSES[char.lower()]), char.isupper()
        if char in _CONTROLS:
            return frozenset(_CONTROLS[char]), False
        if char.isalnum():
            raise ValueError("not known here")
        return frozenset(char), False

    def _class(self) -> _Chars:
        is_negated = self._peek() == "^"
        self._at += is_negated
        chars: set[str] = set()
        while self._peek() != "]":
            low = self._class_member()
            if len(low) == 1 and self._peek() == "-" and self._text[self._at + 1] != "]":
                self._at += 1
                high = self._class_member()
                chars |= {chr(code) for code in range(ord(*low), ord(*high) + 1)}
            else:
                chars |= low
        self._at += 1
        return _Chars(frozenset(chars), is_negated)

    def _class_member(self) -> frozenset[str]:
        char = self._text[self._at]
        self._at += 1
        if char != "\\":
            return frozenset(char)
        chars, is_negated = self._escape()
        if is_negated:
            raise ValueError("not known here")
        return chars

    def _position(self, chars: _Chars) -> _Part:
        if len(self._positions) >= _MAX_POSITIONS:
            raise ValueError("too long")
        bit = 1 << len(self._positions)
        self._positions.append(chars)
        self._follow.append(0)
        return _Part(False, bit, bit)

    def _joined(self, one: _Part, other: _Part) -> _Part:
        for at in _bits(one.last):
            self._follow[at] |= other.first
        return _Part(
            one.is_empty and other.is_empty,
            one.first | (other.first if one.is_empty else 0),
            other.last | (one.last if other.is_empty else 0),
        )

    def _repeated(self, part: _Part) -> _Part:
        for at in _bits(part.last):
            self._follow[at] |= part.first
        return _Part(True, part.first, part.last)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]


def _has_bare_bar(text: str) -> bool:
    depth = 0
    for before, char in zip(" " + text, text, strict=False):
        depth += {"(": 1, ")": -1}.get(char, 0) if before != "\\" else 0
        if char == "|" and depth == 0 and before != "\\":
            return True
    return False
