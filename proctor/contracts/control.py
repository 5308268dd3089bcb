"""A person at the wheel of a run: pause, resume, a message into it, taking over and handing back (row H7)."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import EffectKey, PrincipalName, RequestId, RunId, ToolName
from proctor.contracts.kill import EffectFate

ControlWord = Literal["pause", "resume", "say", "take_over", "act", "hand_back"]


class PersonsCall(Contract):
    """A tool call that a person asks for while they have the wheel: judged by policy like any other."""

    tool: ToolName
    arguments: dict[str, Any]


class ControlOrder(Contract):
    """What a person wants of a run that goes on."""

    run_id: RunId
    word: ControlWord
    text: str = Field(default="", max_length=4000)
    """For `say`: the message; otherwise the reason."""
    call: PersonsCall | None = None
    """For `act`."""
    key: str = Field(default="", max_length=100)
    """Idempotency key of the order: the same key on the same run is the same order."""


class ControlEntry(Contract):
    """An order as it was recorded. Append-only."""

    n: int
    """Position among the orders of the run, from 0."""
    run_id: RunId
    word: ControlWord
    by: PrincipalName
    text: str = ""
    call: PersonsCall | None = None
    step: int | None = None
    """For `act`: the step that carried it out; for `say`: the step before which the planner saw it."""
    at: AwareDatetime
    key: str = ""


class Wheel(Contract):
    """Who drives a run now."""

    paused_by: PrincipalName | None = None
    driver: PrincipalName | None = None
    """A person who took over; None: the agent."""
    next_act: ControlEntry | None = None
    """The oldest order to act that no step has carried out yet. It is carried out after handing back, too."""

    @property
    def holds_still(self) -> bool:
        """Whether nothing new may begin: paused, or a person has the wheel and asked for nothing."""
        return self.paused_by is not None or (self.driver is not None and self.next_act is None)


class Held(Contract):
    """Who holds a run, as far as the workflow needs it."""

    paused_by: PrincipalName | None = None
    driver: PrincipalName | None = None
    holds_still: bool = False


class ActToPlan(Contract):
    """A call that a person at the wheel asked for, as its step plans it."""

    entry: ControlEntry
    node: str = ""
    """Playbook node whose call it stands in for: the one that was set aside when the person took over."""
    cursor: dict[str, Any] | None = None
    """For such a call: where the planner stood once it had proposed that node's."""


class ControlReceipt(Contract):
    """What became of an order."""

    entry: ControlEntry
    wheel: Wheel
    is_new: bool
    """False: the same order was recorded before."""
    note: str = ""


UndoFate = Literal["possible", "done", "failed", "not_possible", "not_needed", "unsettled"]
"""What taking an effect back comes to. `unsettled`: nobody knows whether it happened; a person must say first."""


class UndoLine(Contract):
    """One effect of a run that has ended, and whether it can be taken back."""

    key: EffectKey
    step: int
    call: int
    tool: ToolName
    happened: EffectFate
    undo: UndoFate
    by_tool: ToolName | None = None
    """The tool that takes it back, or took it back."""
    why: str = ""
    """For what cannot be taken back: why, and what is left to do."""
    request_id: RequestId | None = None
    """The open item that a person must settle."""


class UndoPreview(Contract):
    """What `proctor undo` would do, newest effect first: the order in which effects are taken back."""

    run_id: RunId
    status: str
    owner: PrincipalName
    """Who must act on what cannot be taken back."""
    lines: tuple[UndoLine, ...] = ()

    @property
    def possible(self) -> int:
        """How many effects would be taken back."""
        return sum(line.undo == "possible" for line in self.lines)


class NextUndo(Contract):
    """Asks for the newest effects that can be taken back; input of `next_undoable`."""

    run_id: RunId
    before: AwareDatetime | None = None
    """Only effects whose intent is older."""


class Undoable(Contract):
    """An effect that can be taken back."""

    step: int
    call: int
    intent_at: AwareDatetime
