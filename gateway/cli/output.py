"""What the command prints: data on stdout, messages on stderr, as a table, JSON or JSON lines."""

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TextIO

from gateway.cli.visible import visible, visible_json, visible_line


class Format(StrEnum):
    """How data is printed. The table is for people and may change; the other two are for programs."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


_ID = re.compile(r"[\w./:~-]*|\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")
MIN_COLUMNS = 40
_WIDE = 120
_ROUNDED_TO_A_THOUSAND = 999.5
"""Below it three digits are enough, and less than a thousand, so that no power of ten is written."""
Row = Mapping[str, Any]
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")


def say(message: str) -> None:
    """Print a message for the person on stderr."""
    sys.stderr.write(visible(message) + "\n")
    sys.stderr.flush()


def emit(line: str) -> None:
    """Print a line of data on stdout."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fit(line: str, stream: TextIO, indent: int) -> list[str]:
    """Break a line between words where `stream` is a terminal that it does not fit; what is left is indented."""
    if not stream.isatty():
        return [line]
    width = max(shutil.get_terminal_size().columns, MIN_COLUMNS)
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False) or [""]


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a JSON value on stdout; models and other values become what Pydantic makes of them."""
    emit(encode(value, indent=indent))


def encode(value: Any, *, indent: int | None = None) -> str:
    """Encode a value as JSON that holds no character which steers a terminal."""
    separators = (",", ":") if indent is None else None
    return visible_json(json.dumps(plain(value), ensure_ascii=False, indent=indent, separators=separators))


def plain(value: Any) -> Any:
    """Turn a model, or anything that holds models, into JSON types."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def print_rows(
    rows: Sequence[Any],
    output: Format,
    columns: Mapping[str, str],
    narrow: Mapping[str, str] | None = None,
    *,
    empty: str = "",
) -> None:
    """Print a list. `columns` maps a title of the table to a dotted path into the row; JSON has everything.

    `narrow` has the columns for a terminal of fewer than 120; `empty` is said below a table without rows.
    """
    if output is Format.JSON:
        print_json(rows)
    elif output is Format.JSONL:
        for row in rows:
            print_json(row, indent=None)
    else:
        shown = columns if narrow is None or _list_width() >= _WIDE else narrow
        print_table([[_at(plain(row), path) for path in shown.values()] for row in rows], list(shown))
        if empty and not rows:
            say(empty)


def print_one(value: Any, output: Format, fields: Mapping[str, str]) -> None:
    """Print one thing: as lines `title  value`, or as JSON with everything in it."""
    if output is not Format.TABLE:
        print_json(value, indent=2 if output is Format.JSON else None)
        return
    encoded = plain(value)
    shown = {title: _at(encoded, path) for title, path in fields.items()}
    width = max((len(title) for title in shown), default=0)
    for title, text in shown.items():
        if text != "":
            emit(f"{title:<{width}}  {visible_line(text)}")


def moment_line(text: str) -> str:
    """Write a moment of JSON as people read it, to the second; any other text stays."""
    found = _MOMENT.fullmatch(text)
    return f"{found[1]} {found[2]}Z" if found else text


def print_table(rows: Sequence[Sequence[str]], titles: Sequence[str]) -> None:
    """Print a table: wrapped to the terminal where there is one, one line per row where there is none."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=_stdout(), markup=False, highlight=False, emoji=False, width=_width())
    at_terminal = sys.stdout.isatty()  # The lines of the box separate columns too.
    table = Table(
        box=box.SIMPLE_HEAD if at_terminal else None,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1 if at_terminal else 2, 0, 0),
    )
    whole = _kept_whole(rows, titles, console.width)
    for position, title in enumerate(titles):
        table.add_column(Text(title), overflow="fold", no_wrap=position in whole)
    for row in rows:
        table.add_row(*(Text(visible_line(cell)) for cell in row))
    console.print(table)


def _kept_whole(rows: Sequence[Sequence[str]], titles: Sequence[str], width: int) -> set[int]:
    """Choose the columns that are not broken: ids, which people copy, and moments; from the left, in two thirds."""
    left, whole = width * 2 // 3, set()
    for position, title in enumerate(titles):
        cells = [row[position] for row in rows]
        needed = max(map(len, [title, *cells])) + 2
        if needed <= left and all(_ID.fullmatch(cell) for cell in cells):
            whole.add(position)
            left -= needed
    return whole


def text_width() -> int:
    """Give the columns to write text in: the terminal's, and 100 where there is none."""
    return max(shutil.get_terminal_size().columns, MIN_COLUMNS) if sys.stdout.isatty() else 100


def _list_width() -> int:
    """Give the columns that a list has: the terminal's, and as many as it takes where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000


def _stdout() -> TextIO:
    return sys.stdout


def _width() -> int | None:
    return None if sys.stdout.isatty() else 10_000


def _at(value: Any, path: str) -> str:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    if isinstance(value, str):
        return moment_line(value)
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < _ROUNDED_TO_A_THOUSAND else f"{value:.0f}"
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return "; ".join(value)
    return json.dumps(value, ensure_ascii=False)
