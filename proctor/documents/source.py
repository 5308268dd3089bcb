"""A document as it stands in a file: plain JSON values, and the line of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proctor.contracts.errors import InvalidDocument
from proctor.contracts.places import Place
from proctor.documents.json_reader import read_json
from proctor.documents.lines import Lines
from proctor.documents.yaml_reader import read_yaml

MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """A parsed file. `data` holds JSON types only."""

    path: str
    data: Any
    lines: Lines

    def error(self, place: Place, message: str, hint: str = "") -> InvalidDocument:
        """Make the error for a mistake at `place`."""
        return InvalidDocument(message, path=self.path, line=self.lines.of(place), hint=hint)


def read_text(path: Path, shown: str, largest: int = MAX_BYTES) -> str:
    """Read a file of at most `largest` bytes as UTF-8. Raises `InvalidDocument` naming it as `shown`."""
    try:
        with path.open("rb") as file:
            body = file.read(largest + 1)
    except OSError as error:
        hint = "create it, or mend the name" if isinstance(error, FileNotFoundError) else "check the file"
        raise InvalidDocument(f"cannot be read: {error.strerror}", path=shown, hint=hint) from error
    if len(body) > largest:
        raise InvalidDocument(
            f"is larger than {largest >> 20} MiB", path=shown, hint="move long texts into other files"
        )
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InvalidDocument("is not UTF-8", path=shown, line=line, hint="save it as UTF-8") from error


def read_source(path: Path, shown: str | None = None) -> Source:
    """Read a YAML 1.2 or (by its suffix) JSON file. Raises `InvalidDocument` with the line of the mistake."""
    name = shown or str(path)
    return parse_source(read_text(path, name), name, is_json=path.suffix == ".json")


def parse_source(text: str, shown: str, *, is_json: bool = False) -> Source:
    """Parse YAML 1.2, or JSON. Raises `InvalidDocument` with the line of the mistake."""
    data, lines = read_json(text, shown) if is_json else read_yaml(text, shown)
    return Source(shown, data, lines)


def strings_in(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Find every text in a value, keys included, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*place, key), key
            yield from strings_in(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings_in(item, (*place, index))
