"""Records of a run as they come: as a long poll, and as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from proctor.contracts.audit import AuditRecord
from proctor.contracts.base import Contract

MOST_RECORDS = 500
BEAT_S = 15.0
"""A comment at least so often, so that proxies keep the connection."""
LONGEST_STREAM_S = 900.0
"""Then the client comes back, and is authenticated again."""
MORE_WITHIN_S = 0.02


class NewRecords(Contract):
    """What a long poll found. `has_ended`: the run has, and this was the last of it."""

    items: tuple[AuditRecord, ...]
    has_ended: bool


class _Next:
    """The next record, waited for again and again without losing it."""

    def __init__(self, records: AsyncIterator[AuditRecord], stopping: asyncio.Event) -> None:
        self._records = records
        self._task: asyncio.Future[AuditRecord] | None = None
        self._stop = asyncio.ensure_future(stopping.wait())

    async def within(self, seconds: float) -> AuditRecord | None:
        """Give the next record; None when none came in time, or the process stops. Raises `StopAsyncIteration`."""
        self._task = self._task or asyncio.ensure_future(anext(self._records))
        waiting: set[asyncio.Future[Any]] = {self._task, self._stop}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not self._task.done():
            return None
        done, self._task = self._task, None
        return done.result()

    @property
    def is_stopping(self) -> bool:
        return self._stop.done()

    async def close(self) -> None:
        self._stop.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


async def new_records(records: AsyncIterator[AuditRecord], wait_s: float, stopping: asyncio.Event) -> NewRecords:
    """Collect what is there, waiting at most `wait_s` for the first record."""
    found: list[AuditRecord] = []
    upcoming = _Next(records, stopping)
    try:
        while len(found) < MOST_RECORDS:
            # The first look may need the store: it gets a moment even when nobody wants to wait.
            record = await upcoming.within(MORE_WITHIN_S if found else max(wait_s, 0.25))
            if record is None:
                break
            found.append(record)
    except StopAsyncIteration:
        return NewRecords(items=tuple(found), has_ended=True)
    finally:
        await upcoming.close()
    return NewRecords(items=tuple(found), has_ended=False)


async def events_of(records: AsyncIterator[AuditRecord], stopping: asyncio.Event) -> AsyncIterator[str]:
    """Write records as server-sent events; the last event is `end` when the run has ended."""
    upcoming, until = _Next(records, stopping), time.monotonic() + LONGEST_STREAM_S
    try:
        while time.monotonic() < until and not upcoming.is_stopping:
            record = await upcoming.within(BEAT_S)
            if record is None:
                yield ": still here\n\n"
            else:
                yield f"id: {record.n}\nevent: {record.kind}\ndata: {record.model_dump_json()}\n\n"
    except StopAsyncIteration:
        yield "event: end\ndata: {}\n\n"
    finally:
        await upcoming.close()
