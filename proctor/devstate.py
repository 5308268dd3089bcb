"""The file by which a running `proctor dev` is found: `<state>/dev.json`, written when the stack is ready."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE_NAME = "dev.json"


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one with the same pid by when it started."""

    pid: int
    started: int
    """Clock ticks since boot (field 22 of /proc/PID/stat); 0 where the system does not say."""

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Describe the process that has `pid` now."""
        return cls(pid, _start_ticks(pid) or 0)

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        if not Path("/proc/self/stat").exists():
            return _answers_signal(self.pid)
        return _start_ticks(self.pid) == self.started


@dataclass(frozen=True)
class RunningStack:
    """What a ready `proctor dev` wrote down."""

    owner: Process
    temporal_address: str
    temporal_namespace: str
    temporal_ui_url: str
    database_url: str = field(repr=False)
    children: tuple[Process, ...] = ()
    """Temporal and the workers."""
    health_urls: tuple[str, ...] = ()
    gateway_url: str = ""
    """Where the REST gateway is; empty: there is none."""


def write_stack(home: Path, stack: RunningStack) -> None:
    """Write the file in one piece: a reader sees the old one or the new one. Readable by its owner only."""
    draft = home / f".{FILE_NAME}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(stack), stream, indent=1)
    draft.replace(home / FILE_NAME)


def read_stack(home: Path) -> RunningStack | None:
    """Read the file; None when there is none, or none that can be used."""
    try:
        found = json.loads((home / FILE_NAME).read_text(encoding="utf-8"))
        found["owner"] = Process(**found["owner"])
        found["children"] = tuple(Process(**child) for child in found["children"])
        found["health_urls"] = tuple(found["health_urls"])
        return RunningStack(**found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_stack(home: Path) -> None:
    """Remove the file, if it is there."""
    (home / FILE_NAME).unlink(missing_ok=True)


def running_stack(home: Path) -> RunningStack | None:
    """Give the stack that runs on this state folder; a file whose owner is gone does not count."""
    stack = read_stack(home)
    return stack if stack is not None and stack.owner.is_alive else None


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # The name before it may hold spaces and parentheses.
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def _answers_signal(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
