"""Runs over REST."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from gateway.explaining import Story
from gateway.front_models import AuditTrail, Page, RunDetail, RunQuery, SubmittedRun, TaskOrder
from gateway.http.streaming import NewRecords
from proctor.contracts.audit import AuditRecord
from proctor.contracts.errors import Unavailable
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Receipt
from proctor.contracts.run import RunRecord

if TYPE_CHECKING:
    from gateway.remote import Link

LONG_POLL_S = 20.0
MAX_ABSENCES = 10
"""How often in a row the gateway may fail to answer before we give up; one second apart."""


class RemoteRuns:
    """As `RunsFront`."""

    def __init__(self, link: "Link") -> None:
        """Speak over `link`."""
        self._link = link

    async def submit(self, order: TaskOrder, key: str | None = None) -> SubmittedRun:
        """Ask for a run; the same idempotency key names the same run."""
        headers = {} if key is None else {"idempotency-key": key}
        return await self._link.post(SubmittedRun, "tasks", body=order, headers=headers)

    async def runs(self, query: RunQuery) -> Page[RunRecord]:
        """List runs, newest first."""
        asked = {"agent": query.agent, "open_only": query.open_only, "limit": query.limit, "cursor": query.cursor}
        return await self._link.get(Page[RunRecord], "runs", **asked)

    async def run(self, run_id: RunId) -> RunDetail:
        """Show a run."""
        return await self._link.get(RunDetail, "runs", run_id)

    async def receipt(self, run_id: RunId) -> Receipt:
        """Say what a run had done."""
        return await self._link.get(Receipt, "runs", run_id, "receipt")

    async def explain(self, run_id: RunId) -> Story:
        """Say why a run did what it did."""
        return await self._link.get(Story, "runs", run_id, "explanation")

    async def follow(self, run_id: RunId, after: int = -1) -> AsyncIterator[AuditRecord]:
        """Yield audit records as they come, until the run has ended; through short absences of the gateway."""
        absences = 0
        while True:
            try:
                found = await self._link.get(NewRecords, "runs", run_id, "records", after=after, wait_s=LONG_POLL_S)
            except Unavailable:
                absences += 1
                if absences > MAX_ABSENCES:
                    raise
                await asyncio.sleep(1.0)
                continue
            absences = 0
            for record in found.items:
                after = record.n
                yield record
            if found.has_ended:
                return

    async def audit(self, chain_id: RunId) -> AuditTrail:
        """Give the trail of a run, or of what governs an agent."""
        return await self._link.get(AuditTrail, "audit", chain_id)

    async def chains(self) -> Sequence[RunId]:
        """List every chain there is."""
        return await self._link.get(list[RunId], "audit")
