"""Taking back a run that has ended."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.acting import ActingActivities
    from activities.steering import UndoActivities
    from proctor.contracts.control import NextUndo, Undoable
    from proctor.contracts.steps import CallRef
    from proctor.contracts.wire import UNDO_TYPE, UndoStart, undo_id


@workflow.defn(name=UNDO_TYPE)
class UndoRunWorkflow:
    """Compensates what a run did, newest first. What it may take back, and how often, the ledger decides (rule 4)."""

    @workflow.run
    async def run(self, start: UndoStart) -> None:
        """Take back everything that can be, then write the receipt."""
        if workflow.info().workflow_id != undo_id(start.run_id):
            return  # whoever can reach Temporal can start one: the run's own is the only one
        before: datetime | None = None
        while batch := await self._next(start, before):
            for effect in batch:
                await self._take_back(start, effect)
            before = batch[-1].intent_at
        closing = options.store_call("write the receipt")
        await workflow.execute_local_activity_method(UndoActivities.close_undo, start, **closing)
        workflow.set_current_details("### Ended: what could be taken back is")

    async def _next(self, start: UndoStart, before: datetime | None) -> list[Undoable]:
        after = NextUndo(run_id=start.run_id) if before is None else NextUndo(run_id=start.run_id, before=before)
        looking = options.store_call("see what can be taken back")
        return await workflow.execute_local_activity_method(UndoActivities.next_undoable, after, **looking)

    async def _take_back(self, start: UndoStart, effect: Undoable) -> None:
        summary = f"undo step {effect.step}, call {effect.call}"
        workflow.set_current_details(f"### Taking back\n\n{summary}")
        ref = CallRef(run_id=start.run_id, step=effect.step, call=effect.call)
        await workflow.execute_activity_method(ActingActivities.compensate, ref, **options.compensating(summary))
