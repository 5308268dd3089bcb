"""The journal's part of taking effects back (rule 4)."""

from proctor.contracts.errors import Corrupted
from proctor.contracts.ids import ToolName
from proctor.contracts.ports import Admitted, Prior, Refusal
from proctor.contracts.run import CallRef, CallReport
from proctor.contracts.tool import Unknown
from proctor.store.changes import Changes
from proctor.store.database import Connection
from proctor.store.dispatch import lock_call, write_intent
from proctor.store.ledger import OPEN_STATES, intent_row, report_of, standing_of
from proctor.store.locked import LockedRun
from proctor.store.settling import Settling, SettlingJournal


class CompensationJournal(SettlingJournal):
    """Beginning compensations."""

    async def begin_compensation(self, ref: CallRef) -> Admitted | Prior | Refusal:
        """Write the intent to take an effect back; as the port says."""
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref, fenced=True)
            if locked.undo is not None:
                return standing_of(locked, locked.undo)
            refusal = await self._cannot_undo(connection, ref, locked)
            return refusal or await self._intend(connection, ref, locked)

    async def retry_compensation(self, ref: CallRef) -> Admitted | Refusal:
        """Write the intent of a further attempt of a compensation."""
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref, fenced=True)
            if locked.undo is None:
                raise Corrupted(f"the compensation of {ref.run_id}/{ref.step}/{ref.call} was never begun")
            if locked.undo["state"] not in OPEN_STATES:
                return Refusal(report=report_of(locked.undo, locked.head))
            return await self._intend(connection, ref, locked)

    async def _cannot_undo(self, connection: Connection, ref: CallRef, locked: LockedRun) -> Refusal | None:
        """Refuse what did not happen, and what nobody knows to have happened."""
        state = "failed" if locked.effect is None else locked.effect["state"]
        if state == "confirmed":
            return None
        if state == "unknown":
            return Refusal(report=report_of(locked.effect, locked.head))
        if state == "intent":
            assert locked.effect is not None
            lost = Unknown(error="its answer was lost before it could be taken back")
            return Refusal(
                report=await self._settle(connection, Settling(ref, locked, locked.effect), lost, final=True)
            )
        return Refusal(report=CallReport(status="failed", summary="it never happened", head=locked.head))

    async def _intend(self, connection: Connection, ref: CallRef, locked: LockedRun) -> Admitted | Refusal:
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        contract = bundle.tool(ToolName(locked.tool))
        if contract is None or contract.compensation is None:
            raise Corrupted(f"{locked.tool} has no compensation", hint="only compensable calls are registered")
        tool = contract.compensation.tool
        fence = locked.fence_over((locked.tool, tool))
        if fence is not None and fence.mode == "freeze":
            summary = f"frozen by fence {fence.epoch}"
            return Refusal(report=CallReport(status="fenced", summary=summary, head=locked.head))
        changes = Changes.to(locked)
        row = intent_row(locked, ref, "compensation", tool, after=locked.undo)
        write_intent(changes, row)
        await changes.write(connection)
        return Admitted(attempt=row["attempt"])
