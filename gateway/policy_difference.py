"""What a change of policy does, as it is shown and recorded: a line for each change, and a call that shows it."""

from typing import Any

from policies.change import Change, Witness, classify, diff
from proctor.contracts.base import Contract
from proctor.contracts.decision import Verdict
from proctor.contracts.governing import ChangeKind
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle


class ShownCall(Contract):
    """A call that the new policy decides looser, as both really decided it."""

    tool: ToolName
    telling: dict[str, Any]
    """The facts that make the difference."""
    arguments: dict[str, Any]
    before: Verdict
    before_rule: str
    after: Verdict
    after_rule: str


class PolicyChange(Contract):
    """One change."""

    kind: ChangeKind
    where: str
    what: str
    tools: tuple[ToolName, ...]
    witness: ShownCall | None
    line: str
    """All of it in one line."""


class PolicyDifference(Contract):
    """All changes, what loosens first."""

    kind: ChangeKind
    changes: tuple[PolicyChange, ...]

    def summary(self) -> tuple[str, ...]:
        """Give a line for each change."""
        return tuple(change.line for change in self.changes)


def difference(old: AgentBundle, new: AgentBundle) -> PolicyDifference:
    """Compare two policies. What cannot be shown not to loosen, loosens."""
    changes = diff(old, new)
    return PolicyDifference(kind=classify(changes), changes=tuple(_shown(change) for change in changes))


def _shown(change: Change) -> PolicyChange:
    return PolicyChange(
        kind=change.kind,
        where=change.where,
        what=change.what,
        tools=change.tools,
        witness=None if change.witness is None else _call(change.witness),
        line=str(change),
    )


def _call(witness: Witness) -> ShownCall:
    return ShownCall(
        tool=witness.tool,
        telling=dict(witness.telling),
        arguments=dict(witness.facts.get("arguments", {})),
        before=witness.before.verdict,
        before_rule=witness.before.determining,
        after=witness.after.verdict,
        after_rule=witness.after.determining,
    )
