"""Asks the sources of tools again whether they still say what was reviewed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from importlib import import_module
from typing import Literal

from proctor.contracts.catalog import ReadAgain, SourcePlace
from proctor.contracts.errors import ProctorError
from proctor.contracts.tool import ToolContract
from proctor.documents.catalog_lock import said_by_source
from proctor.documents.catalog_writer import taken_over
from proctor.documents.tool_text import tool_text

READERS: Mapping[str, str] = {
    "mcp": "proctor.tools.mcp.importing:McpReadAgain",
    "openapi": "proctor.tools.openapi.again:OpenApiReadAgain",
    "python": "proctor.tools.drafting:PythonReadAgain",
}
"""By `provenance.kind`: a class whose instances are `ReadAgain`."""

State = Literal["same", "changed", "gone", "unreachable"]


@dataclass(frozen=True)
class Verified:
    """What a source says now of one tool."""

    contract: ToolContract
    """As it is here."""
    state: State
    now: ToolContract | None = None
    """As it would be if what the source says were taken over; people's declarations kept."""
    why: str = ""
    """Of a source that does not answer; of one that changed, the parts of the contract that do."""

    @property
    def diff(self) -> str:
        """Show what would change, as a unified diff."""
        if self.now is None:
            return ""
        name = f"{self.contract.name} {self.contract.version}"
        before, after = (tool_text(one).splitlines(keepends=True) for one in (self.contract, self.now))
        return "".join(unified_diff(before, after, f"{name} as reviewed", f"{name} as its source says now"))


def has_source(contract: ToolContract) -> bool:
    """Whether there is a source that can be asked."""
    return contract.provenance is not None


async def ask_again(contracts: Iterable[ToolContract], place: SourcePlace) -> list[Verified]:
    """Ask each source once about all of its tools; one that does not answer fails its own tools alone."""
    by_source: dict[tuple[str, str], list[ToolContract]] = defaultdict(list)
    for contract in contracts:
        if contract.provenance is not None:
            by_source[contract.provenance.kind, contract.provenance.source].append(contract)
    found: list[Verified] = []
    for (kind, _), mine in by_source.items():
        try:
            fresh = await _reader(kind)(mine, place)
        except ProctorError as error:
            found += [Verified(contract, "unreachable", why=error.diagnostics()) for contract in mine]
            continue
        found += [_compare(contract, fresh) for contract in mine]
    return found


def _reader(kind: str) -> ReadAgain:
    module, _, name = READERS[kind].partition(":")
    reader: ReadAgain = getattr(import_module(module), name)()
    return reader


def _compare(contract: ToolContract, fresh: Sequence[ToolContract]) -> Verified:
    again = next((one for one in fresh if _operation(one) == _operation(contract)), None)
    if again is None:
        return Verified(contract, "gone")
    origin = contract.provenance
    is_same = origin is not None and again.provenance is not None and origin.digest == again.provenance.digest
    if is_same and said_by_source(again) == said_by_source(contract):
        return Verified(contract, "same")
    now = taken_over(contract, again)
    return Verified(contract, "changed", now, ", ".join(_said_otherwise(contract, now)))


def _said_otherwise(before: ToolContract, now: ToolContract) -> list[str]:
    said = {"description": "description", "input_schema": "input", "output_schema": "output"}
    return [word for name, word in said.items() if getattr(before, name) != getattr(now, name)]


def _operation(contract: ToolContract) -> str:
    return contract.provenance.operation if contract.provenance is not None else ""
