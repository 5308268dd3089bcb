"""Typed values: the tokens that texts are made of, and walking through JSON."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, NamedTuple


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
    """`2024-05-15`, or `--05-15` where no year is given."""
    TIME = "time"
    FILE = "file"
    CODE = "code"
    """An identifier: letters or signs mixed with digits. Case matters."""
    SYMBOL = "symbol"


_LINKS: Final = frozenset({Kind.EMAIL, Kind.URL, Kind.ACCOUNT, Kind.PHONE})
LONG_NUMBER: Final = 8
"""So many digits are an account or a telephone rather than an amount."""
_LARGEST_EXPONENT: Final = 40
_TIME: Final = re.compile(
    r"([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2})(?:\.0{1,6})?)?(am|pm|Z)?", re.ASCII | re.IGNORECASE
)
_HALF_DAY: Final = 12


class Token(NamedTuple):
    """A typed part of a text; equal `text` means the same."""

    kind: Kind
    key: str
    is_name: bool = False
    """For numbers: whether they are presented as an identifier (`order 7`, `#7`), not as a quantity."""

    @property
    def text(self) -> str:
        """Kind and key in one, for indexes."""
        return f"{self.kind}:{self.key}"

    @property
    def is_link(self) -> bool:
        """Whether a reader may follow it: an address, a link, an account, a telephone or other long number."""
        return self.kind in _LINKS or (self.kind is Kind.NUMBER and len(self.key.partition(".")[0]) >= LONG_NUMBER)


def number_key(value: Any) -> str | None:
    """Normalise a number; None for what is none. 10, 10.0 and 10.00 are one."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        return None
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def time_of(piece: str) -> str | None:
    """Normalise a time of day to `HH:MM` or `HH:MM:SS`; None for what is none. A bare `10` is a number."""
    time = _TIME.fullmatch(piece)
    if time is None:
        return None
    half = (time.group(4) or "").lower()
    if time.group(2) is None and half not in {"am", "pm"}:
        return None
    hour = int(time.group(1))
    hour = hour % _HALF_DAY + _HALF_DAY * (half == "pm") if half in {"am", "pm"} else hour
    seconds = f":{time.group(3)}" if time.group(3) not in {None, "00"} else ""
    return f"{hour:02}:{time.group(2) or '00'}{seconds}"


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
