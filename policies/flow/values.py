"""Typed tokens: what a text is made of, normalised by type and compared whole.

`www.good.example` is not part of `www.good.example.evil.example`, 13 is not part of 13:00, and `EUR 1,200.00` is 1200.
Every pattern is anchored on one piece of bounded length, so that the cost is linear in the text.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit


class Kind(StrEnum):
    """Type of a token."""

    WORD = "word"
    EMAIL = "email"
    URL = "url"
    """A URL or a host; `http`, `https` and none are one."""
    ACCOUNT = "account"
    """An IBAN or what looks like one."""
    PHONE = "phone"
    NUMBER = "number"
    PERCENT = "percent"
    DATE = "date"
    TIME = "time"
    FILE = "file"
    CODE = "code"
    """An identifier: letters or signs mixed with digits. Case matters."""
    SYMBOL = "symbol"


class Token(NamedTuple):
    """A typed part of a text; equal tokens mean the same."""

    kind: Kind
    key: str
    is_name: bool = False
    """For numbers: whether the text presents it as an identifier (`order 7`, `#7`), not as a quantity."""

    @property
    def text(self) -> str:
        """Kind and key in one, for indexes."""
        return f"{self.kind}:{self.key}"

    @property
    def is_link(self) -> bool:
        """Whether a reader may follow it: an address, a link, an account, a telephone or other long number."""
        return self.kind in _LINKS or (self.kind is Kind.NUMBER and len(self.key.partition(".")[0]) >= LONG_NUMBER)


_LINKS: Final = frozenset({Kind.EMAIL, Kind.URL, Kind.ACCOUNT, Kind.PHONE})
LONG_NUMBER: Final = 8
"""So many digits are an account or a telephone rather than an amount."""
_NAME_DIGITS: Final = 5
"""A whole number of so many digits is an identifier, whatever stands before it."""
_MAX_PIECE: Final = 2048
_DESIGNATORS: Final = frozenset(
    "id ids no nr num number order ticket invoice file event case item record transaction account customer user "
    "message document booking reservation request task issue row page version reference ref code".split()
)
_EXTENSIONS: Final = frozenset(
    "pdf txt doc docx odt xls xlsx csv tsv ppt pptx jpg jpeg png gif svg webp json yaml yml xml html htm log ini cfg "
    "toml tar gz bak sql eml ics mp3 mp4 wav avi exe dll bin js ts java cpp tex rtf parquet".split()
)
"""Endings of file names, none of which is a top-level domain."""

_CHUNK: Final = re.compile(r"[^\s<>\"“”„«»`]+")
_PIECE: Final = re.compile(r"[+-]?[$€£¥]?[0-9]{1,3}(?:,[0-9]{3}){1,6}(?:\.[0-9]{1,12})?(?![\w,])|[^,;()\[\]{}|=]+")
_SCHEME: Final = re.compile(r"(?:[a-z][a-z0-9+.-]{1,14}://|(?:mailto|tel|javascript|data|sms):)", re.IGNORECASE)
_HOST: Final = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,20}\.?")
_EMAIL: Final = re.compile(r"[\w.%+'-]{1,64}@[\w.-]{1,253}")
_ACCOUNT: Final = re.compile(r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{8,30}", re.ASCII)
_PHONE: Final = re.compile(r"\+[0-9][0-9()./-]{5,24}|[0-9]{3,4}[-./][0-9]{3,4}[-./][0-9]{3,8}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?[$€£¥]?([0-9]{1,40}(?:\.[0-9]{1,40})?|\.[0-9]{1,40})[$€£¥]?", re.ASCII)
_DATE: Final = re.compile(r"([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2})(?:[T_](.{1,32}))?", re.ASCII)
_TIME: Final = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2})(?:\.0{1,6})?)?(am|pm|Z)?", re.ASCII | re.IGNORECASE)
_GROUP: Final = re.compile(r"[A-Z0-9]{1,4}", re.ASCII)
_IBAN_START: Final = re.compile(r"[A-Z]{2}[0-9]{2}", re.ASCII)
_JOINED_SENTENCE: Final = re.compile(r"(?<=[a-z0-9])\.(?=[A-Z][a-z'’]*$)")
_LEADING: Final = "'*~_¿¡"
_TRAILING: Final = ".,;:!?'*~_…"
_SHORTEST_IBAN, _LONGEST_IBAN = 15, 34


def tokens(text: str, *, is_request: bool = False) -> list[Token]:
    """Split a text into typed tokens, in order.

    `is_request`: the text is trusted, so that a full stop without a space (`example.com.They`) ends a sentence.
    """
    found: list[Token] = []
    for chunk in _CHUNK.findall(unicodedata.normalize("NFC", text).replace("’", "'")):  # noqa: RUF001
        if is_request and _JOINED_SENTENCE.search(chunk):
            for part in _JOINED_SENTENCE.split(chunk, maxsplit=1):
                found.extend(_tokens_of_chunk(part, found))
        else:
            found.extend(_tokens_of_chunk(chunk, found))
    return _with_spaced_accounts(found)


def _tokens_of_chunk(chunk: str, before: list[Token]) -> list[Token]:
    scheme = _SCHEME.search(chunk)
    if scheme is None:
        last = before[-1] if before else None
        made: list[Token] = []
        for piece in _PIECE.findall(chunk):
            for part in _parts(piece):
                made.extend(_typed(part, made[-1] if made else last))
        return made
    made = _tokens_of_chunk(chunk[: scheme.start()], before) if scheme.start() else []
    return [*made, Token(Kind.URL, _url_key(_unwrapped(chunk[scheme.start() :])))]


def _parts(piece: str) -> Iterator[str]:
    """Split at colons, unless they belong to a time or a port."""
    cleaned = piece.lstrip(_LEADING).rstrip(_TRAILING)
    begin, dash, end = cleaned.partition("-")
    if dash and _time(begin) and _time(end):
        yield from (begin, end)
        return
    if ":" not in cleaned or _TIME.fullmatch(cleaned) or _DATE.fullmatch(cleaned) or _is_host_with_port(cleaned):
        yield cleaned or piece
    else:
        for part in cleaned.split(":"):
            if part:
                yield part.lstrip(_LEADING).rstrip(_TRAILING) or part


def _is_host_with_port(piece: str) -> bool:
    host, _, rest = piece.partition(":")
    return bool(_HOST.fullmatch(host)) and rest[:1].isdigit()


def _typed(piece: str, before: Token | None) -> list[Token]:
    if len(piece) > _MAX_PIECE:
        return [Token(Kind.CODE, piece)]
    if not any(char.isalnum() for char in piece):
        return [Token(Kind.SYMBOL, piece)]
    return _dated(piece) or [_numeric(piece, before) or _addressed(piece) or _worded(piece)]


def _dated(piece: str) -> list[Token]:
    date = _DATE.fullmatch(piece)
    if date is None:
        return []
    made = [Token(Kind.DATE, "-".join(date.group(1, 2, 3)))]
    if date.group(4):
        time = _time(date.group(4))
        return [*made, time] if time else []
    return made


def _time(piece: str) -> Token | None:
    time = _TIME.fullmatch(piece)
    if time is None or (time.group(2) is None and (time.group(4) or "z").lower() == "z"):
        return None
    hour, half = int(time.group(1)), (time.group(4) or "").lower()
    hour = hour % 12 + 12 * (half == "pm") if half in {"am", "pm"} else hour
    seconds = f":{time.group(3)}" if time.group(3) not in {None, "00"} else ""
    return Token(Kind.TIME, f"{hour:02}:{time.group(2) or '00'}{seconds}")


def _numeric(piece: str, before: Token | None) -> Token | None:
    if (time := _time(piece)) is not None:
        return time
    is_marked = piece.startswith("#")
    bare = piece.lstrip("#") if is_marked else piece
    if bare.endswith("%") and _NUMBER.fullmatch(bare[:-1]):
        return Token(Kind.PERCENT, number_key(_plain(bare[:-1])) or bare)
    if _NUMBER.fullmatch(bare.replace(",", "")):
        plain = _plain(bare)
        is_name = is_marked or len(plain) >= _NAME_DIGITS or (before is not None and before.key in _DESIGNATORS)
        key = number_key(plain)
        return Token(Kind.NUMBER, key, is_name and plain.isdigit()) if key else None
    if _PHONE.fullmatch(piece):
        return Token(Kind.PHONE, "".join(char for char in piece if char.isdigit()))
    return None


def _plain(text: str) -> str:
    return text.translate(str.maketrans("", "", "$€£¥,+"))


def number_key(value: Any) -> str | None:
    """Normalise a number; None for what is none. 10, 10.0 and 10.00 are one."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 40:  # noqa: PLR2004
        return None
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def _addressed(piece: str) -> Token | None:
    if "@" in piece.strip("@"):
        whole = _EMAIL.fullmatch(piece)
        return Token(Kind.EMAIL, piece.casefold() if whole else piece)
    if _ACCOUNT.fullmatch(piece) and sum(char.isdigit() for char in piece) >= LONG_NUMBER:
        return Token(Kind.ACCOUNT, piece.upper())
    host = piece.partition("/")[0].partition("?")[0].partition("#")[0].partition(":")[0]
    if _HOST.fullmatch(host) and _is_domain(host) and not _is_file(piece):
        return Token(Kind.URL, _url_key(piece))
    return None


def _is_domain(host: str) -> bool:
    labels = host.rstrip(".").split(".")
    if all(label.isdigit() for label in labels):
        return len(labels) == 4  # noqa: PLR2004 - an IPv4 address
    return len(labels[-1]) > 1 and not labels[-1].isdigit() and any(len(label) > 1 for label in labels[:-1])


def _is_file(piece: str) -> bool:
    if piece.lower().startswith("www."):
        return False
    stem, _, extension = piece.rpartition(".")
    return bool(stem) and extension.lower() in _EXTENSIONS and "?" not in stem and "#" not in stem


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
    if not host or "@" in parts.netloc or "\\" in written or (has_scheme and parts.scheme not in {"http", "https"}):
        return written
    path = "" if parts.path == "/" else parts.path
    query, fragment = f"?{parts.query}" if parts.query else "", f"#{parts.fragment}" if parts.fragment else ""
    return f"{host}{'' if port in {None, 80, 443} else f':{port}'}{path}{query}{fragment}"


def _unwrapped(url: str) -> str:
    """Take off the punctuation of the sentence around a URL."""
    url = url.rstrip(_TRAILING)
    for opening, closing in ("()", "[]", "{}"):
        if url.endswith(closing) and url.count(opening) < url.count(closing):
            url = url[:-1].rstrip(_TRAILING)
    return url


def _with_spaced_accounts(found: list[Token]) -> list[Token]:
    """Join an account number that is written in groups of four."""
    made: list[Token] = []
    at = 0
    while at < len(found):
        width, account = _spaced_account(found, at)
        made.append(Token(Kind.ACCOUNT, account) if width else found[at])
        at += width or 1
    return made


def _spaced_account(found: list[Token], at: int) -> tuple[int, str]:
    if found[at].kind is not Kind.CODE or not _IBAN_START.fullmatch(found[at].key):
        return 0, ""
    account, width = found[at].key, 1
    while at + width < len(found) and len(account) % 4 == 0 and len(account) < _LONGEST_IBAN:
        group = found[at + width]
        text = group.key.upper()
        if group.kind not in {Kind.CODE, Kind.NUMBER, Kind.WORD} or not _GROUP.fullmatch(text):
            break
        account, width = account + text, width + 1
    return (width, account) if _SHORTEST_IBAN <= len(account) <= _LONGEST_IBAN else (0, "")


def leaves(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Walk over what a JSON value holds, with its path; keys are not values. Without recursion, whatever the depth."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, dict):
            pending.extend(((*path, str(key)), inner) for key, inner in reversed(item.items()))
        elif isinstance(item, list | tuple):
            pending.extend(((*path, index), inner) for index, inner in reversed(list(enumerate(item))))
        else:
            yield path, item


def keys(value: Any) -> Iterator[str]:
    """Walk over all keys of the objects in a JSON value."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield from map(str, item)
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
