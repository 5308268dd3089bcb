"""Which measurements there are, and how they are run."""

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.approvals.measure import measure_approvals
from benchmarks.chat import measure_chat
from benchmarks.control import measure_approval, measure_kill
from benchmarks.counts import measure_history
from benchmarks.figures import Figure
from benchmarks.kill import measure_random_kills, measure_waiting_kill
from benchmarks.memory import measure_memory
from benchmarks.policy import QUICK_ROUNDS, ROUNDS, policy_figures
from benchmarks.product import ProductSide
from benchmarks.scale import QUICK, Scale
from benchmarks.sides import BareSide, Side
from benchmarks.speed import measure_latency, measure_throughput

Measure = Callable[[Sequence[Side], Scale], Awaitable[list[Figure]]]


def make_sides(folder: Path) -> list[Side]:
    """Make both sides, not yet started."""
    return [BareSide(folder), ProductSide(folder)]


ON_RUNNING_SIDES: dict[str, Measure] = {
    "history": measure_history,
    "latency": measure_latency,
    "throughput": measure_throughput,
    "approval": measure_approval,
}
FreshMeasure = Callable[[Path, Scale], Awaitable[list[Figure]]]


async def _memory(folder: Path, scale: Scale) -> list[Figure]:
    return await measure_memory(make_sides(folder), scale)


async def _policy(_: Path, scale: Scale) -> list[Figure]:
    return policy_figures(QUICK_ROUNDS if scale == QUICK else ROUNDS)


ON_FRESH_SIDES: dict[str, FreshMeasure] = {
    "memory": _memory,
    "kill": measure_kill,
    "kill-waiting": measure_waiting_kill,
    "kill-random": measure_random_kills,
    "policy": _policy,
    "approvals": measure_approvals,
    "chat": measure_chat,
}
"""Those that start their own processes, in a folder, or need none."""
NAMES = (*ON_RUNNING_SIDES, *ON_FRESH_SIDES)


async def run_suite(names: Sequence[str], scale: Scale, say: Callable[[str], None]) -> list[Figure]:
    """Run the named measurements. State is kept in a temporary folder and thrown away."""
    figures: list[Figure] = []
    # One folder for all: the Postgres wheel keeps its lock where its first server was, until the process ends.
    with tempfile.TemporaryDirectory(prefix="proctor-bench-") as folder:
        running = [name for name in ON_RUNNING_SIDES if name in names]
        if running:
            figures += await _on_running_sides(running, Path(folder) / "running", scale, say)
        for name in (name for name in ON_FRESH_SIDES if name in names):
            say(name)
            figures += await ON_FRESH_SIDES[name](Path(folder) / name, scale)
    return figures


async def _on_running_sides(
    names: Sequence[str], folder: Path, scale: Scale, say: Callable[[str], None]
) -> list[Figure]:
    figures: list[Figure] = []
    async with AsyncExitStack() as exits:
        sides = [await exits.enter_async_context(side) for side in make_sides(folder)]
        for name in names:
            say(name)
            figures += await ON_RUNNING_SIDES[name](sides, scale)
    return figures
