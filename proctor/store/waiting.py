"""Ending runs that a kill found doing nothing but waiting, many in one transaction (ADR 12)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from proctor.contracts.canonical import summarize
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence, KillScope
from proctor.contracts.run import RunOutcome, RunStatus
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes, write_all
from proctor.store.database import Connection
from proctor.store.ending import end_run, stop_run
from proctor.store.locked import LockedRun
from proctor.store.queries import query
from proctor.store.receipts import build_receipts
from proctor.store.rows import Row, to_fence

FREEZE = "freeze"


async def end_waiting_runs(
    connection: Connection, bundles: BundleShelf, run_ids: Sequence[RunId]
) -> dict[RunId, RunOutcome]:
    """End those of the runs that only wait and that a freezing fence covers, in the caller's transaction.

    A run that somebody writes about at this moment is passed over, as is one that has anything under way: it ends
    through its workflow. Nothing that a worker may still try can begin afterwards: the run has ended.
    """
    free = [row["run_id"] for row in await connection.fetch(query("lock_open_runs"), list(run_ids))]
    fences = tuple(to_fence(row) for row in await connection.fetch(query("active_fences")))
    found = await connection.fetch(query("waiting_runs"), free)
    stopped = {RunId(row["run"]["run_id"]): (_locked(row, fences), row["tools"]) for row in found}
    covered = {
        run_id: (locked, fence)
        for run_id, (locked, tools) in stopped.items()
        if (fence := locked.fence_over(tools)) is not None and fence.mode == FREEZE
    }
    return await _end(connection, bundles, covered)


async def _end(
    connection: Connection, bundles: BundleShelf, covered: dict[RunId, tuple[LockedRun, Fence]]
) -> dict[RunId, RunOutcome]:
    ended = [_ended(locked, fence) for locked, fence in covered.values()]
    digests = {run["bundle_digest"] for run in ended}
    receipts = await build_receipts(
        connection, ended, {digest: await bundles.load(digest, connection) for digest in digests}
    )
    withdrawn = defaultdict[str, list[str]](list)
    for row in await connection.fetch(query("withdraw_requests"), list(covered)):
        withdrawn[row["run_id"]].append(row["id"])
    batches = []
    for (locked, fence), receipt in zip(covered.values(), receipts, strict=True):
        batches.append(changes := Changes.to(locked))
        stop_run(changes, fence)
        end_run(changes, locked, receipt, withdrawn[locked.run_id])
    heads = await write_all(connection, batches)
    return {
        receipt.run_id: RunOutcome(
            status=RunStatus(receipt.status), reason=receipt.reason, report_digest=run["report_digest"], head=head
        )
        for receipt, run, head in zip(receipts, ended, heads, strict=True)
        if head is not None
    }


def _locked(row: Row, fences: Sequence[Fence]) -> LockedRun:
    run = row["run"]
    targets = {
        KillScope.ALL: "",
        KillScope.RUN: run["run_id"],
        KillScope.AGENT: run["agent"],
        KillScope.TENANT: run["tenant"],
    }
    over = tuple(fence for fence in fences if targets.get(fence.scope, fence.value) == fence.value)
    return LockedRun(at=row["at"], run=run, fences=over)


def _ended(locked: LockedRun, fence: Fence) -> dict[str, Any]:
    """Give the run's row as it will be."""
    reason = summarize(f"{fence.reason} (by {fence.actor}, epoch {fence.epoch})")
    return {
        **dict(locked.run),
        "status": RunStatus.KILLED,
        "status_reason": reason,
        "fence_epoch": fence.epoch,
    }
