"""Finds secrets in texts, in every form in which a tool or a library writes them down again."""

import base64
import json
from collections import OrderedDict
from collections.abc import Iterator
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus

from proctor.contracts.canonical import CUT

HIDDEN: Final = "***"
MIN_CHARS: Final = 6
"""A shorter secret cannot be told from other text, so none is used."""
_KEPT: Final = 4096
_LONG_LINE: Final = 16


class SecretForms:
    """The secrets that this process has seen, the newest 4,096 of them."""

    def __init__(self) -> None:
        self._forms: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def add(self, secret: str) -> None:
        """Remember a secret."""
        if secret in self._forms:
            self._forms.move_to_end(secret)
            return
        longest_first = sorted({*_forms_of(secret)}, key=len, reverse=True)
        self._forms[secret] = tuple(longest_first)
        if len(self._forms) > _KEPT:
            self._forms.popitem(last=False)

    def known(self, text: str) -> bool:
        """Whether a text holds one of them."""
        return any(form in text for forms in list(self._forms.values()) for form in forms)

    def hide(self, text: str) -> str:
        """Give the text without them, and without what is left of one that was cut where a text was shortened."""
        every = [form for forms in list(self._forms.values()) for form in forms]
        spans = [span for form in every if form in text for span in _places(form, text)]
        if CUT in text:
            spans += [span for form in every if form[:MIN_CHARS] in text for span in _ends_cut(form, text)]
            spans += [span for form in every if form[-MIN_CHARS:] in text for span in _beginnings_cut(form, text)]
        parts, end = [], 0
        for first, last in _joined(spans):
            parts += [text[end:first], HIDDEN]
            end = last
        return "".join([*parts, text[end:]])

    def __repr__(self) -> str:
        return f"SecretForms({len(self._forms)})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("secrets are not written anywhere")


Span = tuple[int, int]


def _places(form: str, text: str) -> Iterator[Span]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)


def _ends_cut(form: str, text: str) -> Iterator[Span]:
    """Give where a text ends within `form`, so much of it being left that it can be told from other text."""
    for end, _ in _places(CUT, text):
        lengths = range(min(len(form), end), MIN_CHARS - 1, -1)
        left = next((length for length in lengths if text.endswith(form[:length], 0, end)), 0)
        if left:
            yield end - left, end


def _beginnings_cut(form: str, text: str) -> Iterator[Span]:
    """Give where a text begins within `form`, as the last words of a process do."""
    for _, start in _places(CUT, text):
        lengths = range(min(len(form), len(text) - start), MIN_CHARS - 1, -1)
        left = next((length for length in lengths if text.startswith(form[-length:], start)), 0)
        if left:
            yield start, start + left


def _joined(spans: list[Span]) -> list[Span]:
    """Make one of those that overlap: a secret may hold another, or its end be the beginning of the next."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first < joined[-1][1]:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined


def _forms_of(secret: str) -> Iterator[str]:
    for part in _parts(secret):
        yield from _written(part)


def _parts(secret: str) -> Iterator[str]:
    """Give the whole, also in one line, the password of a `user:password`, and each long line of several."""
    yield secret
    yield secret.strip()
    yield " ".join(secret.split())
    password = secret.partition(":")[2]
    if len(password) >= MIN_CHARS:
        yield password
    yield from (line for line in secret.splitlines() if len(line) >= _LONG_LINE)


def _written(part: str) -> Iterator[str]:
    yield part
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(part))[3:-3]
    yield repr(part)[1:-1]
    yield escape(part)
    for encoded in (quote(part, safe=""), quote(part), quote_plus(part)):
        yield encoded
        yield _lower_escapes(encoded)
    for encoded in (hexed := part.encode("utf-8", "surrogatepass").hex(), hexed.upper()):
        yield encoded
    yield from _base64(part.encode("utf-8", "surrogatepass"))


def _lower_escapes(encoded: str) -> str:
    head, *rest = encoded.split("%")
    return head + "".join(f"%{piece[:2].lower()}{piece[2:]}" for piece in rest)


def _base64(secret: bytes) -> Iterator[str]:
    """Give what a base64 text holds of the secret at each of the three offsets at which it may begin in there."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret).decode().rstrip("=")
        first = (0, 2, 3)[offset]
        last = len(encoded) if (offset + len(secret)) % 3 == 0 else len(encoded) - 1
        inner = encoded[first:last]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
