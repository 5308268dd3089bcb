"""The files of `catalog/`: every tool in them, whether or not it is locked or used."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from proctor.contracts.errors import InvalidDocument
from proctor.contracts.tool import ToolContract
from proctor.documents.folder import Folder, Stamp
from proctor.documents.problems import Problem, Problems, from_error
from proctor.documents.tool import SUFFIXES, SchemaSource, ToolDocument, read_tools
from proctor.documents.tool_tests import is_tests_file

CATALOG = "catalog"


@dataclass(frozen=True)
class CatalogTool:
    """One version of one tool of the catalog, and where it stands."""

    document: ToolDocument
    file: str
    """Relative to `catalog/`."""
    is_alone: bool
    """Whether its file holds no other tool."""

    @property
    def contract(self) -> ToolContract:
        """What it says."""
        return self.document.contract

    @property
    def source(self) -> str:
        """The folder of the import that it belongs to; empty for a file that lies in none."""
        return source_of(self.file)

    @property
    def tests(self) -> tuple[dict[str, Any], ...]:
        """The cases that stand in its document, as they stand there."""
        return tuple(case.model_dump(mode="json", exclude_defaults=True) for case in self.document.tests)


@dataclass
class CatalogReading:
    """What one reading of the catalog found."""

    tools: list[CatalogTool] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    _held: dict[tuple[str, str], CatalogTool] = field(default_factory=dict)

    def add(self, found: "CatalogReading") -> None:
        """Take in what another reading found; a tool that was there already is a mistake."""
        self.stamps += found.stamps
        self.problems += found.problems
        for tool in found.tools:
            key = (tool.contract.name, tool.contract.version)
            first = self._held.setdefault(key, tool)
            if first is tool:
                self.tools.append(tool)
                continue
            twice = Problems(tool.document.source)
            message = f"{key[0]} {key[1]} is in the catalog already, in {first.document.source.path}"
            twice.add(tool.document.place, message, "remove one, or give it another version")
            self.problems += twice.found


def source_of(file: str) -> str:
    """Name the folder that a file of the catalog lies in."""
    parent = PurePosixPath(file).parent
    return "" if parent == PurePosixPath() else parent.name


def read_catalog(root: Path, derive: SchemaSource | None) -> CatalogReading:
    """Read every file of the catalog; mistakes are collected, and no catalog is an empty one."""
    reading = CatalogReading()
    for file in _files(root):
        reading.add(read_catalog_file(root, file, derive))
    return reading


def read_catalog_file(root: Path, file: str, derive: SchemaSource | None) -> CatalogReading:
    """Read one file of the catalog; schema files that it names lie in its own folder."""
    path = PurePosixPath(file)
    folder = Folder(root / path.parent)
    try:
        source = folder.source(path.name)
    except InvalidDocument as error:
        return CatalogReading(problems=[from_error(error)], stamps=list(folder.stamps()))
    documents, problems = read_tools(source, folder, derive)
    tools = [CatalogTool(document, file, len(documents) == 1) for document in documents]
    return CatalogReading(tools, problems, list(folder.stamps()))


def _files(root: Path) -> Iterator[str]:
    if not root.is_dir():
        return
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            yield from (f"{entry.name}/{path.name}" for path in sorted(entry.iterdir()) if _is_tools(path))
        elif _is_tools(entry):
            yield entry.name


def _is_tools(path: Path) -> bool:
    return path.suffix in SUFFIXES and not path.name.startswith(".") and not is_tests_file(path.name) and path.is_file()
