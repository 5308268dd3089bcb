"""The gateway under concurrent clients: `python -m benchmarks.rest [--clients 50] [--seconds 20]`.

A real gateway process, Postgres, Temporal and one worker, all on this machine, which the clients share with them.
Every run that is asked for is carried out meanwhile.
"""

import argparse
import asyncio
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp

from proctor.local import local_order, local_stack

AGENTS = Path(__file__).parent / "agents"
UNLIMITED = {"PROCTOR_RATE_LIMIT": "10000000/minute"}
INPUT = {"mode": "effect", "calls": 1}


class Tally:
    """How long each kind of request took, and what went wrong."""

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []

    async def time(self, client: aiohttp.ClientSession, name: str, method: str, path: str, **more: Any) -> None:
        """Send a request and note how long it took."""
        began = time.perf_counter()
        try:
            async with client.request(method, path, **more) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.errors.append(f"{name}: {type(error).__name__}")
            return
        self.seconds[name].append(time.perf_counter() - began)
        if not answer.ok:
            self.errors.append(f"{name}: {answer.status} {text[:200]}")

    def report(self, elapsed_s: float) -> None:
        """Print a line per kind of request."""
        print(f"{'request':<14}{'n':>7}{'per s':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
        everything = [one for times in self.seconds.values() for one in times]
        for name, times in [*sorted(self.seconds.items()), ("all", everything)]:
            quantiles = statistics.quantiles(times, n=100)
            figures = (quantiles[49], quantiles[98], max(times))
            print(
                f"{name:<14}{len(times):>7}{len(times) / elapsed_s:>8.1f}"
                + "".join(f"{1000 * f:>9.1f}" for f in figures)
            )
        print(f"errors: {len(self.errors)}")
        for error in sorted(set(self.errors))[:10]:
            print(f"  {error}")


async def _ask(client: aiohttp.ClientSession, until: float, tally: Tally, *, writes: bool) -> None:
    while time.perf_counter() < until:
        await tally.time(client, "GET me", "GET", "/v1/me")
        await tally.time(client, "GET runs", "GET", "/v1/runs?limit=20")
        if writes:
            key = f"bench-{secrets.token_hex(6)}"
            order = {"agent": "bench", "input": INPUT}
            await tally.time(client, "POST tasks", "POST", "/v1/tasks", json=order, headers={"idempotency-key": key})
            await tally.time(client, "GET run", "GET", f"/v1/runs/{key}")


async def measure(clients: int, seconds: float, *, writes: bool) -> int:
    """Start a stack, let so many clients ask for so long, and print; gives how many requests failed."""
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        environ = {**UNLIMITED, "BENCH_MOMENTS": f"{folder}/moments"}
        order = local_order(environ=environ, gateway_port=0)
        async with local_stack(Path(folder) / "state", AGENTS, order=order) as stack:
            assert stack.gateway is not None
            token = (stack.home / "principals" / "operator.token").read_text().strip()
            headers, url = {"authorization": f"Bearer {token}"}, stack.gateway.health_url
            connector = aiohttp.TCPConnector(limit=clients)
            async with aiohttp.ClientSession(url, headers=headers, connector=connector) as client:
                opened = Tally()
                await asyncio.gather(*(opened.time(client, "GET me", "GET", "/v1/me") for _ in range(clients)))
                tally, began = Tally(), time.perf_counter()
                until = began + seconds
                await asyncio.gather(*(_ask(client, until, tally, writes=writes) for _ in range(clients)))
                tally.report(time.perf_counter() - began)
    return len(tally.errors)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rest", description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--reads-only", action="store_true", help="ask for no runs")
    given = parser.parse_args()
    return 1 if asyncio.run(measure(given.clients, given.seconds, writes=not given.reads_only)) else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # A Python process that used a Temporal client may crash at exit (sdk-python#300).
