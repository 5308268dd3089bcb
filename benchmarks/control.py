"""How quickly people take hold: from an approval to the effect, from a kill to the last effect."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from temporalio.client import WorkflowFailureError

from benchmarks.figures import Figure, percentile
from benchmarks.moments import read_moments
from benchmarks.product import ProductSide, TimedKills
from benchmarks.scale import Scale
from benchmarks.sides import BareSide, Order, Side, finish, poll
from proctor.contracts.kill import KillScope
from workers.embedded.temporal import EmbeddedTemporal

SETTLE_S = 0.3
LOOK_S = 0.01
RUNS_UNDER_WAY = 20
CALLS_BEFORE_KILL = 200


class HeartbeatsOnly(EmbeddedTemporal):
    """A server that cannot send commands to workers, as most clusters still are."""

    def _arguments(self) -> Iterator[str]:
        for argument in super()._arguments():
            yield argument.replace("=true", "=false") if "WorkerCommand" in argument else argument


async def measure_approval(sides: Sequence[Side], scale: Scale) -> list[Figure]:
    """Time from the decision of a person (for the bare loop: the signal) to the tool's own note that it was called."""
    samples: dict[str, list[float]] = {side.name: [] for side in sides}
    for attempt in range(scale.attempts):
        for side in sides:
            samples[side.name].append(await _approved_ms(side, f"approved-{attempt}"))
    return [
        Figure("approval", f"approved to effect started: p{percent}", "ms", side, (percentile(values, percent),))
        for side, values in samples.items()
        for percent in (50, 99)
    ]


async def _approved_ms(side: Side, run: str) -> float:
    await side.start(Order(run, "wait", 1))
    await side.until_waiting([run])
    await asyncio.sleep(SETTLE_S)
    decided = time.time()
    await side.release(run)
    await finish(side, run)
    (called,) = read_moments(side.moments, f"{run}/")
    return (called.at_s - decided) * 1000


async def measure_kill(folder: Path, scale: Scale) -> list[Figure]:
    """Stop slow tools, with commands to workers and without, and then everything under load."""
    figures: list[Figure] = []
    for way, server in (("worker commands", EmbeddedTemporal), ("heartbeats only", HeartbeatsOnly)):
        place = folder / way.split(maxsplit=1)[0]
        async with BareSide(place, temporal=server(place / "bare.log", database=place / "bare.db")) as bare:
            found = [await _cancelled_ms(bare, f"slow-{attempt}") for attempt in range(scale.attempts)]
            figures.append(Figure("kill", f"running tool stopped ({way})", "ms", bare.name, tuple(found)))
        async with ProductSide(place, temporal=server(place / "product.log", database=place / "product.db")) as side:
            figures += await _kills(side, way, scale)
            if server is EmbeddedTemporal:
                figures += await _kill_all(side)
    return figures


async def _until_called(side: Side, run: str) -> None:
    async def is_called() -> bool:
        return bool(read_moments(side.moments, f"{run}/"))

    await poll(is_called, pause_s=LOOK_S)
    await asyncio.sleep(SETTLE_S)


def _stopped_ms(side: Side, run: str, since: float) -> float:
    stopped = [moment.at_s for moment in read_moments(side.moments, f"{run}/") if moment.what == "stopped"]
    return (stopped[-1] - since) * 1000


async def _cancelled_ms(side: BareSide, run: str) -> float:
    await side.start(Order(run, "slow", 1))
    await _until_called(side, run)
    since = time.time()
    await side.client.get_workflow_handle(run).cancel()
    await until_ended(side, run)
    return _stopped_ms(side, run, since)


async def until_ended(side: Side, run: str) -> None:
    """Wait until a run has ended, well or not."""
    try:
        await finish(side, run)
    except WorkflowFailureError:
        return


async def _kills(side: ProductSide, way: str, scale: Scale) -> list[Figure]:
    samples: dict[str, list[float]] = {}
    for attempt in range(scale.attempts):
        run = f"slow-{attempt}"
        await side.start(Order(run, "slow", 1))
        await _until_called(side, run)
        since, kills = time.time(), TimedKills(side.gateway.store.kills)
        await side.kill(KillScope.RUN, run, kills)
        samples.setdefault("fence committed", []).append((kills.fenced_at_s - since) * 1000)
        samples.setdefault("running tool stopped", []).append(_stopped_ms(side, run, since))
        samples.setdefault("run ended, receipt given", []).append((time.time() - since) * 1000)
    return [Figure("kill", f"{name} ({way})", "ms", side.name, tuple(values)) for name, values in samples.items()]


async def _are_busy(side: Side) -> bool:
    return len(read_moments(side.moments, "busy-")) >= CALLS_BEFORE_KILL


async def _kill_all(side: ProductSide) -> list[Figure]:
    runs = [f"busy-{n}" for n in range(RUNS_UNDER_WAY)]
    await asyncio.gather(*(side.start(Order(run, "effect", 1000)) for run in runs))
    await poll(lambda: _are_busy(side), pause_s=LOOK_S)
    since, kills = time.time(), TimedKills(side.gateway.store.kills)
    report = await side.kill(KillScope.ALL, "", kills)
    ended = time.time()
    await side.release_fence(report.fence.epoch)
    called = [moment.at_s for moment in read_moments(side.moments, "busy-")]
    measure = f"kill of {RUNS_UNDER_WAY} busy runs"
    found = {
        "fence committed": kills.fenced_at_s - since,
        "last effect started, from the kill": max(called) - since,
        "last effect started, from the fence": max(called) - kills.fenced_at_s,
        "all ended, receipts given": ended - since,
    }
    figures = [Figure(measure, name, "ms", side.name, (seconds * 1000,)) for name, seconds in found.items()]
    return [*figures, Figure(measure, "runs still open", "runs", side.name, (len(report.still_open),))]
