"""Labels on values: how far to trust them, and who may see them (DESIGN §8)."""

from enum import StrEnum

from proctor.contracts.base import Contract


class Integrity(StrEnum):
    """Whether a value may steer an effect without further checks."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


class Confidentiality(StrEnum):
    """Who may see a value; ordered from least to most restricted."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PII = "pii"
    SECRET = "secret"  # noqa: S105 - a label's name, not a credential


_ORDER = list(Confidentiality)


class Labels(Contract):
    """Integrity, confidentiality and the sources that a value derives from."""

    integrity: Integrity = Integrity.UNTRUSTED
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    sources: tuple[str, ...] = ()

    def join(self, other: "Labels") -> "Labels":
        """Label what derives from both: the lower trust, the higher restriction, all sources."""
        untrusted = Integrity.UNTRUSTED in {self.integrity, other.integrity}
        return Labels(
            integrity=Integrity.UNTRUSTED if untrusted else Integrity.TRUSTED,
            confidentiality=max(self.confidentiality, other.confidentiality, key=_ORDER.index),
            sources=tuple(sorted({*self.sources, *other.sources})),
        )


class Origin(StrEnum):
    """Where a part of a value comes from."""

    REQUEST = "request"
    """The goal or the input that the requester gave."""
    MANIFEST = "manifest"
    """Written by the agent's owner: manifest, playbook, policy."""
    ADDRESS_BOOK = "address_book"
    PERSON = "person"
    """A recorded decision or answer of a person."""
    VALIDATED = "validated"
    """A part of a tool's result that a validating rule accepted."""
    TOOL = "tool"
    """A tool's result, or an input that another system sent: untrusted."""
    PLANNER = "planner"
    """Made up by a model. Trusted no further than all that the model had read."""


class Flow(Contract):
    """Where an argument comes from: its labels, and the kinds of places that its parts were found in."""

    labels: Labels
    origins: tuple[Origin, ...]
    """Sorted, without repetition."""
