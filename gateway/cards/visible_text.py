"""Text from runs as a person must see it: what steers, hides or imitates is shown as its code, with what it is.

Codes stand in brackets `⟦…⟧` that no value can write: brackets of a value become codes themselves. So whatever stands
in them was written here, and nothing in a value can imitate the structure of a card.
"""

import hashlib
import re
import unicodedata
from typing import Final

from pydantic import Field

from policies.texts import SHORT, flaw_of
from proctor.contracts.base import Contract

OPEN, CLOSE, BREAK = "⟦", "⟧", "⏎"
HEAD, TAIL = 700, 300
"""So many characters of a long text are shown from its beginning, and from its end."""
_MOST_MARKS: Final = 12
_MOST_SPACES, _MOST_BREAKS = 16, 3
_LONGEST_WORD: Final = 256
"""Words are judged in pieces of so many characters, so that what is judged stays small."""
_STEERING_CATEGORIES: Final = {
    "Cc": "control character",
    "Cf": "invisible character",
    "Co": "private character",
    "Cs": "half of a character",
}
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\u180b-\u180f\U000e0000-\U000e01ef]")
"""Tags and variation selectors: they carry hidden text."""
_LOOKED_THROUGH: Final = 50_000
_ODD: Final = re.compile(r"[^\n -~]")
_SPACE: Final = re.compile(r"([ \n]+)")
_WORD: Final = re.compile(r"[^\W_]{1,256}")
_ADDRESS: Final = re.compile(r"\S@\S|://|[^\W_]\.[^\W\d_]{2,}")
_HOST: Final = re.compile(
    r"(?:[^\s/@:]*@|[a-zA-Z][\w+.-]*://)?(?:[^\s/@]*@)?([^\s/@:?#\"'<>(),;]+\.[^\s/@:?#\"'<>(),;]+)"
)
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_EMPTY: Final = frozenset("\u2800\u3164\u115f\u1160\u034f\u17b4\u17b5\uffa0")
"""Empty to the eye, although Unicode counts them as letters or symbols."""


class Mark(Contract):
    """Something in a text that a reader would have missed or taken for something else."""

    code: str
    what: str


class LeftOut(Contract):
    """What a card does not show of a value; the page shows all of it."""

    count: int
    of: str = "characters"
    sha256: str


class Shown(Contract):
    """A text that is safe to show: no character in it steers, hides or turns what stands beside it."""

    lines: tuple[str, ...]
    """Lines of the value; each but the last ends with `⏎`. A renderer sets every one of them off as part of it."""
    marks: tuple[Mark, ...] = ()
    left_out: LeftOut | None = Field(default=None)

    @property
    def text(self) -> str:
        """All of it in one line."""
        return "".join(self.lines)


def show(text: str, *, whole: bool = False, head: int = HEAD, tail: int = TAIL) -> Shown:
    """Make a text visible; a long one is shown from its beginning and to its end, with what is left out between."""
    marks: dict[str, str] = {}
    if whole or len(text) <= head + tail:
        return _shown(_visible(text, marks, at_start=True, at_end=True), marks, None)
    first, middle, last = text[:head], text[head:-tail], text[-tail:]
    left_out = LeftOut(count=len(middle), sha256=sha256_of(middle))
    hidden = _hidden_in(middle)
    shown = _visible(first, marks, at_start=True) + note_of(left_out) + _visible(last, marks, at_end=True)
    for code, what in hidden.items():
        marks.setdefault(code, f"{what} (in what is left out)")
    return _shown(shown, marks, left_out)


def _hidden_in(middle: str) -> dict[str, str]:
    """Name what is odd in a part that is not shown: each character of it, and words near its beginning."""
    found: dict[str, str] = {}
    _visible(middle[:_LOOKED_THROUGH], found)
    for char in sorted(set(_ODD.findall(middle[_LOOKED_THROUGH:]))):
        what = _kind_of(char)
        if what is not None:
            found.setdefault(f"U+{ord(char):04X}", what)
    return found


def line(text: object, limit: int = 200) -> str:
    """Make a short text visible in one line."""
    half = limit // 2
    return show(str(text), head=half, tail=half).text


def note_of(left_out: LeftOut) -> str:
    """Say what is left out."""
    return f"{OPEN}… {left_out.count:,} {left_out.of} left out, SHA-256 {left_out.sha256} …{CLOSE}"


def sha256_of(text: str) -> str:
    """Take the SHA-256 of a text, lone surrogates included."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _shown(text: str, marks: dict[str, str], left_out: LeftOut | None) -> Shown:
    listed = [Mark(code=code, what=what) for code, what in marks.items()]
    if len(listed) > _MOST_MARKS:
        more = len(listed) - _MOST_MARKS
        listed = [*listed[:_MOST_MARKS], Mark(code="…", what=f"and {more} further kinds of such characters")]
    return Shown(lines=tuple(text.split("\n")), marks=tuple(listed), left_out=left_out)


def _visible(text: str, marks: dict[str, str], *, at_start: bool = False, at_end: bool = False) -> str:
    if (
        text.isascii()
        and text.isprintable()
        and not text.startswith(" ")
        and not text.endswith(" ")
        and "  " not in text
    ):
        return _with_hosts(text, marks)
    parts = _SPACE.split(text)
    has_own = any(not word.isascii() and flaw_of(word) is None for word in _WORD.findall(text))
    shown = []
    for n, part in enumerate(parts):
        if n % 2:
            is_edge = (at_start and n == 1 and not parts[0]) or (at_end and n == len(parts) - 2 and not parts[-1])
            shown.append(_spaces(part, is_edge=is_edge))
        else:
            shown.append(_part(part, marks, has_own=has_own))
    return "".join(shown)


def _with_hosts(text: str, marks: dict[str, str]) -> str:
    if "xn--" in text.lower():
        for part in text.split():
            _mark_host(part, marks)
    return text


def _spaces(part: str, *, is_edge: bool) -> str:
    breaks, spaces = part.count("\n"), part.count(" ")
    if breaks > _MOST_BREAKS or spaces > _MOST_SPACES or (is_edge and spaces):
        named = [
            f"{count} {what}{'s' * (count > 1)}" for count, what in ((breaks, "line break"), (spaces, "space")) if count
        ]
        return f"{OPEN}{' and '.join(named)}{CLOSE}" + ("\n" if breaks else "")
    return part.replace("\n", f"{BREAK}\n")


def _part(part: str, marks: dict[str, str], *, has_own: bool) -> str:
    """Show one piece of text that holds no space and no line break."""
    if part.isascii() and part.isprintable():
        return _with_hosts(part, marks)
    if _ADDRESS.search(part) and any(char.isalnum() and not char.isascii() for char in part):
        _mark_host(part, marks)
        coded = frozenset(char for char in part if not char.isascii())
    else:
        words = {word for word in _WORD.findall(part) if not word.isascii() and _is_forged(word, has_own=has_own)}
        for word in words:
            marks.setdefault(f"word {sha256_of(word)[:6]}", f"a word that {_flaw(word)}")
        coded = frozenset(char for word in words for char in word if not char.isascii())
    return "".join(char if " " < char <= "~" else _char(char, marks, is_coded=char in coded) for char in part)


def _is_forged(word: str, *, has_own: bool) -> bool:
    return flaw_of(word) is not None and not (len(word) <= SHORT and has_own and _flaw(word).endswith("letters only"))


def _flaw(word: str) -> str:
    return flaw_of(word) or ""


def _char(char: str, marks: dict[str, str], *, is_coded: bool) -> str:
    what = _kind_of(char)
    if what is None and is_coded:
        name = unicodedata.name(char, "a letter without a name").lower()
        what = f"{name}: could be taken for another letter"
    if what is None:
        return char
    code = f"U+{ord(char):04X}"
    marks.setdefault(code, what)
    return f"{OPEN}{code}{CLOSE}"


def _kind_of(char: str) -> str | None:
    """Say why a character is always shown as a code; None when it is one that a reader sees."""
    category = unicodedata.category(char)
    if category[0] in "CZ" or char in _EMPTY or _SELECTORS.match(char):
        return _kind_of_hidden(char, category)
    if char in {OPEN, CLOSE, BREAK}:
        return "a sign that only the card itself writes"
    if category[0] in "MPSN" and not char.isascii() and flaw_of(char) is not None:
        return f"{unicodedata.name(char, 'a sign without a name').lower()}: could be taken for another sign"
    return None


def _kind_of_hidden(char: str, category: str) -> str:
    if char in _BIDI:
        return "turns the direction of the text that follows"
    if _SELECTORS.match(char):
        return "an invisible copy of another character, or a variant of the one before"
    if char in _EMPTY or category[0] == "Z":
        return "looks empty and is not a plain space"
    return _STEERING_CATEGORIES.get(category, "not a character")


def _mark_host(part: str, marks: dict[str, str]) -> None:
    """Say how the host of an address is really spelled."""
    found = _HOST.search(part)
    if found is None:
        return
    host = found[1].rstrip(".")
    shown = _escaped(host[:_LONGEST_WORD])
    if "xn--" in host.lower():
        marks.setdefault(shown, f"an address in foreign letters, which stands for {_decoded(host)}")
    elif not host.isascii():
        marks.setdefault(shown, f"an address with letters that are not plain ASCII; it is really {_encoded(host)}")
    else:
        marks.setdefault(f"…@{shown}", "an address with letters that are not plain ASCII before its host")


def _escaped(text: str) -> str:
    """Show everything that is not plain ASCII as its code, without asking why."""
    return "".join(c if " " <= c <= "~" else f"{OPEN}U+{ord(c):04X}{CLOSE}" for c in text)


def _decoded(host: str) -> str:
    try:
        return _escaped(".".join(_label(label) for label in host[:_LONGEST_WORD].lower().split(".")))
    except UnicodeError:
        return "no name at all: it cannot be decoded"


def _label(label: str) -> str:
    return label.removeprefix("xn--").encode().decode("punycode") if label.startswith("xn--") else label


def _encoded(host: str) -> str:
    labels = host[:_LONGEST_WORD].lower().split(".")
    coded = [
        "xn--" + label.encode("punycode", "replace").decode() if not label.isascii() else label for label in labels
    ]
    return _escaped(".".join(coded))
