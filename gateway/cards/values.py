"""Arguments laid out for a person: one row per value, with the path to it; nothing is nested and nothing is hidden."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from gateway.cards.visible_text import CLOSE, OPEN, LeftOut, Shown, line, note_of, show
from proctor.contracts.base import Contract
from proctor.contracts.canonical import digest_json
from proctor.contracts.errors import InvalidInput
from proctor.contracts.ids import Digest

FIRST_ROWS, LAST_ROWS, MARKED_ROWS = 30, 10, 20
"""So many rows of a long list are shown from its beginning, from its end, and between where something is marked."""
_GROUPED_FROM: Final = 10_000

ValueKind = Literal["text", "number", "truth", "nothing", "empty"]


class Value(Contract):
    """One value of an argument that holds no others, or an empty object or list."""

    path: str
    """Where it stands within the argument, such as `.items[0].price`; empty for the argument itself."""
    kind: ValueKind
    shown: Shown
    reading: str = ""
    """A long number in groups of three digits, beside what it is exactly."""


class Rows(Contract):
    """The values of an argument in order, and what stands between two of them that is not shown."""

    values: tuple[Value, ...]
    left_out: tuple[LeftOut, ...] = ()
    gaps: tuple[int, ...] = ()
    """Positions in `values` before which something is left out, one for each of `left_out`."""


def rows_of(value: Any, *, whole: bool = False) -> Rows:
    """Lay out a JSON value. Of long ones, the first and the last rows stay, and those where something is marked."""
    found = list(flat(value))
    if whole or len(found) <= FIRST_ROWS + LAST_ROWS:
        return Rows(values=tuple(value_of(path, leaf, whole=whole) for path, leaf in found))
    kept = _kept(found)
    gaps, left_out, before = [], [], -1
    for n, place in enumerate(kept):
        if place > before + 1:
            gaps.append(n)
            left_out.append(_left_out(found[before + 1 : place]))
        before = place
    values = tuple(value_of(*found[place]) for place in kept)
    return Rows(values=values, left_out=tuple(left_out), gaps=tuple(gaps))


def value_of(path: str, leaf: Any, *, whole: bool = False) -> Value:
    """Show one value; texts, numbers and the rest are told apart by their kind, not by how they look."""
    shown_path = path if whole else line(path)
    if isinstance(leaf, str) and leaf:
        return Value(path=shown_path, kind="text", shown=show(leaf, whole=whole))
    if isinstance(leaf, bool) or leaf is None:
        kind: ValueKind = "nothing" if leaf is None else "truth"
        word = {None: "null", True: "true", False: "false"}[leaf]
        return Value(path=shown_path, kind=kind, shown=Shown(lines=(word,)))
    if isinstance(leaf, int | float):
        text = number_text(leaf)
        return Value(path=shown_path, kind="number", shown=show(text, whole=whole), reading=_grouped(leaf, text))
    what = "text" if isinstance(leaf, str) else "object" if isinstance(leaf, dict) else "list"
    return Value(path=shown_path, kind="empty", shown=Shown(lines=(f"{OPEN}empty {what}{CLOSE}",)))


def flat(value: Any) -> Iterator[tuple[str, Any]]:
    """Walk over the values that hold no others, each with its path. Without recursion, whatever the depth."""
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, dict) and item:
            pending.extend((path + step_of(key), inner) for key, inner in reversed(item.items()))
        elif isinstance(item, list | tuple) and item:
            pending.extend((f"{path}[{n}]", item[n]) for n in range(len(item) - 1, -1, -1))
        else:
            yield path, item


def step_of(key: Any) -> str:
    """Write a member's name as a step of a path; one that could be taken for several steps is set in quotes."""
    text = str(key)
    is_plain = text.isascii() and text.replace("-", "_").isidentifier()
    shown = show(text, whole=True).text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "")
    return f".{text}" if is_plain else f'["{shown}"]'


def number_text(number: float) -> str:
    """Write a number so that no other number is written alike."""
    try:
        return repr(number)
    except ValueError:  # an integer of more digits than Python writes in tens
        return hex(int(number))


def digest_of(value: Any) -> Digest:
    """Take the SHA-256 that names a value: over canonical JSON, or over its rows where that has no such form."""
    try:
        return digest_json(value)
    except (InvalidInput, RecursionError):
        return Digest(_sha256(flat(value)))


def _grouped(number: float, text: str) -> str:
    if abs(number) < _GROUPED_FROM or not text.lstrip("-").replace(".", "", 1).isdigit() or len(text) > 30:  # noqa: PLR2004
        return ""
    return (
        f"{number:,}".replace(",", " ")
        if isinstance(number, int)
        else f"{number:,.{len(text.partition('.')[2])}f}".replace(",", " ")
    )


def _kept(found: Sequence[tuple[str, Any]]) -> list[int]:
    last = range(len(found) - LAST_ROWS, len(found))
    middle = range(FIRST_ROWS, len(found) - LAST_ROWS)
    marked = [n for n in middle if isinstance(found[n][1], str) and show(found[n][1]).marks]
    return [*range(FIRST_ROWS), *marked[:MARKED_ROWS], *last]


def _left_out(rows: Sequence[tuple[str, Any]]) -> LeftOut:
    return LeftOut(count=len(rows), of="values", sha256=_sha256(rows))


def _sha256(rows: Any) -> str:
    digest = hashlib.sha256()
    for path, leaf in rows:
        text = number_text(leaf) if isinstance(leaf, int | float) else str(leaf)
        digest.update(f"{path}\0{type(leaf).__name__}\0{text}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def gap_notes(rows: Rows) -> dict[int, str]:
    """Say before which rows something is left out, and what."""
    return {place: note_of(left_out) for place, left_out in zip(rows.gaps, rows.left_out, strict=True)}
