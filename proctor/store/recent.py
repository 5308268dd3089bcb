"""What this process read of a run a moment ago, so that the next write about it needs no second look."""

import time
from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta
from typing import Any

from proctor.contracts.run import AuditHead
from proctor.contracts.steps import CallRef, StepRef
from proctor.store.locked import LockedRun

KEPT = 4096
"""Entries of some 2 KB each; one more read is all that a forgotten one costs."""


class RecentReads:
    """Runs as they were left after the last statement about a step or call.

    Never trusted: a write that rests on one carries the ends of audit and transcript as they were then, and writes
    nothing when the run has moved on since (`record.sql`).
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[CallRef | StepRef, tuple[LockedRun, float]] = OrderedDict()

    def keep(self, ref: CallRef | StepRef, seen: LockedRun) -> None:
        """Remember a run as it is now."""
        self._kept[ref] = (replace(seen, is_locked=False), time.monotonic())
        self._kept.move_to_end(ref)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def take(self, ref: CallRef | StepRef) -> LockedRun | None:
        """Give what is remembered, with the database's time carried forward, and forget it."""
        found = self._kept.pop(ref, None)
        if found is None:
            return None
        seen, kept_at = found
        return replace(seen, at=seen.at + timedelta(seconds=time.monotonic() - kept_at))


def after_write(locked: LockedRun, head: AuditHead | None, **changed: Any) -> LockedRun:
    """Give the run as it is after a batch without transcript entries was written."""
    ends = {} if head is None else {"audit_n": head.n, "audit_hash": head.hash}
    return replace(locked, run={**dict(locked.run), **ends}, **changed)
