"""`python -m benchmarks.sandbox`: what a sandbox costs beside a bare process, in one run, and what its proof costs."""

import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from proctor.contracts.sandboxing import SandboxProfile
from proctor.tools.sandbox.child import INTERPRETER
from proctor.tools.sandbox.host import Host
from proctor.tools.sandbox.local import BackEnd, LocalSandbox, missing_for

ROUNDS = 30
COMMANDS = {"true": ["/bin/true"], "python": [INTERPRETER, "-I", "-S", "-c", "pass"]}
TIMEOUT_S = 60.0
Side = Callable[[list[str]], Awaitable[None]]


def processor_s() -> float:
    """Give the processor time of this process and of all that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


async def bare(command: list[str]) -> None:
    """Run a command as anybody would."""
    process = await asyncio.create_subprocess_exec(*command, stdin=-3, stdout=-1, stderr=-1, env={})
    await process.communicate()


def sandboxed(sandbox: LocalSandbox) -> Side:
    """Run a command in a sandbox."""

    async def run(command: list[str]) -> None:
        ran = await sandbox.run(command, SandboxProfile(), timeout_s=TIMEOUT_S)
        assert ran.why == "exit", ran

    return run


async def measure(sides: dict[str, Side], command: list[str]) -> dict[str, tuple[float, float]]:
    """Take turns; give the median of wall clock and the mean of processor time, in milliseconds."""
    walls: dict[str, list[float]] = {name: [] for name in sides}
    used = dict.fromkeys(sides, 0.0)
    for _ in range(ROUNDS):
        for name, side in sides.items():
            began, before = time.perf_counter(), processor_s()
            await side(command)
            walls[name].append(time.perf_counter() - began)
            used[name] += processor_s() - before
    return {name: (statistics.median(walls[name]) * 1000, used[name] / ROUNDS * 1000) for name in sides}


async def main() -> None:
    """Measure what this host has, and print."""
    host = Host.look()
    names: tuple[BackEnd, ...] = ("native", "bubblewrap")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        present = {n: LocalSandbox(root, root / ".proctor", host, n) for n in names if not missing_for(host, n)}
        sides: dict[str, Side] = {"bare": bare} | {name: sandboxed(one) for name, one in present.items()}
        print(f"kernel {host.kernel}, Landlock ABI {host.landlock_abi}, load {os.getloadavg()[0]:.1f}, {ROUNDS} rounds")
        for label, command in COMMANDS.items():
            found = await measure(sides, command)
            for name, (wall, used) in found.items():
                ratio = f"{wall / found['bare'][0]:.1f} / {used / found['bare'][1]:.1f}"
                print(f"{label:8} {name:11} {wall:7.1f} ms  {used:6.1f} ms of processor  ratios {ratio}")
        for name, one in present.items():
            began, before = time.perf_counter(), processor_s()
            proof = await one.prove()
            took, used = time.perf_counter() - began, processor_s() - before
            print(f"proof    {name:11} {took:7.2f} s   {used:6.2f} s of processor  {len(proof.verdicts)} attempts")


if __name__ == "__main__":
    asyncio.run(main())
