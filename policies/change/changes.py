"""One change of what governs an agent, and what it does."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from proctor.contracts.decision import Decision
from proctor.contracts.governing import ChangeKind
from proctor.contracts.ids import ToolName

_ORDER: Final = (ChangeKind.TIGHTENS, ChangeKind.NEUTRAL, ChangeKind.LOOSENS)
_VALUES_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Witness:
    """A call that the new policy decides looser, as both policies really decided it."""

    tool: ToolName
    facts: Mapping[str, Any]
    """Facts of the call under the new policy, as JSON."""
    facts_before: Mapping[str, Any]
    """Facts of the same call under the old one: another mapping only where a change gives a fact another value."""
    before: Decision
    after: Decision
    telling: Mapping[str, Any] = field(default_factory=dict)
    """The values that make the difference, by the fact's name; all others do not matter."""

    def __str__(self) -> str:
        values = list(self.telling.items())[:_VALUES_SHOWN]
        shown = ", ".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values)
        before, after = self.before, self.after
        if before.verdict is after.verdict:
            went = f"{after.verdict} as before, with {_owed(after)} instead of {_owed(before)}"
        else:
            went = f"{before.verdict} ({before.determining}) becomes {after.verdict} ({after.determining})"
        return f"{self.tool} with {shown or 'any arguments'}: {went}"


@dataclass(frozen=True, slots=True)
class Change:
    """One change, and whether it tightens, loosens or does neither. What cannot be shown not to loosen, loosens."""

    kind: ChangeKind
    where: str
    """What was changed: `rule ID`, `window ID`, `tool NAME`, `manifest FIELD`, ..."""
    what: str
    tools: tuple[ToolName, ...] = ()
    """Tools whose calls are decided differently."""
    witness: Witness | None = None
    doubt: str = ""
    """Why a loosening has no witness."""

    def __str__(self) -> str:
        proof = f"; for example {self.witness}" if self.witness else ""
        doubt = f"; no witness found: {self.doubt}" if self.kind is ChangeKind.LOOSENS and not self.witness else ""
        return f"{self.kind}: {self.where}: {self.what}{proof}{doubt}"


def classify(changes: Iterable[Change]) -> ChangeKind:
    """Say what changes do as a whole: one that loosens loosens the whole."""
    kinds = {change.kind for change in changes}
    if ChangeKind.LOOSENS in kinds:
        return ChangeKind.LOOSENS
    return ChangeKind.TIGHTENS if ChangeKind.TIGHTENS in kinds else ChangeKind.NEUTRAL


def worst(kinds: Iterable[ChangeKind]) -> ChangeKind:
    """Give the most dangerous of some kinds."""
    return max(kinds, key=_ORDER.index)


def _owed(decision: Decision) -> str:
    owed = [one.model_dump(mode="json", exclude_defaults=True) | {"kind": one.kind} for one in decision.obligations]
    return json.dumps(owed, ensure_ascii=False) if owed else "no obligations"
