"""The kill switch (DESIGN §6): the fence first, then every covered workflow by itself, then the receipts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from gateway.engine import RunEngine
from proctor.contracts.errors import InvalidInput, Unavailable, UnknownName
from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope, Receipt
from proctor.contracts.ports import AgentCatalog, KillSwitch, RunArchive, RunJournal
from proctor.contracts.run import RunStatus

T = TypeVar("T")

STOPS_AT_ONCE = 64
WAIT_S = 30.0
POLL_S = 0.1
STALLED_S = 3.0
"""When no run has ended for so long, we look whether those left can end at all."""
RECEIPTS_AT_ONCE = 500
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
    stopping = _Stopping(fence, archive, journal, engine)
    troubles = await _each(run_ids, stopping.stop)
    reached = [run_id for run_id, trouble in zip(run_ids, troubles, strict=True) if not trouble]
    await stopping.wait_for_end(reached, wait_s)
    report = await _report(fence, run_ids, kills, archive)
    return replace(report, trouble=next((trouble for trouble in troubles if trouble), ""), fenced_s=fenced_s)


@dataclass(frozen=True)
class _Stopping:
    """Stopping the workflows under one fence."""

    fence: Fence
    archive: RunArchive
    journal: RunJournal
    engine: RunEngine

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


async def _each(run_ids: Sequence[RunId], work: Callable[[RunId], Awaitable[T]]) -> list[T]:
    limit = asyncio.Semaphore(STOPS_AT_ONCE)

    async def one(run_id: RunId) -> T:
        async with limit:
            return await work(run_id)

    return await asyncio.gather(*(one(run_id) for run_id in run_ids))


async def _report(fence: Fence, run_ids: Sequence[RunId], kills: KillSwitch, archive: RunArchive) -> KillReport:
    still_open = await archive.still_open(run_ids)
    ended = [run_id for run_id in run_ids if run_id not in still_open]
    receipts: list[Receipt] = []
    for first in range(0, len(ended), RECEIPTS_AT_ONCE):
        receipts += await kills.receipts(ended[first : first + RECEIPTS_AT_ONCE])
    left = tuple(run_id for run_id in run_ids if run_id in still_open)
    return KillReport(fence=fence, receipts=tuple(receipts), still_open=left)
