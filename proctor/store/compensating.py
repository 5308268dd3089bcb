"""The journal's part of taking effects back (rule 4)."""

from proctor.contracts.dispatching import Admitted, EffectStanding, Prior, Refusal, Waiting
from proctor.contracts.errors import Corrupted
from proctor.contracts.ids import ToolName
from proctor.contracts.kill import Fence, KillScope
from proctor.contracts.steps import CallRef, CallReport
from proctor.contracts.traffic import Lane
from proctor.store.changes import Changes
from proctor.store.database import Connection
from proctor.store.dispatch import lock_call, write_intent
from proctor.store.ledger import OPEN_STATES, effect_standing, intent_row, report_of, standing_of
from proctor.store.locked import LockedRun
from proctor.store.passing import let_pass
from proctor.store.settling import SettlingJournal


class CompensationJournal(SettlingJournal):
    """Beginning compensations."""

    async def effect_standing(self, ref: CallRef) -> EffectStanding | None:
        """Tell how an effect stands whose outcome is open; as the port says."""
        async with self._database.connection() as connection:
            locked = await lock_call(connection, ref)
        is_open = locked.effect is not None and locked.effect["state"] in OPEN_STATES
        return effect_standing(locked, locked.effect) if is_open else None

    async def begin_compensation(self, ref: CallRef, lane: Lane | None = None) -> Admitted | Prior | Refusal | Waiting:
        """Write the intent to take an effect back; as the port says."""
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref, fenced=True)
            if locked.undo is not None:
                return standing_of(locked, locked.undo)
            return _unfit(locked) or _unordered(locked) or await self._intend(connection, ref, locked, lane)

    async def retry_compensation(self, ref: CallRef, lane: Lane | None = None) -> Admitted | Refusal | Waiting:
        """Write the intent of a further attempt of a compensation."""
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref, fenced=True)
            if locked.undo is None:
                raise Corrupted(f"the compensation of {ref.run_id}/{ref.step}/{ref.call} was never begun")
            if locked.undo["state"] not in OPEN_STATES:
                return Refusal(report=report_of(locked.undo, locked.head))
            return await self._intend(connection, ref, locked, lane)

    async def _intend(
        self, connection: Connection, ref: CallRef, locked: LockedRun, lane: Lane | None
    ) -> Admitted | Refusal | Waiting:
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        contract = bundle.tool(ToolName(locked.tool))
        if contract is None or contract.compensation is None:
            raise Corrupted(f"{locked.tool} has no compensation", hint="only compensable calls are registered")
        tool = contract.compensation.tool
        fence = _frozen_by(locked, tool)
        if fence is not None:
            summary = f"frozen by fence {fence.epoch}"
            return Refusal(report=CallReport(status="fenced", summary=summary, head=locked.head))
        row = intent_row(locked, ref, "compensation", tool, after=locked.undo)
        admitted = await let_pass(connection, locked, lane, row["key"], attempt=row["attempt"])
        if isinstance(admitted, Waiting):
            return admitted
        changes = Changes.to(locked)
        write_intent(changes, row)
        await changes.write(connection)
        return admitted


def _frozen_by(locked: LockedRun, tool: ToolName) -> Fence | None:
    """Find the fence that keeps an effect from being taken back.

    A person who orders that an ended run be taken back lifts what was frozen before that for its compensations; a tool
    that was killed is not called for it all the same.
    """
    fence = locked.fence_over((locked.tool, tool))
    if fence is None or fence.mode != "freeze":
        return None
    if not locked.has_ended or locked.run["undo_by"] is None:
        return fence
    covering = [one for one in locked.fences if one.mode == "freeze"]
    of_tool = [one for one in covering if one.scope is KillScope.TOOL and one.value == tool]
    newer = [
        one
        for one in covering
        if one.epoch > locked.run["undo_epoch"] and (one.scope is not KillScope.TOOL or one.value == locked.tool)
    ]
    return next(iter(of_tool + newer), None)


def _unordered(locked: LockedRun) -> Refusal | None:
    """Refuse to take back anything of a run that has ended, unless a person ordered it."""
    if not locked.has_ended or locked.run["undo_by"] is not None:
        return None
    return Refusal(report=CallReport(status="fenced", summary="the run has ended", head=locked.head))


def _unfit(locked: LockedRun) -> Prior | Refusal | None:
    """Say why there is nothing to take back: it did not happen, or nobody knows (yet) that it did."""
    effect = locked.effect
    if effect is not None and effect["state"] == "confirmed":
        return None
    if effect is not None and effect["state"] == "intent":
        return Prior(standing=effect_standing(locked, effect), is_of_call=True)
    if effect is not None and effect["state"] == "unknown":
        return Refusal(report=report_of(effect, locked.head))
    return Refusal(report=CallReport(status="failed", summary="it never happened", head=locked.head))
