"""All tools of a project: those of its agents, and those of its catalog that no agent uses."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.agents import load_agent
from proctor.contracts.catalog import LockedTool, ToolUsage
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.ids import AgentName, ToolName
from proctor.contracts.ports import AgentCatalog
from proctor.contracts.tool import ToolContract
from proctor.documents.catalog_files import CatalogReading, CatalogTool, read_catalog
from proctor.documents.catalog_lock import contract_digest, read_lock
from proctor.documents.folder import Folder
from proctor.documents.tool import SchemaSource

if TYPE_CHECKING:
    from proctor.documents.problems import Problem


@dataclass
class ShelvedTool:
    """One contract, who uses it, and where it stands."""

    contract: ToolContract
    agents: list[AgentName] = field(default_factory=list)
    file: str | None = None
    """Its file in the catalog; None: it is of the agents' own."""
    is_locked: bool = True

    def marks(self, usage: Sequence[ToolUsage] | None = None) -> list[str]:
        """Say in a word each what somebody should look at; `usage` (of all tools) also tells which fail or lie idle."""
        found = [] if self.agents else ["unused"]
        found += [] if self.is_locked else ["unlocked"]
        found += [] if self.contract.owner else ["unowned"]
        found += ["deprecated"] if self.contract.deprecated is not None else []
        if usage is not None:
            mine = [one for one in usage if (one.tool, one.version) == (self.contract.name, self.contract.version)]
            found += [] if any(one.calls for one in mine) else ["never called"]
            found += ["failing"] if is_failing(mine) else []
        return found


@dataclass
class Shelf:
    """The tools, sorted, and what could not be read."""

    tools: list[ShelvedTool]
    unreadable: dict[AgentName, InvalidDocument]
    problems: "list[Problem]"


def is_failing(usage: Iterable[ToolUsage]) -> bool:
    """Whether a tool fails: half of its calls or more did, or the newest one."""
    rows = list(usage)
    calls, failed = sum(row.calls for row in rows), sum(row.failed + row.unknown for row in rows)
    last = max((row.last_used for row in rows if row.last_used is not None), default=None)
    is_last_failed = last is not None and any(row.last_failed == last for row in rows)
    return calls > 0 and (failed * 2 >= calls or is_last_failed)


def read_shelf(agents: AgentCatalog, root: Path, derive: SchemaSource | None, only: AgentName | None = None) -> Shelf:
    """Read all tools; `only` those of one agent. An agent that cannot be read is named and left out.

    Raises:
        InvalidDocument: the files of the agent named are wrong. `UnknownName`: there is no such agent.

    """
    found: dict[str, ShelvedTool] = {}
    unreadable: dict[AgentName, InvalidDocument] = {}
    for name in [only] if only is not None else agents.names():
        try:
            bundle = load_agent(agents, name)
        except InvalidDocument as error:
            if only is not None:
                raise
            unreadable[name] = error
            continue
        for contract in bundle.tools:
            found.setdefault(contract_digest(contract), ShelvedTool(contract)).agents.append(bundle.manifest.name)
    reading = read_catalog(root, derive)
    locked = locked_digests(root)
    for tool in reading.tools:
        _place(tool, found, locked, is_whole=only is None)
    tools = sorted(found.values(), key=lambda tool: (tool.contract.name, tool.contract.version))
    return Shelf(tools, unreadable, reading.problems)


def locked_digests(root: Path) -> dict[tuple[ToolName, str], LockedTool]:
    """Give the locked tools by name and version; raises `InvalidDocument` for a lock that cannot be read."""
    lock, problems = read_lock(Folder(root))
    for problem in problems:
        raise problem.as_error(len(problems) - 1)
    return {(tool.name, tool.version): tool for tool in lock.tools}


def tools_named(reading: CatalogReading, name: str, version: str | None = None) -> Iterator[CatalogTool]:
    """Find the versions of a tool in the catalog."""
    for tool in reading.tools:
        if tool.contract.name == ToolName(name) and version in {None, tool.contract.version}:
            yield tool


def _place(
    tool: CatalogTool, found: dict[str, ShelvedTool], locked: dict[tuple[ToolName, str], LockedTool], *, is_whole: bool
) -> None:
    digest = contract_digest(tool.contract)
    if not is_whole and digest not in found:
        return
    shelved = found.setdefault(digest, ShelvedTool(tool.contract))
    shelved.file = tool.file
    entry = locked.get((tool.contract.name, tool.contract.version))
    shelved.is_locked = entry is not None and entry.contract == digest
