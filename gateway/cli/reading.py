"""Reads a run's input from a file or stdin, and says precisely what is wrong with it."""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from proctor.contracts.errors import InvalidInput, OversizeInput

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Read at most so much: the limit proper is on the canonical JSON, which white space is not part of."""


def read_json(source: str) -> Any:
    """Read JSON from a path, or from stdin when it is `-`.

    Raises:
        InvalidInput: the file cannot be read, or is not JSON; names line and column. `OversizeInput` beyond 4 MiB.

    """
    name = name_of(source)
    body = _read(source, name, MAX_FILE_BYTES + 1)
    if len(body) > MAX_FILE_BYTES:
        raise OversizeInput(f"{name} has more than {MAX_FILE_BYTES} bytes", hint="pass a reference to large content")
    return parse_json(_decode(body, name), name)


def read_text(source: str) -> str:
    """Read UTF-8 text of any size from a path, or from stdin when it is `-`. Raises `InvalidInput`."""
    return _decode(_read(source, name_of(source), -1), name_of(source))


def name_of(source: str) -> str:
    """Give the name by which messages speak of a source."""
    return "stdin" if source == "-" else source


def parse_json(text: str, name: str) -> Any:
    """Parse JSON as RFC 8259 has it: no NaN, no doubled member names.

    Raises:
        InvalidInput: it is not JSON; names line and column.

    """
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{name} is not JSON: line {error.lineno} column {error.colno}: {error.msg}", hint="mend it and try again"
        ) from error
    except RecursionError as error:
        raise InvalidInput(f"{name} is nested too deeply", hint="use at most a few hundred levels") from error
    except ValueError as error:
        raise InvalidInput(f"{name} cannot be used as JSON: {error}", hint="mend it and try again") from error


def _decode(body: bytes, name: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{name} is not UTF-8: byte {error.start} cannot be read", hint="save it as UTF-8"
        ) from error


def _read(source: str, name: str, limit: int) -> bytes:
    try:
        if source == "-":
            return sys.stdin.buffer.read(limit)
        with Path(source).open("rb") as file:
            return file.read(limit)
    except IsADirectoryError as error:
        raise InvalidInput(f"{name} is a folder", hint="name a file, or - for stdin") from error
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no file {name}", hint="name a file, or - for stdin") from error
    except PermissionError as error:
        raise InvalidInput(f"{name} cannot be read: permission denied", hint=f"chmod u+r {name}") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{name} cannot be read: {error}", hint="name a file, or - for stdin") from error


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"the member {_doubled(pairs)[:100]!r} occurs twice in one object")
    return members


def _doubled(pairs: list[tuple[str, Any]]) -> str:
    """Name a member that occurs twice, in one pass: gateways read bodies of whoever sends them."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return ""
