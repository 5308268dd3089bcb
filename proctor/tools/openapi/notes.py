"""What an import leaves out or weakens: nothing is dropped without a note."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from proctor.contracts.base import Contract

Kind = Literal["left_out", "weakened", "assumed"]
"""`left_out`: it is not in the contract. `weakened`: the contract admits more, or says less. `assumed`: the document
leaves it open, and this is what was taken."""

WHOLE_DOCUMENT = ""
"""The operation of a note that is about the document."""


class Note(Contract):
    """One thing that a contract does not hold as the document has it."""

    operation: str = WHOLE_DOCUMENT
    """`METHOD /path`."""
    kind: Kind
    what: str
    """Which part, e.g. `query parameter filter`."""
    reason: str


@dataclass
class Notes:
    """The notes of one operation, or of one schema that several operations use."""

    operation: str = WHOLE_DOCUMENT
    found: list[Note] = field(default_factory=list)
    _known: set[Note] = field(default_factory=set)

    def add(self, kind: Kind, what: str, reason: str) -> None:
        """Note something, once."""
        note = Note(operation=self.operation, kind=kind, what=what, reason=reason)
        if note not in self._known:
            self._known.add(note)
            self.found.append(note)

    def take(self, others: "Notes") -> None:
        """Note for this operation what was noted elsewhere."""
        for note in others.found:
            self.add(note.kind, note.what, note.reason)


class OperationLeftOut(Exception):
    """The operation cannot be a tool as it is; says why."""


@dataclass(frozen=True)
class Group:
    """Notes that say the same of several operations."""

    kind: Kind
    reason: str
    notes: tuple[Note, ...]


def grouped(notes: list[Note]) -> Iterator[Group]:
    """Put together what is noted for the same reason, the most serious first."""
    order: list[Any] = ["left_out", "weakened", "assumed"]
    kept: dict[tuple[Kind, str], list[Note]] = {}
    for note in notes:
        kept.setdefault((note.kind, note.reason), []).append(note)
    for kind, reason in sorted(kept, key=lambda key: (order.index(key[0]), -len(kept[key]), key[1])):
        yield Group(kind, reason, tuple(kept[kind, reason]))
