"""`catalog/catalog.lock`: digests of the tools that a person reviewed."""

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proctor.contracts.canonical import digest_json
from proctor.contracts.catalog import CatalogLock, LockedTool
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.ids import Digest
from proctor.contracts.tool import McpImplementation, ToolContract
from proctor.documents.folder import Folder
from proctor.documents.problems import Problem, Problems, from_error, read_form
from proctor.documents.source import parse_source

LOCK = "catalog.lock"
LARGEST_LOCK = 32 << 20
"""In bytes: some 100,000 tools. The lock is written by a command, so it is not held to what a person can read."""
LOCK_HINT = "review it, then run `proctor tools lock`"


def contract_digest(contract: ToolContract) -> Digest:
    """Take the digest of all that a contract says.

    What it leaves out is not part of it: a field that a later version of Proctor adds has the most dangerous default,
    and must not make every lock wrong.
    """
    said = contract.model_dump(mode="json", exclude_defaults=True)
    kind = contract.implementation.kind if contract.implementation is not None else None
    return digest_json({"contract": said, "kind": kind})


def said_by_source(contract: ToolContract) -> Digest | None:
    """Give the digest of what the source of a contract says of it; None: it has no source but its file."""
    if isinstance(contract.implementation, McpImplementation):
        return contract.implementation.reviewed
    return contract.provenance.digest if contract.provenance is not None else None


def lock_entry(contract: ToolContract, file: str) -> LockedTool:
    """Describe a contract, as it is now, for the lock."""
    return LockedTool(
        name=contract.name,
        version=contract.version,
        file=file,
        contract=contract_digest(contract),
        said=said_by_source(contract),
    )


def read_lock(folder: Folder) -> tuple[CatalogLock, list[Problem]]:
    """Read the lock of a catalog; one that is not there locks nothing."""
    if not folder.has(LOCK):
        return CatalogLock(), []
    try:
        text = folder.text(LOCK, largest=LARGEST_LOCK)
        if (lock := _read_plain(text)) is not None:
            return lock, []
        source = parse_source(text, str(folder.root / LOCK), is_json=True)
    except InvalidDocument as error:
        return CatalogLock(), [from_error(error)]
    problems = Problems(source)
    read = read_form(CatalogLock, source.data, problems)
    return read or CatalogLock(), problems.found


def _read_plain(text: str) -> CatalogLock | None:
    """Read a lock in which nothing is wrong, however many tools it has; None leaves finding the mistake to others."""
    try:
        return CatalogLock.model_validate(json.loads(text, object_pairs_hook=_each_name_once))
    except (ValueError, RecursionError):
        return None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is given twice: a reviewer reads the one, and a program takes the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def write_lock(root: Path, tools: Iterable[LockedTool]) -> None:
    """Write the lock, sorted and one tool a line, so that two people's changes merge by lines; whole or not at all."""
    ordered = sorted(tools, key=lambda tool: (tool.name, tool.version))
    lines = [json.dumps(_plain(tool), ensure_ascii=False) for tool in ordered]
    body = ",\n".join(f"    {line}" for line in lines)
    write_whole(root / LOCK, '{\n  "form": 1,\n  "tools": [\n' + body + ("\n" if body else "") + "  ]\n}\n")


def _plain(tool: LockedTool) -> dict[str, Any]:
    return tool.model_dump(mode="json", exclude_none=True)


def write_whole(path: Path, text: str) -> None:
    """Replace a file by another text; a crash leaves the one or the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
