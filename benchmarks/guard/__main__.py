"""`python -m benchmarks.guard`: what validation, policy, fence and ledger cost around one HTTP call.

Three sides take turns in one process: the bare call by `httpx`, a guarded read and a guarded effect, as a worker's
activities carry them out on a Postgres with `fsync` on. Temporal is left out on both sides: `python -m benchmarks
latency` has it. Statements, round trips and bytes are counted by a proxy before Postgres, in steps that are not timed.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx

from benchmarks.figures import percentile
from benchmarks.guard.scene import ARGUMENTS, SCHEMA, GuardedRun, bundle_of
from benchmarks.guard.wire import CountingProxy
from benchmarks.policy import timed
from benchmarks.report import machine
from policies.manifest_policy import compile_policy
from proctor.contracts.arguments import arguments_fit
from proctor.contracts.decision import Verdict
from proctor.store.migrate import migrate
from proctor.store.postgres import PostgresStore
from workers.embedded.postgres import EmbeddedPostgres

STEPS: Final = 200
COUNTED: Final = 20
WARM: Final = 20
TOOLS: Final = {"read": "FindTicket", "effect": "CreateTicket"}
Samples = dict[str, list[tuple[float, float]]]


@asynccontextmanager
async def service() -> AsyncIterator[str]:
    """Start the HTTP service; gives its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.guard.service", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.terminate()
        await process.wait()


async def _timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Give the milliseconds that it took, and those of this process's processor among them."""
    start, busy = time.perf_counter(), time.process_time()
    await work()
    return (time.perf_counter() - start) * 1000, (time.process_time() - busy) * 1000


async def measure_times(dsn: str, url: str, steps: int) -> Samples:
    """Time each side's steps in turn, in milliseconds."""
    taken: Samples = {}
    bundle = bundle_of(url)
    store = await PostgresStore.connect(dsn, min_size=2, max_size=4)
    runs = {name: GuardedRun(store, tool, bundle) for name, tool in TOOLS.items()}
    for name, run in runs.items():
        await run.begin(f"timed-{name}")
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for step in range(-WARM, steps):
            took = {"bare: the call": await _timed(partial(client.post, "/tickets", json=ARGUMENTS))}
            for name, run in runs.items():
                took[f"{name}: plan (validate, judge, record)"] = await _timed(partial(run.plan, step + WARM))
                took[f"{name}: act (fence, judge, ledger, the call)"] = await _timed(partial(run.act, step + WARM))
            for name, one in took.items() if step >= 0 else ():
                taken.setdefault(name, []).append(one)
    for run in runs.values():
        await run.aclose()
    await store.close()
    return taken


async def measure_counts(dsn: str, url: str) -> dict[str, tuple[float, ...]]:
    """Count statements, round trips, bytes to and from Postgres of one step."""
    given = parse_qs(urlsplit(dsn).query)
    port, behind = int(given["port"][0]), Path(given["host"][0])
    counted: dict[str, tuple[float, ...]] = {}
    with TemporaryDirectory() as folder:
        async with CountingProxy(behind, Path(folder), port) as proxy:
            store = await PostgresStore.connect(dsn.replace(str(behind), folder), min_size=1, max_size=1)
            for name, tool in TOOLS.items():
                run = GuardedRun(store, tool, bundle_of(url))
                await run.begin(f"counted-{name}")
                for part in ("plan", "act"):
                    counted[f"{name}: {part}"] = (0.0,) * 4
                for step in range(WARM + COUNTED):
                    for part, work in (("plan", run.plan), ("act", run.act)):
                        proxy.traffic.reset()
                        await work(step)
                        seen = proxy.traffic
                        new = (seen.statements, seen.round_trips, seen.sent, seen.received)
                        if step >= WARM:
                            old = counted[f"{name}: {part}"]
                            counted[f"{name}: {part}"] = tuple(a + b / COUNTED for a, b in zip(old, new, strict=True))
                await run.aclose()
            await store.close()
    return counted


def measure_parts(url: str) -> dict[str, tuple[float, ...]]:
    """Time what is pure, in microseconds."""
    policy = compile_policy(bundle_of(url))
    known = {
        "agent": "clerk", "requester": "rita", "tenant": "default", "environment": "production", "iteration": 1,
        "tool": "FindTicket", "tool_version": "1", "effect": "read", "risk": "low", "cost.spent_usd": 0,
        **{f"autonomy.{tier}": "autonomous" for tier in ("low", "medium", "high")}, "egress.hosts": ["127.0.0.1"],
        "goal.denied": "no", "compensable": False, "labels.targets.integrity": "trusted",
        "labels.targets.origins": ["request"], "labels.links.integrity": "trusted", "run.plan": "none",
        "labels.confidentiality": "internal",
        "run.has_read_untrusted": False, "arguments": ARGUMENTS,
    }  # fmt: skip
    if policy.judge(known).verdict is not Verdict.ALLOW:
        raise RuntimeError(policy.judge(known).reason)
    fits = arguments_fit(SCHEMA)
    return {
        "validation": timed(lambda: fits(ARGUMENTS), 5000),
        "policy with validation": timed(lambda: policy.judge(known), 5000),
    }


async def measure(steps: int) -> None:
    """Measure and print."""
    with TemporaryDirectory(dir=Path.cwd() if Path.cwd().stat().st_mode & 0o5 else None) as folder:
        server = EmbeddedPostgres()
        dsn = server.start(Path(folder) / "data")
        try:
            migrate(dsn)
            async with service() as url:
                times, counts = await measure_times(dsn, url, steps), await measure_counts(dsn, url)
                for name, samples in measure_parts(url).items():
                    print(f"{name:<44} p50 {percentile(samples, 50):9.2f} µs  p99 {percentile(samples, 99):9.2f} µs")
        finally:
            server.stop()
    for name, pairs in times.items():
        took, busy = tuple(one[0] for one in pairs), tuple(one[1] for one in pairs)
        print(f"{name:<44} p50 {percentile(took, 50):7.2f} ms  p99 {percentile(took, 99):7.2f} ms  ", end="")
        print(f"CPU p50 {percentile(busy, 50):6.2f} ms")
    for name, (statements, trips, sent, received) in counts.items():
        print(f"{name:<44} {statements:6.1f} statements {trips:6.1f} round trips", end="")
        print(f"{sent:9.0f} B out {received:9.0f} B in")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help="steps to time")
    steps = parser.parse_args().steps
    for about, text in machine().items():
        print(f"{about:<12} {text}")
    asyncio.run(measure(steps))


if __name__ == "__main__":
    main()
