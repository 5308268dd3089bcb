"""What no request brings about: accepted runs get their workflow, and runs that lost theirs get their end (rule 11)."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.engine import RunEngine
from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.errors import UnknownName
from proctor.contracts.ids import RunId
from proctor.contracts.ports import Admissions, RunJournal
from proctor.contracts.run import RunRecord, RunStatus

UNSTARTED_AFTER_S = 10.0
"""An accepted run this old should have been opened; its caller may have crashed between the row and the start."""
FIRST_LOOK_BACK = timedelta(days=30)
OVERLAP = timedelta(minutes=5)
"""Temporal's lists lag behind its histories, so each look begins before the last one."""
AT_ONCE = 16


@dataclass
class Sweeper:
    """Looks for runs that nobody takes care of. Safe to run in every worker at once, and at any time."""

    admissions: Admissions
    archive: RunArchive
    journal: RunJournal
    engine: RunEngine
    _seen: set[RunId] = field(default_factory=set)
    """Runs that this process has taken care of: a queue of a thousand is not started again at each sweep."""
    _looked_at: datetime | None = None

    async def sweep(self) -> list[RunId]:
        """Take care of every such run; gives those whose standing was changed.

        Raises:
            Unavailable: store or engine do not answer.

        """
        return [*await self.start_unstarted(), *await self.close_broken_off()]

    async def start_unstarted(self, older_than_s: float = UNSTARTED_AFTER_S) -> list[RunId]:
        """Start the workflows of runs that were accepted and never opened; one that was started stays as it is."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def start(run_id: RunId) -> None:
            async with limit:
                record = await self.archive.run(run_id)
                if not record.status.is_end:
                    await self.engine.start(record)
                self._seen.add(run_id)

        found = [run_id for run_id in await self.admissions.unstarted(older_than_s) if run_id not in self._seen]
        await asyncio.gather(*(start(run_id) for run_id in found))
        return found

    async def close_broken_off(self) -> list[RunId]:
        """Close runs whose workflow was terminated or failed: it could neither take anything back nor say so."""
        now = datetime.now(UTC)
        since = now - FIRST_LOOK_BACK if self._looked_at is None else self._looked_at - OVERLAP
        closed = [run_id for run_id in await self.engine.broken_off(since) if await self._close(run_id)]
        self._looked_at = now
        return closed

    async def _close(self, run_id: RunId) -> bool:
        record = await self._open_record(run_id)
        # A workflow that was reset was terminated too, and another one goes on under its id.
        if record is None or await self.engine.standing(run_id) != "closed":
            return False
        fence = await self.journal.acknowledge_cancel(run_id)
        status = RunStatus.CANCELLED if fence.actor == "temporal" else RunStatus.KILLED
        reason = f"its workflow was ended from outside; nothing was taken back: proctor receipt {run_id}"
        await self.journal.close_run(run_id, status, reason)
        return True

    async def _open_record(self, run_id: RunId) -> RunRecord | None:
        try:
            record = await self.archive.run(run_id)
        except UnknownName:
            return None
        return None if record.status.is_end else record
