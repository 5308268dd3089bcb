"""`python -m benchmarks.tau2 [--domain D] [--seed N] [--at-once N]`: ground truth under kill -9, write by write."""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from benchmarks.report import machine
from benchmarks.tau2.accounts import HEAD, Account, account
from benchmarks.tau2.project import Environment, write_project
from benchmarks.tau2.sequences import DOMAINS, Sequence, sequences
from benchmarks.tau2.storm import Storm, storm
from proctor.contracts.run import RunRecord

HOLD_S = {"mock": 0.3, "airline": 0.0, "retail": 0.0}
"""The mock environment answers at once; the others write megabytes for each call."""


async def measure(
    folder: Path, domain: str, tasks: list[Sequence], *, seed: int, at_once: int, kills: int | None = None
) -> Account:
    """Run the tasks under kills, as many as there are writes unless told otherwise; gives what came of it."""
    environment = Environment(domain, folder / domain)
    if kills is None:
        kills = sum(1 for task in tasks for action in task.actions if not action.is_read)
    (folder / domain).mkdir(parents=True)
    agents = folder / domain / "agents"
    await write_project(agents, environment, tasks, HOLD_S[domain])
    async with storm(folder / domain, agents, environment, f"s{seed}") as running:
        killing = asyncio.ensure_future(running.kill_often(kills, random.Random(seed)))
        try:
            ends = await _all(running, tasks, at_once)
        finally:
            killing.cancel()
            with suppress(asyncio.CancelledError):
                await killing
        return await account(running, tasks, ends)


async def _all(running: Storm, tasks: list[Sequence], at_once: int) -> list[RunRecord]:
    room = asyncio.Semaphore(at_once)

    async def one(task: Sequence) -> RunRecord:
        async with room:
            end = await running.run(task)
            sys.stderr.write(f"{task.agent}: {end.status} {end.status_reason}; {running.kills} kills\n")
            return end

    return list(await asyncio.gather(*(one(task) for task in tasks)))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tau2", description=__doc__)
    parser.add_argument("--domain", action="append", choices=DOMAINS, help="repeatable; mock and airline without")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--at-once", type=int, default=4, metavar="N", help="runs at once")
    parser.add_argument("--kills", type=int, metavar="N", help="of each domain's worker; as many as writes without")
    parser.add_argument("--only", type=int, metavar="N", help="the first N tasks")
    given = parser.parse_args()
    sys.stdout.write(f"{machine()}\n{HEAD}\n")
    is_clean = True
    for domain in given.domain or ("mock", "airline"):
        folder = Path(tempfile.mkdtemp(prefix="tau2-"))
        try:
            tasks = sequences(domain)[: given.only]
            found = asyncio.run(
                measure(folder, domain, tasks, seed=given.seed, at_once=given.at_once, kills=given.kills)
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.write(found.row() + "\n")
        for line in (*found.doubled, *found.missing, *found.resent):
            sys.stdout.write(f"  {line}\n")
        is_clean = is_clean and found.is_clean
    return 0 if is_clean else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # A Python process that used a Temporal client may crash at exit (sdk-python#300).
