"""CPU time and memory of processes, from the operating system."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

MIB = 1024 * 1024


@dataclass(frozen=True)
class Reading:
    """What some processes had used at a moment, by name."""

    cpu_s: Mapping[str, float]
    rss_mib: Mapping[str, float]

    def cpu_since(self, before: "Reading") -> dict[str, float]:
        """Give the CPU seconds used since an earlier reading."""
        return {name: self.cpu_s[name] - before.cpu_s[name] for name in self.cpu_s}


def read_meters(pids: Mapping[str, int]) -> Reading:
    """Read the meters of each named process and its descendants."""
    trees = {name: _tree(pid) for name, pid in pids.items()}
    return Reading(
        cpu_s={name: sum(_cpu_s(process) for process in tree) for name, tree in trees.items()},
        rss_mib={name: _memory_mib(tree) for name, tree in trees.items()},
    )


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    """Count ended children too: a database ends a process for each closed connection."""
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _memory_mib(tree: list[psutil.Process]) -> float:
    """Resident memory. In a family of processes shared pages count once: a database shares most of what it holds."""
    if len(tree) == 1:
        return float(tree[0].memory_info().rss) / MIB
    return sum(_share_mib(process) for process in tree)


def _share_mib(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        return float(process.memory_full_info().pss) / MIB
    return 0.0
