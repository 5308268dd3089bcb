"""A person at the wheel of a run: pause, resume, a message into it, taking over and handing back (row H7)."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import PrincipalName, RunId, ToolName

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


class Wheel(Contract):
    """Who drives a run now."""

    paused_by: PrincipalName | None = None
    driver: PrincipalName | None = None
    """A person who took over; None: the agent."""
    next_act: ControlEntry | None = None
    """The oldest order to act that no step has carried out yet."""

    @property
    def holds_still(self) -> bool:
        """Whether nothing new may begin: paused, or a person has the wheel and asked for nothing."""
        return self.paused_by is not None or (self.driver is not None and self.next_act is None)


class ControlReceipt(Contract):
    """What became of an order."""

    entry: ControlEntry
    wheel: Wheel
    is_new: bool
    """False: the same order was recorded before."""
    note: str = ""
