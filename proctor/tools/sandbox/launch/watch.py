"""Watches what the processes of a sandbox use together, and says when it is too much.

The kernel's own limits hold for each process; this one holds for their sum.
"""

import os
import time

from proctor.tools.sandbox.launch.plan import Plan

MEBIBYTE = 1024 * 1024
CLOSE_S, EASY_S = 0.02, 0.1
CLOSELY_FOR_S = 2.0
"""How long a sandbox is watched closely after it began or last used the processor."""


class Watch:
    """Adds up memory and processor time of the descendants of one process."""

    def __init__(self, root: int, plan: Plan) -> None:
        self._root, self._plan = root, plan
        self._began = self._stirred = time.monotonic()
        self._used: dict[tuple[int, str], int] = {}
        self._total = 0

    def pause_s(self) -> float:
        """Say how long may be waited until the next look."""
        now = time.monotonic()
        pause = CLOSE_S if now - self._stirred < CLOSELY_FOR_S else EASY_S
        wall = self._plan["wall_s"]
        return max(0.0, min(pause, self._began + wall - now)) if wall else pause

    def excess(self) -> str:
        """Name the limit that is passed: `wall`, `cpu`, `memory`, or nothing."""
        wall = self._plan["wall_s"]
        if wall and time.monotonic() - self._began >= wall:
            return "wall"
        family = _descendants(self._root)
        if self._seconds(family) > self._plan["cpu_s"]:
            return "cpu"
        return "memory" if _memory(family, self._plan["memory_mb"] * MEBIBYTE) else ""

    def _seconds(self, family: list[int]) -> float:
        """Give the processor time of all processes that ever were: one that ended still counts.

        Those that were seen, by what they had used then; those that nobody saw, by what they left to who waited.
        """
        waited = 0
        for pid in (self._root, *family):
            fields = _stat(pid)
            if fields:
                # Fields 14 to 17 and 22 of proc_pid_stat(5), after the name in brackets.
                own, inherited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
                waited += inherited if pid == self._root else own + inherited
                self._used[pid, fields[19]] = 0 if pid == self._root else own
        total = max(self._total, waited, sum(self._used.values()))
        if total != self._total:
            self._total, self._stirred = total, time.monotonic()
        return total / os.sysconf("SC_CLK_TCK")


def _descendants(root: int) -> list[int]:
    found: list[int] = []
    waiting = [root]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += [int(one) for one in _read(f"/proc/{pid}/task/{task}/children").split()]
    except OSError:
        pass
    return found


def _memory(family: list[int], limit: int) -> bool:
    """Whether the processes hold more than `limit` bytes; pages that they share count once."""
    resident = 0
    for pid in family:
        fields = _read(f"/proc/{pid}/statm").split()
        resident += int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0
    return resident > limit and sum(_share(pid) for pid in family) > limit


def _share(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _stat(pid: int) -> list[str]:
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read().decode("ascii", "replace")
    except OSError:
        return ""
