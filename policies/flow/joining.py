"""Joining tokens that are written apart and mean one thing: accounts and cards, dates in words, times with am or pm."""

import re
from collections.abc import Callable
from typing import Final

from policies.flow.values import Kind, Token

_GROUP: Final = re.compile(r"[A-Z0-9]{1,4}", re.ASCII)
_IBAN_START: Final = re.compile(r"[A-Z]{2}[0-9]{2}", re.ASCII)
_GROUPED: Final = frozenset({Kind.CODE, Kind.NUMBER, Kind.WORD})
_ORDINAL: Final = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?", re.ASCII)
_YEAR: Final = re.compile(r"[12][0-9]{3}", re.ASCII)
_SHORTEST_IBAN, _LONGEST_IBAN = 15, 34
SHORTEST_CARD: Final = 12
"""Digits of the shortest payment card."""
_CARDS: Final = ((4, 4, 4, 4), (4, 6, 5))
"""How the digits of a payment card are grouped."""
_LAST_DAY, _NOON = 31, 12
_NAMES: Final = "january february march april may june july august september october november december".split()  # noqa: SIM905
_MONTHS: Final = {name: n for n, month in enumerate(_NAMES, start=1) for name in (month, month[:3])}

Joined = tuple[int, Token] | None
"""How many tokens become one, and which."""


def with_joined(found: list[Token]) -> list[Token]:
    """Replace tokens that belong together by the one that they mean."""
    ways: tuple[Callable[[list[Token], int], Joined], ...] = (_account, _card, _date, _time)
    made: list[Token] = []
    at = 0
    while at < len(found):
        if found[at].kind is Kind.WORD and found[at].key not in _MONTHS:
            made.append(found[at])  # The other ways begin with a digit; most of a text is words.
            at += 1
            continue
        joined = next(filter(None, (way(found, at) for way in ways)), None)
        width, token = joined or (1, found[at])
        made.append(token)
        at += width
    return made


def _account(found: list[Token], at: int) -> Joined:
    """`GB29 NWBK 6016 1331 9268 19`."""
    if found[at].kind is not Kind.CODE or not _IBAN_START.fullmatch(found[at].key):
        return None
    account, width = found[at].key, 1
    while at + width < len(found) and len(account) % 4 == 0 and len(account) < _LONGEST_IBAN:
        group = found[at + width]
        text = group.key.upper()
        if group.kind not in _GROUPED or not _GROUP.fullmatch(text):
            break
        account, width = account + text, width + 1
    return (width, Token(Kind.ACCOUNT, account)) if _SHORTEST_IBAN <= len(account) <= _LONGEST_IBAN else None


def _card(found: list[Token], at: int) -> Joined:
    """`4237 4252 7456 2574`."""
    for groups in _CARDS:
        keys = [token.key for token in found[at : at + len(groups)]]
        if tuple(map(len, keys)) == groups and all(key.isdecimal() for key in keys):
            return len(groups), Token(Kind.ACCOUNT, "".join(keys))
    return None


def _date(found: list[Token], at: int) -> Joined:
    """`May 15th, 2024`, `15 May 2024`, `May 15`; without a year the key is `--05-15`."""
    keys = [token.key for token in found[at : at + 3]]
    for month_at, day_at in ((0, 1), (1, 0)):
        if len(keys) > 1 and keys[month_at] in _MONTHS and (day := _ORDINAL.fullmatch(keys[day_at])):
            if not 1 <= int(day.group(1)) <= _LAST_DAY:
                return None
            has_year = len(keys) > 2 and bool(_YEAR.fullmatch(keys[2]))  # noqa: PLR2004
            year = keys[2] if has_year else "-"
            token = Token(Kind.DATE, f"{year}-{_MONTHS[keys[month_at]]:02}-{int(day.group(1)):02}")
            return (3 if has_year else 2, token)
    return None


def _time(found: list[Token], at: int) -> Joined:
    """`10 AM`, `2:30 pm`."""
    if at + 1 >= len(found) or found[at + 1].key not in {"am", "pm", "a.m", "p.m"}:
        return None
    hour, colon, minutes = found[at].key.partition(":")
    if found[at].kind not in {Kind.NUMBER, Kind.TIME} or not hour.isdigit() or not 1 <= int(hour) <= _NOON:
        return None
    afternoon = _NOON if found[at + 1].key.startswith("p") else 0
    return 2, Token(Kind.TIME, f"{int(hour) % _NOON + afternoon:02}:{minutes if colon else '00'}")
