"""Memory with many runs waiting."""

import asyncio
from collections.abc import Sequence

from benchmarks.figures import Figure, Goal
from benchmarks.meters import Reading, read_meters
from benchmarks.scale import Scale
from benchmarks.sides import Order, Side

STARTS_AT_ONCE = 24
SETTLE_S = 3.0
AS_LITTLE = Goal(1.3, "at_most", "ratio")


async def measure_memory(sides: Sequence[Side], scale: Scale) -> list[Figure]:
    """Start fresh processes, fill them with waiting runs, and read what the system says they hold."""
    figures: list[Figure] = []
    for side in sides:
        async with side:
            empty = read_meters(side.pids)
            await fill(side, scale.waiting_runs)
            full = read_meters(side.pids)
            figures += _figures(side.name, scale.waiting_runs, empty, full)
    return figures


async def fill(side: Side, count: int) -> None:
    """Start so many runs and return when all of them wait for a person."""
    limit = asyncio.Semaphore(STARTS_AT_ONCE)

    async def start(run: str) -> None:
        async with limit:
            await side.start(Order(run, "wait", 1))

    runs = [f"waiting-{n}" for n in range(count)]
    await asyncio.gather(*(start(run) for run in runs))
    await side.until_waiting(runs)
    await asyncio.sleep(SETTLE_S)


def _figures(side: str, count: int, empty: Reading, full: Reading) -> list[Figure]:
    measure = f"{count} runs waiting"
    figures = []
    for name in full.rss_mib:
        goal = AS_LITTLE if name in {"worker", "server"} else None
        figures.append(Figure(measure, f"memory of {name}", "MiB", side, (full.rss_mib[name],), goal))
        grown = (full.rss_mib[name] - empty.rss_mib[name]) * 1024 / count
        figures.append(Figure(measure, f"memory of {name}: each run adds", "KiB", side, (grown,)))
    return figures
