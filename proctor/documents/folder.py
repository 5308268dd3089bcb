"""Reading files of one folder and nothing outside it."""

from pathlib import Path

from proctor.contracts.errors import InvalidDocument
from proctor.documents.source import MAX_BYTES, Source, read_source, read_text

Stamp = tuple[str, int, int]
"""A path with its time of change and size, as they were when it was read."""


class Folder:
    """A folder of documents. Remembers what was read, so that a change can be noticed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stamps: list[Stamp] = []

    def stamps(self) -> tuple[Stamp, ...]:
        """Describe everything that was read or listed, each as it was just before."""
        return tuple(self._stamps)

    def has(self, name: str) -> bool:
        """Whether there is a file of that name; remembered, so that one which appears is noticed."""
        path = self.root / name
        self._stamps.append(stamp(path))
        return path.is_file()

    def source(self, name: str, *, named_by: Source | None = None) -> Source:
        """Parse a file of the folder. Raises `InvalidDocument`."""
        path = self._inside(name, named_by)
        return read_source(path)

    def text(self, name: str, *, named_by: Source | None = None, largest: int = MAX_BYTES) -> str:
        """Read a file of the folder as text, of at most `largest` bytes. Raises `InvalidDocument`."""
        path = self._inside(name, named_by)
        return read_text(path, str(path), largest)

    def list(self, name: str, suffixes: frozenset[str]) -> list[str]:
        """List the files of a folder inside this one, sorted; none when it is not there."""
        inner = self.root / name
        self._stamps.append(stamp(inner))
        if not inner.is_dir():
            return []
        return sorted(f"{name}/{path.name}" for path in inner.iterdir() if path.suffix in suffixes)

    def _inside(self, name: str, named_by: Source | None) -> Path:
        path = self.root / name
        self._stamps.append(stamp(path))
        if not path.resolve().is_relative_to(self.root.resolve()):
            where = str(path) if named_by is None else named_by.path
            raise InvalidDocument(f"{name} lies outside {self.root}", path=where, hint="move the file into the folder")
        return path


def stamp(path: Path) -> Stamp:
    """Describe a path as it is now; a missing one too."""
    try:
        now = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), now.st_mtime_ns, now.st_size
