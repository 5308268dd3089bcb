"""Latency of an idle step, tasks per second under load, CPU per step."""

import asyncio
import itertools
import time
from collections.abc import Sequence

from benchmarks.figures import Figure, Goal, percentile
from benchmarks.meters import read_meters
from benchmarks.moments import read_moments
from benchmarks.scale import Scale
from benchmarks.sides import Mode, Order, Side, finish

AS_MANY = Goal(1.0, "at_least", "ratio")
MODES: tuple[Mode, ...] = ("effect", "read")


async def measure_latency(sides: Sequence[Side], scale: Scale) -> list[Figure]:
    """Time from one tool call to the next in a run that is alone; both sides in turn."""
    samples: dict[tuple[Mode, str, int], list[float]] = {}
    for turn in range(scale.rounds):
        for mode, side in itertools.product(MODES, sides):
            intervals = await _intervals_ms(side, mode, scale, turn)
            for percent in (50, 99):
                samples.setdefault((mode, side.name, percent), []).append(percentile(intervals, percent))
    return [
        Figure("idle step", f"{mode}: p{percent}", "ms", side, tuple(values))
        for (mode, side, percent), values in sorted(samples.items())
    ]


async def _intervals_ms(side: Side, mode: Mode, scale: Scale, turn: int) -> list[float]:
    run = f"alone-{mode}-{turn}"
    await side.start(Order(run, mode, scale.lone_calls))
    await finish(side, run)
    called = [moment.at_s for moment in read_moments(side.moments, f"{run}/") if moment.what == "called"]
    steady = called[scale.warm_up_calls :]
    return [(later - earlier) * 1000 for earlier, later in itertools.pairwise(steady)]


async def measure_throughput(sides: Sequence[Side], scale: Scale) -> list[Figure]:
    """Many tasks at once, both sides in turn; the first turn of each warms up and does not count."""
    samples: dict[tuple[str, str, str], list[float]] = {}
    for turn in range(scale.rounds + 1):
        for mode, side in itertools.product(MODES, sides):
            found = await _burst(side, mode, scale, turn)
            for (name, unit), value in found.items() if turn else ():
                samples.setdefault((f"{mode}: {name}", unit, side.name), []).append(value)
    measure = f"{scale.tasks} tasks at once, {scale.calls_per_task} calls each"
    return [
        Figure(measure, name, unit, side, tuple(values), AS_MANY if unit == "tasks/s" else None)
        for (name, unit, side), values in sorted(samples.items())
    ]


async def _burst(side: Side, mode: Mode, scale: Scale, turn: int) -> dict[tuple[str, str], float]:
    runs = [f"burst-{mode}-{turn}-{n}" for n in range(scale.tasks)]
    before, began = read_meters(side.pids), time.perf_counter()
    await asyncio.gather(*(_run_one(side, Order(run, mode, scale.calls_per_task)) for run in runs))
    took = time.perf_counter() - began
    used = read_meters(side.pids).cpu_since(before)
    steps = scale.tasks * scale.calls_per_task
    cpu = {(f"CPU of {name} per step", "ms"): seconds * 1000 / steps for name, seconds in used.items()}
    total = {("CPU of all per step", "ms"): sum(used.values()) * 1000 / steps}
    return {("throughput", "tasks/s"): scale.tasks / took, **cpu, **total}


async def _run_one(side: Side, order: Order) -> None:
    await side.start(order)
    await finish(side, order.run)
