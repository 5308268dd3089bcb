"""The catalog as agents use it: a tool by its name and version, as it was locked and no other way."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from proctor.contracts.catalog import LockedTool
from proctor.contracts.ids import ToolName
from proctor.documents.catalog_files import CATALOG, CatalogReading, CatalogTool, read_catalog, read_catalog_file
from proctor.documents.catalog_lock import LOCK, LOCK_HINT, contract_digest, read_lock
from proctor.documents.folder import Folder, Stamp
from proctor.documents.problems import Problem, Problems
from proctor.documents.tool import SchemaSource, ToolDocument


def catalog_beside(agents: Path) -> Path:
    """Give the folder of the catalog that belongs to a folder of agents."""
    return Path(os.path.normpath(agents / os.pardir / CATALOG))


class ToolCatalog:
    """Gives tools of the catalog by name; reads the lock and, of the files, only those that are asked for.

    What is in a file and not in the lock does not exist for agents; asked for, it is a mistake that says so.
    """

    def __init__(self, root: Path, derive: SchemaSource | None) -> None:
        """Take the folder, which need not be there; `derive` reads the signatures of Python tools."""
        self.root, self._derive = root, derive
        self._folder = Folder(root)
        self._files: dict[str, CatalogReading] = {}
        self._all: CatalogReading | None = None

    def stamps(self) -> tuple[Stamp, ...]:
        """Describe everything that was read."""
        return (*self._folder.stamps(), *(one for reading in self._files.values() for one in reading.stamps))

    @cached_property
    def _read_lock(self) -> tuple[tuple[LockedTool, ...], list[Problem]]:
        lock, problems = read_lock(self._folder)
        return lock.tools, problems

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the lock itself."""
        return self._read_lock[1]

    @property
    def locked(self) -> tuple[LockedTool, ...]:
        """Every tool that is locked."""
        return self._read_lock[0]

    def holds(self, name: ToolName) -> bool:
        """Whether a version of that name is locked."""
        return any(tool.name == name for tool in self.locked)

    def versions(self, name: ToolName) -> list[str]:
        """List the locked versions of a tool, sorted."""
        return sorted(tool.version for tool in self.locked if tool.name == name)

    def load(self, name: ToolName, version: str) -> tuple[ToolDocument | None, list[Problem]]:
        """Give a locked version; what keeps it from being used otherwise."""
        entry = next(tool for tool in self.locked if (tool.name, tool.version) == (name, version))
        reading = self._file(entry.file)
        found = next((one for one in reading.tools if _is(one, entry)), None)
        if found is None:
            return None, reading.problems or [self._absent(entry)]
        if contract_digest(found.contract) != entry.contract:
            changed = Problems(found.document.source)
            changed.add(found.document.place, f"{name} {version} is not as it was locked", LOCK_HINT)
            return None, changed.found
        return found.document, []

    def unlocked(self, name: ToolName, version: str | None = None) -> list[Problem]:
        """Say where a tool that is not locked stands, if it is in the catalog at all; reads every file for it."""
        return list(self._unlocked(name, version))

    def _unlocked(self, name: ToolName, version: str | None) -> Iterator[Problem]:
        if self._all is None:
            self._all = read_catalog(self.root, self._derive)
        for tool in self._all.tools:
            contract = tool.contract
            if contract.name == name and version in {None, contract.version}:
                at = Problems(tool.document.source)
                at.add(tool.document.place, f"{name} {contract.version} is in the catalog and not locked", LOCK_HINT)
                yield from at.found

    def _file(self, file: str) -> CatalogReading:
        if file not in self._files:
            self._files[file] = read_catalog_file(self.root, file, self._derive)
        return self._files[file]

    def _absent(self, entry: LockedTool) -> Problem:
        message = f"names {entry.name} {entry.version} in {entry.file}, and it is not there"
        return Problem(file=str(self.root / LOCK), message=message, hint=LOCK_HINT)


def _is(tool: CatalogTool, entry: LockedTool) -> bool:
    return (tool.contract.name, tool.contract.version) == (entry.name, entry.version)
