"""The kill switch (DESIGN §6): the fence first, then every covered workflow by itself, then the receipts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from gateway.engine import RunEngine
from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.errors import InvalidInput, Unavailable, UnknownName
from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope, Receipt
from proctor.contracts.kill_ports import KillSwitch
from proctor.contracts.ports import AgentCatalog, RunJournal
from proctor.contracts.run import RunOutcome, RunStatus

T = TypeVar("T")

STOPS_AT_ONCE = 64
TERMINATED_AT_ONCE = 8
"""The engine has work with each termination, and more at once only make it wait for itself."""
WAIT_S = 30.0
POLL_S = 0.1
STALLED_S = 3.0
"""When no run has ended for so long, we look whether those left can end at all."""
RECEIPTS_AT_ONCE = 500
ENDED_TOGETHER = 100
"""Waiting runs that one transaction ends."""
NOT_TERMINATED = "not every workflow of an ended run was terminated in time; the others end by themselves, later"
STUCK = "its workflow could not go on and was terminated; nothing was taken back: proctor undo"


@dataclass(frozen=True)
class KillReport:
    """What a kill did: receipts of the runs that ended, and the runs that had not by the end of the wait."""

    fence: Fence
    receipts: tuple[Receipt, ...]
    still_open: tuple[RunId, ...]
    trouble: str = ""
    """Why some runs could not be told to stop; the fence holds for them all the same."""
    fenced_s: float = 0.0
    """Time from the order until the fence was committed."""


def default_mode(scope: KillScope) -> Literal["compensate", "freeze"]:
    """Give the mode of a kill that names none: one run takes its effects back, anything wider stays as it is."""
    return "compensate" if scope is KillScope.RUN else "freeze"


async def check_target(scope: KillScope, value: str, *, kills: KillSwitch, catalog: AgentCatalog) -> None:
    """Make sure that a kill is of something: a misspelt name would raise a fence that stops nothing.

    Raises:
        UnknownName: no run, agent, tool or tenant of that name was ever seen here.

    """
    if scope is KillScope.AGENT and value in catalog.names():
        return
    if scope is KillScope.TOOL and value in _tools_of(catalog):
        return
    if not await kills.knows(scope, value):
        hint = {
            KillScope.RUN: "`proctor ps` lists the runs",
            KillScope.AGENT: f"the agents here: {', '.join(catalog.names()) or 'none'}",
            KillScope.TOOL: "`proctor tools ls` lists the tools",
        }.get(scope, "no run is of that tenant")
        raise UnknownName(f"there is no {scope} {value}", hint=hint)


def _tools_of(catalog: AgentCatalog) -> Iterable[str]:
    for name in catalog.names():
        try:
            bundle = catalog.load(name)
        except InvalidInput:  # Its files are wrong; it does not run as they are.
            continue
        yield from (tool.name for tool in bundle.tools)


async def kill(
    order: KillOrder,
    *,
    by: Principal,
    kills: KillSwitch,
    archive: RunArchive,
    journal: RunJournal,
    engine: RunEngine,
    wait_s: float = WAIT_S,
) -> KillReport:
    """Fence, stop every covered run, wait at most `wait_s` for them to end, and report.

    From the fence on no new effect can begin, whatever happens to the rest. A workflow whose task keeps failing can
    take no notice of the cancel; it is terminated once nothing else moves, and its receipt says so. Repeating a kill
    is safe.

    Raises:
        NotAuthorised: `by` may not kill.
        Unavailable: the store does not answer. An engine that does not answer is `KillReport.trouble`.

    """
    ordered = time.monotonic()
    fence = await kills.raise_fence(order, by)
    fenced_s = time.monotonic() - ordered
    run_ids = await kills.covered(fence)
    stopping = _Stopping(fence, kills, archive, journal, engine)
    troubles = await stopping.stop_all(run_ids, wait_s)
    reached = [run_id for run_id in run_ids if not troubles[run_id]]
    await stopping.wait_for_end(reached, wait_s)
    report = await _report(fence, run_ids, kills, archive)
    return replace(report, trouble=next(filter(None, troubles.values()), ""), fenced_s=fenced_s)


@dataclass(frozen=True)
class _Stopping:
    """Stopping the workflows under one fence."""

    fence: Fence
    kills: KillSwitch
    archive: RunArchive
    journal: RunJournal
    engine: RunEngine

    async def stop_all(self, run_ids: Sequence[RunId], wait_s: float) -> dict[RunId, str]:
        """Stop every run; gives for each what stood in the way, if anything.

        A kill that freezes ends those that only wait itself, and their workflows need no worker for it; those that
        work are cancelled at the same time, so that nobody's running tool waits for the others.
        """
        waiting = await self.kills.waiting(run_ids) if self.fence.mode == "freeze" else set()
        working = [run_id for run_id in run_ids if run_id not in waiting]
        only_wait = [run_id for run_id in run_ids if run_id in waiting]
        cancelled, ended = await asyncio.gather(self._stop_each(working), self._end_waiting(only_wait, wait_s))
        return cancelled | ended

    async def _stop_each(self, run_ids: Sequence[RunId]) -> dict[RunId, str]:
        return dict(zip(run_ids, await _each(run_ids, self.stop), strict=True))

    async def _end_waiting(self, run_ids: Sequence[RunId], wait_s: float) -> dict[RunId, str]:
        """End runs in the store, then their workflows; what has begun something meanwhile is stopped like others."""
        ended: dict[RunId, RunOutcome] = {}
        until = asyncio.get_running_loop().time() + wait_s

        async def terminate(run_id: RunId) -> str:
            if asyncio.get_running_loop().time() > until:
                return NOT_TERMINATED
            try:
                await self.engine.end_closed(run_id, ended[run_id], f"fence {self.fence.epoch}: {self.fence.reason}")
            except Unavailable as error:
                return error.message
            return ""

        # The workflows of one batch end while the store ends the next: two servers work, each at its own part.
        limit, terminating = asyncio.Semaphore(TERMINATED_AT_ONCE), []
        try:
            for batch in _batches(run_ids, ENDED_TOGETHER):
                together = await self.kills.end_waiting(batch)
                ended |= together
                terminating.append(asyncio.ensure_future(_each(list(together), terminate, limit)))
            begun = await self._stop_each([run_id for run_id in run_ids if run_id not in ended])
        finally:
            troubles = [trouble for batch in await asyncio.gather(*terminating) for trouble in batch]
        return begun | dict(zip(ended, troubles, strict=True))

    async def stop(self, run_id: RunId) -> str:
        """Cancel a workflow; close the run itself where none is open. Gives what stood in the way, if anything."""
        try:
            standing = await self.engine.stop(run_id, f"fence {self.fence.epoch}: {self.fence.reason}")
        except Unavailable as error:
            return error.message
        if standing != "open":
            await self._close(run_id, "no workflow was open")
        return ""

    async def wait_for_end(self, run_ids: Sequence[RunId], wait_s: float) -> None:
        """Wait until all have ended or time is up; what cannot end by itself is ended when nothing else moves."""
        loop = asyncio.get_running_loop()
        moved, left = loop.time(), len(run_ids)
        until = moved + wait_s
        while waiting := await self.archive.still_open(run_ids):
            now = loop.time()
            if len(waiting) < left:
                moved, left = now, len(waiting)
            if now >= min(until, moved + STALLED_S):
                await _each(sorted(waiting), self._end_stuck)
                moved = loop.time()
            if now >= until:
                return
            await asyncio.sleep(min(POLL_S, until - now))

    async def _end_stuck(self, run_id: RunId) -> None:
        try:
            is_ended = await self.engine.end_stuck(run_id, f"fence {self.fence.epoch}: {STUCK} {run_id}")
        except Unavailable:
            return
        if is_ended:
            await self._close(run_id, f"{STUCK} {run_id}")

    async def _close(self, run_id: RunId, why: str) -> None:
        await self.journal.acknowledge_cancel(run_id)
        await self.journal.close_run(run_id, RunStatus.KILLED, f"fence {self.fence.epoch}: {why}")


async def _each(
    run_ids: Sequence[RunId], work: Callable[[RunId], Awaitable[T]], limit: asyncio.Semaphore | None = None
) -> list[T]:
    room = limit or asyncio.Semaphore(STOPS_AT_ONCE)

    async def one(run_id: RunId) -> T:
        async with room:
            return await work(run_id)

    return await asyncio.gather(*(one(run_id) for run_id in run_ids))


def _batches(run_ids: Sequence[RunId], size: int) -> list[Sequence[RunId]]:
    return [run_ids[first : first + size] for first in range(0, len(run_ids), size)]


async def _report(fence: Fence, run_ids: Sequence[RunId], kills: KillSwitch, archive: RunArchive) -> KillReport:
    still_open = await archive.still_open(run_ids)
    ended = [run_id for run_id in run_ids if run_id not in still_open]
    receipts: list[Receipt] = []
    for batch in _batches(ended, RECEIPTS_AT_ONCE):
        receipts += await kills.receipts(batch)
    left = tuple(run_id for run_id in run_ids if run_id in still_open)
    return KillReport(fence=fence, receipts=tuple(receipts), still_open=left)
