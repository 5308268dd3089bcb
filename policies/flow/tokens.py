"""Splitting texts into typed tokens that are normalised by type and compared whole.

`www.good.example` is not part of `www.good.example.evil.example`, 13 is not part of 13:00, and `EUR 1,200.00` is 1200.
Every pattern has bounded repetition only, and looks at one piece of a text at a time: the cost is linear in the text.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from policies.flow.joining import SHORTEST_CARD, with_joined
from policies.flow.values import LONG_NUMBER, Kind, Token, number_key, time_of

_NAME_DIGITS: Final = 5
"""A whole number of so many digits is an identifier, whatever stands before it."""
_MAX_PIECE: Final = 2048
_SHORT_TEXT: Final = 8192
_PARTS_OF_ADDRESS: Final = 4
_WEB_PORTS: Final = frozenset({None, 80, 443})
_SAID_BEFORE_IDENTIFIERS: Final = (
    "id ids no nr num number order ticket invoice file event case item record transaction account customer user "
    "message document booking reservation request task issue row page version reference ref code"
)
_DESIGNATORS: Final = frozenset(_SAID_BEFORE_IDENTIFIERS.split())
_ENDINGS: Final = (
    "pdf txt doc docx odt xls xlsx csv tsv ppt pptx jpg jpeg png gif svg webp json yaml yml xml html htm log ini cfg "
    "toml tar gz bak sql eml ics mp3 mp4 wav avi exe dll bin js ts java cpp tex rtf parquet"
)
_EXTENSIONS: Final = frozenset(_ENDINGS.split())
"""Endings of file names, none of which is a top-level domain."""

_CHUNK: Final = re.compile(r"[^\s<>\"“”„«»`]+")
_PIECE: Final = re.compile(r"[+-]?[$€£¥]?[0-9]{1,3}(?:,[0-9]{3}){1,6}(?:\.[0-9]{1,12})?(?![\w,])|[^,;()\[\]{}|=]+")
_SCHEME: Final = re.compile(r"(?:[a-z][a-z0-9+.-]{1,14}://|(?:mailto|tel|javascript|data|sms):)", re.IGNORECASE)
_HOST: Final = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,20}\.?")
_EMAIL: Final = re.compile(r"[\w.%+'-]{1,64}@[\w.-]{1,253}")
_ACCOUNT: Final = re.compile(r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{8,30}", re.ASCII)
_GROUPED_ACCOUNT: Final = re.compile(r"[0-9]{2,6}(?:-[0-9]{2,6}){1,6}", re.ASCII)
_PHONE: Final = re.compile(r"\+[0-9][0-9()./-]{5,24}|[0-9]{3,4}[-./][0-9]{3,4}[-./][0-9]{3,8}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?[$€£¥]?([0-9]{1,40}(?:\.[0-9]{1,40})?|\.[0-9]{1,40})[$€£¥]?", re.ASCII)
_DATE: Final = re.compile(r"([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2})(?:[T_](.{1,32}))?", re.ASCII)
_JOINED_SENTENCE: Final = re.compile(r"(?<=[a-z0-9])\.(?=[A-Z][a-z']{0,40}$)")
_NOISE: Final = str.maketrans("", "", "$€£¥,+")
_LEADING: Final = "'*~_¿¡"
_TRAILING: Final = ".,;:!?'*~_…"


def tokens(text: str, *, is_request: bool = False) -> list[Token]:
    """Split a text into typed tokens, in order.

    `is_request`: the text is trusted, so that a full stop without a space (`example.com.They`) ends a sentence.
    """
    return list((_tokens_of_short if len(text) <= _SHORT_TEXT else _tokens)(text, is_request=is_request))


def _tokens(text: str, *, is_request: bool) -> tuple[Token, ...]:
    found: list[Token] = []
    for chunk in _CHUNK.findall(unicodedata.normalize("NFC", text).replace("’", "'")):  # noqa: RUF001 - meant
        for part in _JOINED_SENTENCE.split(chunk, maxsplit=1) if is_request else (chunk,):
            found.extend(_of_chunk(part, found[-1] if found else None))
    return tuple(with_joined(found))


_tokens_of_short = lru_cache(maxsize=128)(_tokens)
"""A result is split twice in a row: for the index of what was read, and for the slots of a declared plan."""


def _of_chunk(chunk: str, before: Token | None) -> list[Token]:
    scheme = _SCHEME.search(chunk)
    words = chunk if scheme is None else chunk[: scheme.start()]
    made: list[Token] = []
    for piece in _PIECE.findall(words):
        for part in _parts(piece):
            last = made[-1] if made else before
            made.extend(_typed(part, is_told=last is not None and last.key in _DESIGNATORS))
    return made if scheme is None else [*made, Token(Kind.URL, _url_key(_unwrapped(chunk[scheme.start() :])))]


def _parts(piece: str) -> Iterator[str]:
    """Split a range of times, and at colons unless they belong to a time or a port."""
    cleaned = piece.lstrip(_LEADING).rstrip(_TRAILING)
    begin, dash, end = cleaned.partition("-")
    if dash and time_of(begin) and time_of(end):
        yield from (begin, end)
    elif ":" not in cleaned or time_of(cleaned) or _DATE.fullmatch(cleaned) or _is_host_with_port(cleaned):
        yield cleaned or piece
    else:
        yield from (part.lstrip(_LEADING).rstrip(_TRAILING) or part for part in cleaned.split(":") if part)


def _is_host_with_port(piece: str) -> bool:
    host, _, rest = piece.partition(":")
    return bool(_HOST.fullmatch(host)) and rest[:1].isdigit()


def _typed(piece: str, *, is_told: bool) -> tuple[Token, ...]:
    return _typed_short(piece, is_told=is_told) if len(piece) <= _MAX_PIECE else (Token(Kind.CODE, piece),)


@lru_cache(maxsize=32_768)
def _typed_short(piece: str, *, is_told: bool) -> tuple[Token, ...]:
    if not any(char.isalnum() for char in piece):
        return (Token(Kind.SYMBOL, piece),)
    return _dated(piece) or (_numeric(piece, is_told=is_told) or _addressed(piece) or _worded(piece),)


def _dated(piece: str) -> tuple[Token, ...]:
    date = _DATE.fullmatch(piece)
    if date is None:
        return ()
    day = Token(Kind.DATE, "-".join(date.group(1, 2, 3)))
    if not date.group(4):
        return (day,)
    time = time_of(date.group(4))
    return (day, Token(Kind.TIME, time)) if time else ()


def _numeric(piece: str, *, is_told: bool) -> Token | None:
    if time := time_of(piece):
        return Token(Kind.TIME, time)
    bare = piece.lstrip("#")
    if bare.endswith("%") and _NUMBER.fullmatch(bare[:-1]):
        return Token(Kind.PERCENT, number_key(bare[:-1].translate(_NOISE)) or bare)
    if not _NUMBER.fullmatch(bare.replace(",", "")):
        return _grouped(piece)
    plain = bare.translate(_NOISE)
    if plain.isdigit() and plain.startswith("0") and len(plain) > 1:
        return Token(Kind.CODE, plain)  # Leading zeros count in identifiers, and amounts have none.
    is_name = plain.isdigit() and (is_told or bare != piece or len(plain) >= _NAME_DIGITS)
    key = number_key(plain)
    return Token(Kind.NUMBER, key, is_name) if key else None


def _grouped(piece: str) -> Token | None:
    digits = "".join(char for char in piece if char.isdigit())
    if _GROUPED_ACCOUNT.fullmatch(piece) and len(digits) >= SHORTEST_CARD:
        return Token(Kind.ACCOUNT, digits)
    return Token(Kind.PHONE, digits) if _PHONE.fullmatch(piece) else None


def _addressed(piece: str) -> Token | None:
    if "@" in piece.strip("@"):
        return Token(Kind.EMAIL, piece.casefold() if _EMAIL.fullmatch(piece) else piece)
    if _ACCOUNT.fullmatch(piece) and sum(char.isdigit() for char in piece) >= LONG_NUMBER:
        return Token(Kind.ACCOUNT, piece.upper())
    host = re.split(r"[/?#:]", piece, maxsplit=1)[0]
    if _HOST.fullmatch(host) and _is_domain(host) and not _is_file(piece):
        return Token(Kind.URL, _url_key(piece))
    return None


def _is_domain(host: str) -> bool:
    labels = host.rstrip(".").split(".")
    if all(label.isdigit() for label in labels):
        return len(labels) == _PARTS_OF_ADDRESS
    return len(labels[-1]) > 1 and not labels[-1].isdigit()


def _is_file(piece: str) -> bool:
    stem, _, extension = piece.rpartition(".")
    is_named = bool(stem) and extension.lower() in _EXTENSIONS and "?" not in stem and "#" not in stem
    return is_named and not piece.lower().startswith("www.")


def _worded(piece: str) -> Token:
    if _is_file(piece):
        return Token(Kind.FILE, piece)
    if any(char.isdigit() for char in piece):
        return Token(Kind.CODE, piece)
    word = piece.lstrip("@#") or piece
    return Token(Kind.WORD, word.removesuffix("'s").casefold())


def _url_key(written: str) -> str:
    """Normalise scheme, host and an empty path; everything else is compared as it stands."""
    has_scheme = "://" in written
    try:
        parts = urlsplit(written if has_scheme else f"//{written}")
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError:
        return written
    if not host or "@" in parts.netloc or (has_scheme and parts.scheme not in {"http", "https"}):
        return written
    path = "" if parts.path == "/" else parts.path
    query, fragment = f"?{parts.query}" if parts.query else "", f"#{parts.fragment}" if parts.fragment else ""
    return f"{host}{'' if port in _WEB_PORTS else f':{port}'}{path}{query}{fragment}"


def _unwrapped(url: str) -> str:
    """Take off the punctuation of the sentence around a URL."""
    url = url.rstrip(_TRAILING)
    for opening, closing in ("()", "[]", "{}"):
        if url.endswith(closing) and url.count(opening) < url.count(closing):
            url = url[:-1].rstrip(_TRAILING)
    return url
