"""`python -m benchmarks.fairness`: how long a few runs of one tenant take behind another tenant's flood (R6).

Three times on a fresh stack: the few runs alone, behind the flood with fairness as the product has it, and behind
the flood with the server's fairness switched off.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.product import AGENT, ProductSide
from gateway import admission
from proctor.contracts.ids import RunId, TenantId, run_id_for
from proctor.contracts.run import TaskRequest
from workers.embedded.temporal import EmbeddedTemporal

SUBMITTERS = 8
FLOOD, SMALL = TenantId("flood"), TenantId("small")


class UnfairTemporal(EmbeddedTemporal):
    """The server with one queue for all, in the order of arrival."""

    def _arguments(self) -> Iterator[str]:
        yield from super()._arguments()
        for name in ("useNewMatcher", "enableFairness"):
            yield from ("--dynamic-config-value", f"matching.{name}=false")


@dataclass(frozen=True)
class Measured:
    """What the few runs met."""

    seconds: tuple[float, ...]
    """Of each of the few, from its submission to its end."""
    flood_ended: int
    """Runs of the flood that had ended before the last of the few."""


async def measure(side: ProductSide, flood: int, few: int, calls: int) -> Measured:
    """Submit the flood, then the few, and wait for the few."""
    waiting = [(FLOOD, f"f{n}") for n in range(flood)]
    gate = asyncio.Semaphore(SUBMITTERS)

    async def submit(tenant: TenantId, key: str) -> RunId:
        async with gate:
            await _submit(side, tenant, key, calls)
        return run_id_for(tenant, key)

    flooding = await asyncio.gather(*(submit(*one) for one in waiting))
    ended: set[RunId] = set()
    watching = [asyncio.create_task(_note_end(side, run, ended)) for run in flooding]
    began = time.perf_counter()
    runs = await asyncio.gather(*(submit(SMALL, f"s{n}") for n in range(few)))

    async def took(run: RunId) -> float:
        await side.client.get_workflow_handle(run).result()
        return time.perf_counter() - began

    seconds = await asyncio.gather(*(took(run) for run in runs))
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    return Measured(tuple(seconds), len(ended))


async def _note_end(side: ProductSide, run: RunId, ended: set[RunId]) -> None:
    await side.client.get_workflow_handle(run).result()
    ended.add(run)


async def _submit(side: ProductSide, tenant: TenantId, key: str, calls: int) -> None:
    by, gateway = side.person("operator"), side.gateway
    request = TaskRequest(
        agent=AGENT,
        input={"mode": "effect", "calls": calls},
        requester=by.name,
        tenant=tenant,
        idempotency_key=key,
    )
    store = gateway.store
    await admission.submit(
        request,
        gateway.catalog.load(AGENT),
        by=by,
        admissions=store.admissions,
        engine=gateway.engine,
        changes=gateway.changes,
    )


async def compare(flood: int, few: int, calls: int) -> dict[str, Measured]:
    """Measure all three, one after the other."""
    found: dict[str, Measured] = {}
    for name, size, is_fair in (("alone", 0, True), ("fair", flood, True), ("in order of arrival", flood, False)):
        with tempfile.TemporaryDirectory(prefix="fair-") as folder:
            kind = EmbeddedTemporal if is_fair else UnfairTemporal
            server = kind(Path(folder) / "temporal.log", database=Path(folder) / "temporal.db")
            async with ProductSide(Path(folder), temporal=server) as side:
                found[name] = await measure(side, size, few, calls)
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--flood", type=int, default=300, help="runs of the flooding tenant")
    parser.add_argument("--few", type=int, default=5, help="runs of the other one")
    parser.add_argument("--calls", type=int, default=5, help="effects of each run")
    given = parser.parse_args()
    for name, one in asyncio.run(compare(given.flood, given.few, given.calls)).items():
        line = (
            f"{name}: the {given.few} took {statistics.median(one.seconds):.1f} s (median), "
            f"{max(one.seconds):.1f} s (last); {one.flood_ended} of the flood had ended before\n"
        )
        sys.stdout.write(line)
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    code = main()
    os._exit(code)  # A Python process that used a Temporal client may crash at exit (sdk-python#300).
