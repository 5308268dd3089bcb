"""Events and bytes of history per step, and the largest input of an activity."""

from collections.abc import Sequence

from benchmarks.figures import Figure, Goal
from benchmarks.history import Footprint, footprint
from benchmarks.scale import Scale
from benchmarks.sides import Mode, Order, Side, finish

MEASURE = "history"
MAX_EVENTS: dict[Mode, int] = {"effect": 12, "read": 7}
MAX_STEP_BYTES = 1700
MAX_INPUT_BYTES = 4096
LONG_RUN = 100
"""From so many calls on the whole run is held to the limit; in shorter ones beginning and end weigh more."""


async def measure_history(sides: Sequence[Side], scale: Scale) -> list[Figure]:
    """Run tasks of growing length alone; counts and bytes are exact, so once is enough."""
    figures: list[Figure] = []
    for mode in ("effect", "read"):
        for side in sides:
            found = {calls: await _print_of(side, mode, calls) for calls in scale.history_calls}
            figures += _figures(side.name, mode, found)
    return figures


async def _print_of(side: Side, mode: Mode, calls: int) -> Footprint:
    run = f"history-{mode}-{calls}"
    await side.start(Order(run, mode, calls))
    await finish(side, run)
    return await footprint(side.client, run)


def _figures(side: str, mode: Mode, found: dict[int, Footprint]) -> list[Figure]:
    def figure(name: str, unit: str, value: float, goal: Goal | None = None) -> Figure:
        return Figure(MEASURE, f"{mode}: {name}", unit, side, (value,), goal)

    figures = []
    for calls, seen in found.items():
        figures.append(figure(f"{calls} calls", "events", seen.events))
        limit = Goal(MAX_STEP_BYTES * calls, "at_most") if calls >= LONG_RUN else None
        figures.append(figure(f"{calls} calls", "bytes", seen.size_bytes, limit))
        figures.append(figure(f"{calls} calls", "continuations", seen.continuations))
    few, many = sorted(found)[:2]
    steps = many - few
    events, size = found[many].events - found[few].events, found[many].size_bytes - found[few].size_bytes
    figures.append(figure("each further step", "events", events / steps, Goal(MAX_EVENTS[mode], "at_most")))
    figures.append(figure("each further step", "bytes", size / steps, Goal(MAX_STEP_BYTES, "at_most")))
    largest = max(seen.largest_input_bytes for seen in found.values())
    figures.append(figure("largest activity input in history", "bytes", largest, Goal(MAX_INPUT_BYTES, "at_most")))
    return figures
