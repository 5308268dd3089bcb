"""Follows a run to its end, through short absences of the store."""

import asyncio
from collections.abc import AsyncIterator

from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.audit import AuditRecord
from proctor.contracts.errors import Unavailable
from proctor.contracts.ids import RunId

MAX_ABSENCES = 10
"""How often in a row the store may fail to answer before we give up; one second apart."""


async def follow(
    archive: RunArchive, run_id: RunId, *, after: int = -1, pause_s: float = 1.0
) -> AsyncIterator[AuditRecord]:
    """Yield every audit record of a run behind `after` once, in order, until it has ended.

    Raises:
        Unavailable: the store stayed away. `UnknownName`: there is no such run.

    """
    absences = 0
    while True:
        try:
            async for record in archive.follow(run_id, after):
                after, absences = record.n, 0
                yield record
        except Unavailable:
            absences += 1
            if absences > MAX_ABSENCES:
                raise
            await asyncio.sleep(pause_s)
        else:
            return
