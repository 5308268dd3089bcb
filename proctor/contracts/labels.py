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
