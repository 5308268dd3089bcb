"""What is written about a run when a kill stops it, and when it ends."""

from collections.abc import Sequence

from proctor.contracts.kill import Fence, Receipt
from proctor.contracts.run import RunStatus
from proctor.store.changes import Changes
from proctor.store.locked import LockedRun


def stop_run(changes: Changes, fence: Fence) -> None:
    """Write that a fence stops the run."""
    changes.run(status=RunStatus.STOPPING, status_reason=fence.reason, fence_epoch=fence.epoch)
    changes.audit("run_stopping", epoch=fence.epoch, scope=fence.scope, by=fence.actor, mode=fence.mode)


def end_run(changes: Changes, locked: LockedRun, receipt: Receipt, withdrawn: Sequence[str]) -> None:
    """Write the end of the run as its receipt tells it."""
    digest = changes.content(receipt.model_dump(mode="json"))
    changes.run(status=receipt.status, status_reason=receipt.reason, closed_at=locked.at, receipt_digest=digest)
    changes.audit(
        "run_closed",
        status=receipt.status,
        reason=receipt.reason,
        steps=locked.run["steps"],
        cost_usd=locked.spent_usd,
        report=locked.run["report_digest"],
        receipt=digest,
        epoch=receipt.epoch,
        withdrawn=withdrawn,
        open_items=receipt.open_items,
    )
