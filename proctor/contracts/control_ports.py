"""The ports of people at the wheel: orders to runs that go on, and taking back runs that have ended."""

from collections.abc import Sequence
from typing import Protocol

from proctor.contracts.control import (
    ActToPlan,
    ControlEntry,
    ControlOrder,
    ControlReceipt,
    NextUndo,
    Undoable,
    UndoPreview,
    Wheel,
)
from proctor.contracts.decision import RecordedDecision
from proctor.contracts.edits import EditRef, EditToJudge
from proctor.contracts.human import HumanRequest, Principal
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Receipt
from proctor.contracts.steps import CallRef, CallReport, StepRef


class Controls(Protocol):
    """Who drives a run. Every method is one transaction, and raises `UnknownName` for a run that there is not."""

    async def order(self, order: ControlOrder, by: Principal) -> ControlReceipt:
        """Record an order, and apply it; from the commit of a pause or a take-over on, no intent of the agent follows.

        The same key on the same run is the same order: it gives what was recorded first. An order that changes nothing
        (pausing a paused run) is not recorded either.

        Raises:
            NotAuthorised: `by` may not order this; recorded in the audit of the run.
            Refused: the run has ended, somebody else drives it, or nobody does; the refused take-over is recorded.
            InvalidInput: the order says nothing that can be carried out.
            IdempotencyConflict: the key was used for another order.

        """

    async def wheel(self, run_id: RunId) -> Wheel:
        """Tell who drives a run now."""

    async def history(self, run_id: RunId) -> list[ControlEntry]:
        """List the orders of a run, in order."""


class Undoing(Protocol):
    """Taking back what a run did that has ended."""

    async def preview(self, run_id: RunId) -> UndoPreview:
        """Tell of each effect whether it can be taken back, newest first. Changes nothing."""

    async def order_undo(self, run_id: RunId, by: Principal, reason: str) -> UndoPreview:
        """Record that a person wants a run taken back; lifts freezing fences that are older for its compensations.

        Raises:
            NotAuthorised: `by` is neither operator nor the agent's owner.
            Refused: the run has not ended.

        """

    async def next_undoable(self, after: NextUndo) -> Sequence[Undoable]:
        """Give the newest effects that happened, can be taken back and were not; at most 50.

        Empty when nobody ordered it, or the run has not ended.
        """

    async def close_undo(self, run_id: RunId) -> Receipt:
        """Write the receipt of the run as it stands after taking back."""


class PeoplesCalls(Protocol):
    """The part of a run's journal that is about calls that people wrote: at the wheel, or by editing one."""

    async def wheel(self, run_id: RunId) -> Wheel:
        """Tell who drives a run now."""

    async def act_to_plan(self, ref: StepRef) -> ActToPlan | None:
        """Give the oldest call that a person at the wheel asked for and no step has taken up."""

    async def begun(self, ref: CallRef) -> str | None:
        """Tell how the effect of a call stands that has an intent and no outcome; None for any other call."""

    async def set_aside(self, ref: CallRef) -> CallReport:
        """Give up every call of the step that was not begun, because a person took over; reports on the named one.

        Of a step of which nothing was carried out, the planner forgets that it proposed it.
        """

    async def edit_to_judge(self, ref: EditRef) -> EditToJudge:
        """Give the call that a person wrote by editing one, or what was recorded of it before.

        Raises `UnknownName` when the request was not edited.
        """

    async def record_edit(
        self, ref: EditRef, edit: EditToJudge, recorded: RecordedDecision, request: HumanRequest | None
    ) -> EditToJudge:
        """Write the edited call with its decision, its denial or request, and what became of the old one, together.

        Exactly one call stands in the place of an edited one: repeated, it gives what was recorded first.
        """
