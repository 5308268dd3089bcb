"""The kill switch under load: what it promises, held against what the tools themselves wrote down.

`kill-waiting` kills everything while many runs wait. `kill-random` kills runs, tools, agents and all of it at random
moments while tools work and workers are lost, and then compares every receipt with the tools' own record.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figure, Goal, percentile
from benchmarks.memory import fill
from benchmarks.moments import read_moments
from benchmarks.product import AGENT, ProductSide, TimedKills
from benchmarks.scale import Scale
from benchmarks.sides import Order
from gateway.killing import KillReport
from proctor.contracts.errors import Fenced
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence, KillScope, Receipt, ReceiptLine

UNDER_WAY = 12
CALLS = 200
LOSE_A_WORKER_EACH = 8
END_S = 60.0
NONE = Goal(0, "at_most")
CLOSED = Goal(20, "at_most")
TERMINATING_S = 300.0
"""However long it takes: what is measured is how long."""
SCOPES = (
    (KillScope.RUN, 0.8),
    (KillScope.TOOL, 0.08),
    (KillScope.AGENT, 0.06),
    (KillScope.ALL, 0.06),
)


async def measure_waiting_kill(folder: Path, scale: Scale) -> list[Figure]:
    """Kill everything while `scale.waiting_runs` runs wait for a person."""
    async with ProductSide(folder) as side:
        await fill(side, scale.waiting_runs)
        since, kills = time.time(), TimedKills(side.gateway.store.kills)
        report = await side.kill(KillScope.ALL, "", kills, wait_s=TERMINATING_S)
        ended = time.time()
    measure, closed = f"kill of {scale.waiting_runs} waiting runs", len(report.receipts)
    return [
        Figure(measure, "fence committed", "ms", side.name, ((kills.fenced_at_s - since) * 1000,)),
        Figure(measure, "all ended in the store", "s", side.name, (kills.ended_at_s - since,), CLOSED),
        Figure(measure, "workflows terminated, receipts given", "s", side.name, (ended - since,), CLOSED),
        Figure(measure, "runs not closed", "runs", side.name, (scale.waiting_runs - closed,), NONE),
    ]


@dataclass
class Found:
    """What the random kills came to."""

    fence_ms: list[float] = field(default_factory=list)
    ended_ms: list[float] = field(default_factory=list)
    """Kills during which no worker was lost: from the order to the receipts."""
    intents_after: int = 0
    wrong: list[str] = field(default_factory=list)
    """Effects whose receipt says something else than the tool's own record."""
    effects: int = 0
    unknown: int = 0
    still_open: int = 0


async def measure_random_kills(folder: Path, scale: Scale) -> list[Figure]:
    """Kill at random moments under load; every eighth time a worker is lost meanwhile."""
    chance, found = random.Random(4), Found()
    async with ProductSide(folder) as side:
        load = Load(side)
        for number in range(scale.random_kills):
            await load.top_up()
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            await _kill_once(side, load, chance, found, loses_worker=number % LOSE_A_WORKER_EACH == 1)
        await side.kill(KillScope.ALL, "", TimedKills(side.gateway.store.kills))
    return _figures(side.name, scale.random_kills, found)


class Load:
    """Runs that work all the time."""

    def __init__(self, side: ProductSide) -> None:
        self._side, self._started = side, 0
        self.runs: list[str] = []

    async def top_up(self) -> None:
        """Start as many runs as have ended."""
        still_open = await self._side.gateway.store.archive.still_open([RunId(run) for run in self.runs])
        self.runs = [run for run in self.runs if run in still_open]
        new = [f"work-{self._started + n}" for n in range(UNDER_WAY - len(self.runs))]
        self._started += len(new)
        self.runs += new
        with contextlib.suppress(Fenced):
            await asyncio.gather(*(self._side.start(Order(run, "work", CALLS)) for run in new))


async def _kill_once(side: ProductSide, load: Load, chance: random.Random, found: Found, *, loses_worker: bool) -> None:
    (scope,) = chance.choices([scope for scope, _ in SCOPES], [weight for _, weight in SCOPES])
    value = {KillScope.RUN: chance.choice(load.runs), KillScope.AGENT: AGENT, KillScope.TOOL: "WorkABit"}.get(scope, "")
    since, kills = time.time(), TimedKills(side.gateway.store.kills)
    killing = asyncio.create_task(side.kill(scope, value, kills, chance.choice(("compensate", "freeze"))))
    if loses_worker:
        await asyncio.sleep(chance.uniform(0, 0.2))
        await side.lose_worker()
    report = await killing
    found.fence_ms.append((kills.fenced_at_s - since) * 1000)
    if not loses_worker:
        found.ended_ms.append((time.time() - since) * 1000)
    await _look(side, report, found)
    await side.release_fence(report.fence.epoch)


async def _look(side: ProductSide, report: KillReport, found: Found) -> None:
    await _until_closed(side, report.still_open)
    left = await side.gateway.store.archive.still_open(report.still_open)
    found.still_open += len(left)
    # What is still being taken back has no last word yet: its receipt and the tool's record are read at two moments.
    late = await side.gateway.store.kills.receipts([run for run in report.still_open if run not in left])
    for receipt in [*report.receipts, *late]:
        found.intents_after += await _intents_after(side, receipt, report.fence)
        for line in receipt.lines:
            found.effects += 1
            found.unknown += line.fate == "unknown"
            if not _is_true(side, line):
                found.wrong.append(f"{line.key}: {line.fate}, {line.compensation}")


async def _until_closed(side: ProductSide, run_ids: Sequence[RunId]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            while await side.gateway.store.archive.still_open(run_ids):  # noqa: ASYNC110 - rows of another process
                await asyncio.sleep(0.2)


async def _intents_after(side: ProductSide, receipt: Receipt, fence: Fence) -> int:
    records = await side.gateway.store.archive.audit(receipt.run_id)
    return sum(record.kind == "effect_intended" and record.at >= fence.raised_at for record in records)


def _is_true(side: ProductSide, line: ReceiptLine) -> bool:
    noted = [moment.what for moment in read_moments(side.moments, line.key) if moment.key == line.key]
    was_done, was_undone = noted.count("done") == 1, noted.count("undone") == 1
    if noted.count("done") > 1 or noted.count("undone") > 1:
        return False
    says_undone = line.compensation == "done"
    return was_undone == says_undone and line.fate == ("confirmed" if was_done else "failed")


def _figures(side: str, kills: int, found: Found) -> list[Figure]:
    measure = f"{kills} random kills"
    for wrong in found.wrong:
        print(f"the receipt is wrong about {wrong}")
    counts = {
        "intents after the fence": found.intents_after,
        "receipt lines unlike the tool's own record": len(found.wrong),
        "effects left unknown": found.unknown,
        "runs that did not end": found.still_open,
    }
    times = {"fence committed": found.fence_ms, "all ended, receipts given": found.ended_ms}
    return [
        Figure(measure, "effects compared", "effects", side, (found.effects,)),
        *(Figure(measure, name, "count", side, (count,), NONE) for name, count in counts.items()),
        *(
            Figure(measure, f"{name}: p{percent}", "ms", side, (percentile(values, percent),))
            for name, values in times.items()
            for percent in (50, 99)
        ),
    ]
