"""Durations as people write them."""

import re
from datetime import timedelta

from proctor.contracts.errors import InvalidInput

LONGEST_LOOK_BACK = timedelta(days=3660)

_DURATION = re.compile(r"([0-9]{1,6})\s*([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds_of(text: str) -> int | None:
    """Read a duration such as `90s`, `30m`, `24h`, `7d`, `2w`; None when it is none, or is nothing."""
    found = _DURATION.fullmatch(text.strip())
    return int(found[1]) * _SECONDS[found[2]] or None if found else None


def looked_back(text: str) -> int:
    """Read how far to look back, in seconds. Raises `InvalidInput`."""
    seconds = seconds_of(text)
    if seconds is None or seconds > LONGEST_LOOK_BACK.total_seconds():
        raise InvalidInput(f"{text!r} is not a time to look back", hint="write 30d, 24h or 90m")
    return seconds
