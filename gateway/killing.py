"""The kill switch (DESIGN §6): the fence first, then every covered workflow by itself, then the receipts."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from gateway.engine import RunEngine
from proctor.contracts.errors import Unavailable
from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope, Receipt
from proctor.contracts.ports import KillSwitch, RunArchive, RunJournal
from proctor.contracts.run import RunStatus

STOPS_AT_ONCE = 64
WAIT_S = 30.0
POLL_S = 0.1


@dataclass(frozen=True)
class KillReport:
    """What a kill did: receipts of the runs that ended, and the runs that had not by the end of the wait."""

    fence: Fence
    receipts: tuple[Receipt, ...]
    still_open: tuple[RunId, ...]
    trouble: str = ""
    """Why some runs could not be told to stop; the fence holds for them all the same."""


def default_mode(scope: KillScope) -> Literal["compensate", "freeze"]:
    """Give the mode of a kill that names none: one run takes its effects back, anything wider stays as it is."""
    return "compensate" if scope is KillScope.RUN else "freeze"


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

    From the fence on no new effect can begin, whatever happens to the rest. Repeating a kill is safe.

    Raises:
        NotAuthorised: `by` may not kill.
        Unavailable: the store does not answer. An engine that does not answer is `KillReport.trouble`.

    """
    fence = await kills.raise_fence(order, by)
    run_ids = await kills.covered(fence)
    limit = asyncio.Semaphore(STOPS_AT_ONCE)

    async def stop(run_id: RunId) -> str:
        async with limit:
            return await _stop(run_id, fence, engine, journal)

    troubles = await asyncio.gather(*(stop(run_id) for run_id in run_ids))
    reached = [run_id for run_id, trouble in zip(run_ids, troubles, strict=True) if not trouble]
    await _wait_for_end(reached, archive, wait_s)
    return await _report(fence, run_ids, kills, archive, next((trouble for trouble in troubles if trouble), ""))


async def _stop(run_id: RunId, fence: Fence, engine: RunEngine, journal: RunJournal) -> str:
    try:
        standing = await engine.stop(run_id, f"fence {fence.epoch}: {fence.reason}")
    except Unavailable as error:
        return error.message
    if standing != "open":
        await journal.acknowledge_cancel(run_id)
        await journal.close_run(run_id, RunStatus.KILLED, f"fence {fence.epoch}: no workflow was open")
    return ""


async def _wait_for_end(run_ids: list[RunId], archive: RunArchive, wait_s: float) -> None:
    limit = asyncio.Semaphore(STOPS_AT_ONCE)

    async def ended(run_id: RunId) -> None:
        while True:
            async with limit:
                if (await archive.run(run_id)).status.is_end:
                    return
            await asyncio.sleep(POLL_S)

    try:
        async with asyncio.timeout(wait_s):
            await asyncio.gather(*(ended(run_id) for run_id in run_ids))
    except TimeoutError:
        return


async def _report(
    fence: Fence, run_ids: list[RunId], kills: KillSwitch, archive: RunArchive, trouble: str
) -> KillReport:
    receipts, still_open = [], []
    for run_id in run_ids:
        if (await archive.run(run_id)).status.is_end:
            receipts.append(await kills.receipt(run_id))
        else:
            still_open.append(run_id)
    return KillReport(fence=fence, receipts=tuple(receipts), still_open=tuple(still_open), trouble=trouble)
