"""The journal's part of waiting for people, stopping and closing."""

from typing import Any

from proctor.contracts.errors import Corrupted, UnknownName
from proctor.contracts.human import RequestKind, RequestState
from proctor.contracts.ids import PrincipalName, RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope
from proctor.contracts.labels import Integrity, Labels
from proctor.contracts.run import AuditHead, RequestRef, RequestStanding, RunRecord, RunStatus
from proctor.contracts.steps import CallRef
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes
from proctor.store.database import Connection, Database
from proctor.store.ending import end_run, stop_run
from proctor.store.escalating import escalate
from proctor.store.governing import AFTER_A_DENIAL, recorded_decision, remember_denial
from proctor.store.kills import insert_fence
from proctor.store.locked import LockedRun, lock_run
from proctor.store.queries import query
from proctor.store.receipts import build_receipt
from proctor.store.rows import Row, to_head, to_run

OPEN_ITEMS = frozenset({RequestKind.UNKNOWN_OUTCOME, RequestKind.FAILED_COMPENSATION})
"""Kinds that stay open past their deadline: what they ask about does not go away (rule 4)."""
TEMPORAL = PrincipalName("temporal")


class ClosingJournal:
    """The frame of a run after it was opened."""

    _database: Database
    _bundles: BundleShelf

    async def read_request(self, ref: RequestRef) -> RequestStanding:
        """Tell the truth behind a signal, and let the planner know of an end that it has not seen."""
        async with self._database.transaction() as connection:
            await lock_run(connection, ref.run_id)
            row = await connection.fetchrow(query("request"), ref.request_id)
            if row is None or row["run_id"] != ref.run_id:
                raise UnknownName(f"run {ref.run_id} has no request {ref.request_id}")
            locked = await lock_call_of(connection, row)
            state = RequestState(row["state"])
            if state is RequestState.PENDING and row["expires_at"] <= locked.at:
                state = RequestState.EXPIRED
            next_at = None
            if state is RequestState.PENDING:
                next_at = await escalate(connection, locked, row)
            await _note(connection, locked, row, state)
        looks = {} if next_at is None else {"next_at": next_at}
        return RequestStanding(state=state, word=row["word"], decided_by=row["decided_by"], **looks)

    async def acknowledge_cancel(self, run_id: RunId) -> Fence:
        """Tell which fence stopped a run; one is raised where there is none."""
        async with self._database.transaction() as connection:
            fence = await _acknowledge(connection, run_id)
        if fence is not None:
            return fence
        async with self._database.transaction() as connection:
            # The exclusive lock comes before the run's row, as everywhere; taking it up from the shared one would
            # let two cancelled runs wait for each other.
            await connection.execute(query("lock_fences"))
            fence = await _acknowledge(connection, run_id)
            if fence is None:
                order = KillOrder(
                    scope=KillScope.RUN, value=run_id, actor=TEMPORAL, reason="cancelled in Temporal", mode="compensate"
                )
                await insert_fence(connection, order, TEMPORAL)
                fence = await _acknowledge(connection, run_id)
        assert fence is not None
        return fence

    async def lost_calls(self, run_id: RunId) -> list[CallRef]:
        """List the calls whose intent has no outcome, newest first."""
        rows = await self._database.rows("lost_calls", run_id)
        return [CallRef(run_id=run_id, step=row["step"], call=row["call"]) for row in rows]

    async def close_run(self, run_id: RunId, status: RunStatus, reason: str) -> tuple[RunRecord, AuditHead]:
        """End the run: status, report, receipt, audit; withdraws pending requests. Repeated: as first."""
        async with self._database.transaction() as connection:
            locked = await lock_run(connection, run_id)
            run = locked.run
            if not locked.has_ended:
                await self._close(connection, locked, status, reason)
                run = await connection.fetchrow(query("run"), run_id)
        head = to_head(run)
        if head is None:
            raise Corrupted(f"run {run_id} has no audit trail")
        return to_run(run), head

    async def _close(self, connection: Connection, locked: LockedRun, status: RunStatus, reason: str) -> None:
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        ended = {**dict(locked.run), "status": status, "status_reason": reason}
        receipt = await build_receipt(connection, ended, bundle)
        withdrawn = await connection.fetch(query("withdraw_requests"), [locked.run_id])
        changes = Changes.to(locked)
        end_run(changes, locked, receipt, [row["id"] for row in withdrawn])
        await changes.write(connection)


async def lock_call_of(connection: Connection, request: Row) -> LockedRun:
    """Read what is known of the call that a request is about, its run being locked."""
    ref = CallRef(run_id=request["run_id"], step=request["step"], call=request["call"])
    return await lock_run(connection, ref.run_id, ref.step, ref.call)


async def _note(connection: Connection, locked: LockedRun, row: Row, state: RequestState) -> None:
    """Write an end that a person, or nobody, brought about into the transcript, once."""
    ended = state in {RequestState.DENIED, RequestState.EXPIRED, RequestState.ANSWERED}
    if row["noted"] or not ended:
        return
    changes, kind = Changes.to(locked), RequestKind(row["kind"])
    if state is RequestState.EXPIRED and row["state"] == RequestState.PENDING and kind not in OPEN_ITEMS:
        changes.stand(row["id"], state=state)
        changes.audit("request_expired", request=row["id"], kind=kind, step=row["step"], call=row["call"])
    changes.stand(row["id"], noted=True)
    entry = _entry(row, kind, state)
    if entry is not None and (locked.outcome is None or entry[0] == "human"):
        planned = locked.planned if entry[0] != "human" else None
        node, tool = ("", None) if planned is None else (planned["node"], planned["tool"])
        person = (f"person:{row['decided_by']}",) if row["decided_by"] else ("proctor",)
        labels = Labels(integrity=Integrity.TRUSTED, sources=person)
        told = {**entry[1], "advice": AFTER_A_DENIAL} if entry[0] == "denial" else entry[1]
        changes.observe(entry[0], told, step=row["step"], call=row["call"], node=node, tool=tool, labels=labels)
        if planned is not None and entry[0] == "denial":
            remember_denial(changes, recorded_decision(planned), locked.tool, step=row["step"], **entry[1])
    await changes.write(connection)


def _entry(row: Row, kind: RequestKind, state: RequestState) -> tuple[str, dict[str, Any]] | None:
    if kind is RequestKind.APPROVAL:
        expired = "nobody decided before the request expired"
        reason = expired if state is RequestState.EXPIRED else row["reason"] or "denied"
        rule = "approval-expired" if state is RequestState.EXPIRED else "person"
        return "denial", {"rule": rule, "reason": reason, "by": "person"}
    if kind in {RequestKind.QUESTION, RequestKind.BUDGET}:
        return "human", {"question": row["details"].get("question", row["title"]), "answer": row["answer"]}
    if kind is RequestKind.UNKNOWN_OUTCOME and state is RequestState.EXPIRED:
        return "failure", {"error": "its outcome is not known, and nobody settled it in time"}
    return None


async def _acknowledge(connection: Connection, run_id: RunId) -> Fence | None:
    """Mark a run as stopping under the fence that covers it; None when there is none."""
    locked = await lock_run(connection, run_id, fenced=True)
    tools: list[Row] = []
    if any(fence.scope is KillScope.TOOL for fence in locked.fences):
        tools = await connection.fetch(query("planned_tools"), run_id)
    fence = locked.fence_over([row["tool"] for row in tools])
    if fence is not None and not locked.has_ended and locked.run["fence_epoch"] is None:
        changes = Changes.to(locked)
        stop_run(changes, fence)
        await changes.write(connection)
    return fence
