"""Writes what importers found into `catalog/<source>/`: one file a tool, made to be read and edited by people.

Importing again never overwrites silently. Of an operation about which the source says the same as before, and which is
reached as before, the file stays as people left it. Of one that changed, the parts that come from the source are
replaced, and only on request; what people declared stays, except what they had accepted of the old claims.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from pathlib import Path
from typing import Any, Literal

from proctor.contracts.catalog import CLAIMABLE, Imported
from proctor.contracts.errors import InvalidInput, Refused
from proctor.contracts.tool import HttpImplementation, McpImplementation, Provenance, ToolContract
from proctor.documents.catalog_files import CatalogReading, CatalogTool, read_catalog
from proctor.documents.catalog_lock import write_whole
from proctor.documents.claims import accepted, claims_read
from proctor.documents.tool import SchemaSource
from proctor.documents.tool_text import tool_text

FROM_SOURCE = frozenset({"description", "input_schema", "output_schema", "implementation", "provenance", "sandbox"})
"""What an import replaces of an operation that changed. The rest is people's."""
_SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

SHOWN = 5

Kind = Literal["new", "changed", "unchanged", "gone"]


@dataclass(frozen=True)
class FileChange:
    """What an import would do to one tool."""

    kind: Kind
    contract: ToolContract
    """As it would be; of one that is gone, as it is."""
    file: str
    """Relative to `catalog/`."""
    before: str = ""
    after: str = ""
    is_moved: bool = False
    """Of one that changed: its source says the same, and is reached otherwise (command, URL, credentials, sandbox)."""

    @property
    def diff(self) -> str:
        """Show the change as a unified diff."""
        lines = unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"catalog/{self.file}" if self.before else "/dev/null",
            f"catalog/{self.file}",
        )
        return "".join(lines)


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do, before anything is written."""

    root: Path
    changes: tuple[FileChange, ...] = field(default=())

    def of(self, *kinds: Kind) -> list[FileChange]:
        """List the changes of these kinds."""
        return [change for change in self.changes if change.kind in kinds]

    def write(self, *, update: bool = False) -> list[FileChange]:
        """Write what is new, and with `update` what changed too; all or, when it is refused, nothing.

        Raises:
            Refused: something changed and `update` was not said.

        """
        changed = self.of("changed")
        if changed and not update:
            names = ", ".join(change.contract.name for change in changed[:SHOWN])
            more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
            hint = "read the difference; `--update` takes it over, and what was accepted of it no longer counts"
            is_moved = all(change.is_moved for change in changed)
            what = "is reached otherwise than it was for" if is_moved else "says something else than it did of"
            raise Refused(f"the source {what} {names}{more}", hint=hint)
        written = self.of("new", "changed")
        for change in written:
            write_whole(self.root / change.file, change.after)
        return written


def plan_import(
    root: Path, found: Imported, derive: SchemaSource | None = None, *, accept_reads_by: str | None = None
) -> ImportPlan:
    """Work out what an import would do to the catalog at `root`.

    With `accept_reads_by` claims that a tool only reads become facts in that person's name, where it is new or changed.

    Raises:
        InvalidInput: the source's name cannot be a folder, two contracts have one name, or a tool of that name and
            version comes from elsewhere.
        InvalidDocument: a file of that source in the catalog cannot be read.

    """
    if not _SOURCE.fullmatch(found.source):
        hint = "lower-case letters, digits and dashes"
        raise InvalidInput(f"{found.source!r} cannot be the name of a folder of the catalog", hint=hint)
    reading = read_catalog(root, derive)
    _raise_own_problems(reading, found.source)
    held = {(tool.contract.name, tool.contract.version): tool for tool in reading.tools}
    taken = {tool.file.casefold() for tool in reading.tools}
    changes: list[FileChange] = []
    seen: set[tuple[str, str]] = set()
    for contract in found.contracts:
        key = (contract.name, contract.version)
        if key in seen:
            raise InvalidInput(f"the import holds {contract.name} {contract.version} twice", hint="name one otherwise")
        seen.add(key)
        change = _change(contract, held.get(key), found, root, taken)
        if accept_reads_by is not None and change.kind != "unchanged" and claims_read(change.contract):
            change = _with(change, accepted(change.contract, accept_reads_by), found, held.get(key))
        changes.append(change)
    if found.is_whole:
        changes += _gone(reading, found, seen)
    return ImportPlan(root, tuple(changes))


def _with(change: FileChange, contract: ToolContract, found: Imported, held: CatalogTool | None) -> FileChange:
    after = tool_text(contract, found.heading, held.tests if held is not None else ())
    return replace(change, contract=contract, after=after)


def _raise_own_problems(reading: CatalogReading, source: str) -> None:
    mine = [problem for problem in reading.problems if f"/{source}/" in problem.file.replace("\\", "/")]
    if mine:
        raise mine[0].as_error(len(mine) - 1)


def _change(
    contract: ToolContract, held: CatalogTool | None, found: Imported, root: Path, taken: set[str]
) -> FileChange:
    if held is None:
        file = _free_name(contract, found.source, taken)
        return FileChange("new", contract, file, "", tool_text(contract, found.heading))
    if held.source != found.source:
        message = f"{contract.name} {contract.version} is in the catalog already, in {held.file}"
        raise InvalidInput(message, hint="give the import a prefix or another version, or remove that file")
    before = (root / held.file).read_text(encoding="utf-8")
    is_moved = _said(held.contract) == _said(contract)
    if is_moved and _reached(taken_over(held.contract, contract)) == _reached(held.contract):
        return FileChange("unchanged", held.contract, held.file, before, before)
    if not held.is_alone:
        message = f"{held.file} holds several tools, and {contract.name} changed at its source"
        raise InvalidInput(message, hint="give each generated tool a file of its own")
    merged = taken_over(held.contract, contract)
    after = tool_text(merged, found.heading, held.tests)
    return FileChange("changed", merged, held.file, before, after, is_moved)


def taken_over(held: ToolContract, fresh: ToolContract) -> ToolContract:
    """Combine what the source says now with what people declared; what they accepted of old claims no longer counts."""
    update: dict[str, Any] = {name: getattr(fresh, name) for name in FROM_SOURCE if name in fresh.model_fields_set}
    if held.provenance is not None and held.provenance.accepted_by:
        update |= {name: getattr(fresh, name) for name in CLAIMABLE if name in held.provenance.claims}
    if "input_schema" in update:
        update["input_schema"] = _without_key(held, update["input_schema"])
    if fresh.implementation is None:
        update.pop("implementation", None)
    elif isinstance(fresh.implementation, McpImplementation) and isinstance(held.implementation, McpImplementation):
        # How a server is confined is people's word, and no server's; so are its credentials, unless others are given.
        confined = held.implementation.server.sandbox or fresh.implementation.server.sandbox
        server = fresh.implementation.server.model_copy(update={"sandbox": confined})
        update["implementation"] = fresh.implementation.model_copy(update={"server": server})
        update["credentials"] = fresh.credentials or held.credentials
    elif isinstance(fresh.implementation, HttpImplementation) and fresh.egress and _reached(held) != _reached(fresh):
        update["egress"] = fresh.egress
    return held.model_copy(update=update)


def _without_key(held: ToolContract, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the key's argument out of what planners fill, where people did: `key_at` fills it."""
    where, _, name = held.key_at.partition(":")
    if where != "argument" or name in held.input_schema.get("properties", {}):
        return dict(schema)
    found = {**schema, "properties": {key: one for key, one in schema.get("properties", {}).items() if key != name}}
    if "required" in schema:
        found["required"] = [one for one in schema["required"] if one != name]
    return found


def _reached(contract: ToolContract) -> tuple[Any, ...]:
    """Tell how the source is reached, which an import may be told anew: the rest of an implementation is people's."""
    match contract.implementation:
        case McpImplementation(server=server):
            return server, contract.credentials
        case HttpImplementation(base_url=url):
            return (url,)
    return ()


def _said(contract: ToolContract) -> tuple[Any, ...]:
    origin = contract.provenance
    return (origin.kind, origin.operation, origin.digest) if isinstance(origin, Provenance) else ()


def _gone(reading: CatalogReading, found: Imported, seen: set[tuple[str, str]]) -> Iterator[FileChange]:
    versions = {contract.version for contract in found.contracts} or {tool.contract.version for tool in reading.tools}
    for tool in reading.tools:
        contract = tool.contract
        is_mine = tool.source == found.source and contract.provenance is not None and contract.version in versions
        if is_mine and (contract.name, contract.version) not in seen:
            yield FileChange("gone", contract, tool.file)


def _free_name(contract: ToolContract, source: str, taken: set[str]) -> str:
    version = "" if contract.version == "1" else f"@{contract.version}"
    for n in range(1, 1000):
        file = f"{source}/{contract.name}{version}{'' if n == 1 else f'-{n}'}.yaml"
        if file.casefold() not in taken:
            taken.add(file.casefold())
            return file
    raise InvalidInput(f"no file name is free for {contract.name}")
