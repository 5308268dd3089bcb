"""Taking back runs that have ended, in Postgres (row H7)."""

from collections.abc import Sequence
from typing import Any

from proctor.contracts.canonical import summarize
from proctor.contracts.control import NextUndo, Undoable, UndoFate, UndoLine, UndoPreview
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import RunId, ToolName
from proctor.contracts.kill import Receipt
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.run import RunStatus
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes
from proctor.store.database import Connection, Database
from proctor.store.locked import LockedRun, lock_run
from proctor.store.queries import query
from proctor.store.receipts import build_receipt
from proctor.store.rows import Row

_HAPPENED = {
    "confirmed": "confirmed",
    "failed": "failed",
    "attempt_failed": "failed",
    "unknown": "unknown",
    "intent": "in_flight",
}


class PostgresUndoing:
    """Implements `Undoing`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._bundles = BundleShelf(database)

    async def preview(self, run_id: RunId) -> UndoPreview:
        """Tell of each effect whether it can be taken back, newest first."""
        async with self._database.connection() as connection:
            run = await connection.fetchrow(query("run"), run_id)
            if run is None:
                raise UnknownName(f"there is no run {run_id}", hint="`proctor ps` lists the runs")
            return await self._preview(connection, run)

    async def order_undo(self, run_id: RunId, by: Principal, reason: str) -> UndoPreview:
        """Record that a person wants an ended run taken back; as the port says."""
        async with self._database.transaction() as connection:
            locked = await lock_run(connection, run_id)
            refusal = _refusal(locked, by)
            changes = Changes.to(locked)
            if refusal is None:
                changes.audit("undo_ordered", by=by.name, reason=summarize(reason), epoch=locked.epoch)
                await connection.execute(query("order_undo"), run_id, by.name, locked.epoch)
            else:
                changes.audit("undo_refused", by=by.name, reason=summarize(refusal.message))
            await changes.write(connection)
            preview = await self._preview(connection, locked.run)
        if refusal is not None:
            # Raised after the commit: that somebody tried stays on record.
            raise refusal
        return preview

    async def next_undoable(self, after: NextUndo) -> Sequence[Undoable]:
        """Give the newest effects that can be taken back and were not; empty when nobody ordered it."""
        async with self._database.connection() as connection:
            run = await connection.fetchrow(query("run"), after.run_id)
            if run is None or run["undo_by"] is None or not RunStatus(run["status"]).is_end:
                return ()
            bundle = await self._bundles.load(run["bundle_digest"], connection)
            tools = [tool.name for tool in bundle.tools if tool.compensation is not None]
            rows = await connection.fetch(query("undoable_effects"), after.run_id, tools, after.before)
        return tuple(Undoable(step=row["step"], call=row["call"], intent_at=row["intent_at"]) for row in rows)

    async def close_undo(self, run_id: RunId) -> Receipt:
        """Write the receipt of the run as it stands after taking back; repeated: as first."""
        async with self._database.transaction() as connection:
            locked = await lock_run(connection, run_id)
            bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
            receipt = await build_receipt(connection, locked.run, bundle)
            changes = Changes.to(locked)
            digest = changes.content(receipt.model_dump(mode="json"))
            newest = await connection.fetchrow(query("newest_audit"), run_id)
            if newest is None or newest["kind"] != "undo_finished" or newest["body"].get("receipt") != digest:
                fates = [line.compensation for line in receipt.lines]
                counted = {name: fates.count(name) for name in ("done", "failed", "not_possible")}
                changes.run(receipt_digest=digest)
                changes.audit("undo_finished", receipt=digest, open_items=receipt.open_items, **counted)
                await changes.write(connection)
        return receipt

    async def _preview(self, connection: Connection, run: Row) -> UndoPreview:
        bundle = await self._bundles.load(run["bundle_digest"], connection)
        rows = await connection.fetch(query("undo_effects"), run["run_id"])
        lines = tuple(_line(row, bundle, run["owner"]) for row in rows)
        return UndoPreview(run_id=run["run_id"], status=run["status"], owner=run["owner"], lines=lines)


def _refusal(locked: LockedRun, by: Principal) -> NotAuthorised | Refused | None:
    owner = locked.run["owner"]
    if Role.OPERATOR not in by.roles and not by.answers_for(owner):
        return NotAuthorised(f"{by.name} is neither an operator nor the agent's owner", hint=f"{owner} owns the agent")
    if not locked.has_ended:
        hint = f"`proctor kill {locked.run_id} --reason WHY` stops it, and takes its effects back"
        return Refused(f"run {locked.run_id} has not ended", hint=hint)
    return None


def _line(row: Row, bundle: AgentBundle, owner: str) -> UndoLine:
    contract = bundle.tool(ToolName(row["tool"]))
    rule = None if contract is None else contract.compensation
    fate, why = _fate(row, is_compensable=rule is not None, owner=owner)
    fields: dict[str, Any] = {"key": row["key"], "step": row["step"], "call": row["call"], "tool": row["tool"]}
    return UndoLine(
        **fields,
        happened=_HAPPENED[row["state"]],
        undo=fate,
        by_tool=row["undo_tool"] or (None if rule is None else rule.tool),
        why=why,
        request_id=row["undo_request"] or (row["request_id"] if row["state"] == "unknown" else None),
    )


def _fate(row: Row, *, is_compensable: bool, owner: str) -> tuple[UndoFate, str]:
    if row["undo_state"] == "confirmed":
        return "done", ""
    if row["undo_state"] in {"failed", "unknown"}:
        return "failed", f"taking it back failed: {owner} does it by hand and settles the open item"
    if row["state"] in {"failed", "attempt_failed"}:
        return "not_needed", "it did not happen"
    if row["state"] == "unknown":
        return "unsettled", f"nobody knows whether it happened: {owner} settles the open item first"
    if not is_compensable:
        return "not_possible", f"no tool takes it back: {owner} must act"
    return "possible", "its outcome is looked up first" if row["state"] == "intent" else ""
