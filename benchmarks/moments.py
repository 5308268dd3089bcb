"""When tools really ran: each call appends a line to a file, the same way on both sides."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Moment:
    """One line of the file."""

    what: str
    """called, stopped, done or undone"""
    key: str
    at_s: float
    """Seconds since the epoch."""


class MomentLog:
    """Appends moments; one write per line, so that several processes may share the file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, what: str, key: str) -> None:
        """Write down that something happens now."""
        os.write(self._file, f"{what} {key} {time.time():.6f}\n".encode())


def read_moments(path: Path, prefix: str = "") -> list[Moment]:
    """Read the moments whose key begins with `prefix`, in the order in which they were written."""
    return [moment for moment in _parse(path) if moment.key.startswith(prefix)]


def _parse(path: Path) -> Iterator[Moment]:
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            what, key, at = line.split(" ")
            yield Moment(what, key, float(at))
