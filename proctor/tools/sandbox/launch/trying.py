"""How the probe tries: what counts as blocked, and what as reached."""

import errno
import os
from collections.abc import Callable
from typing import Any

Bait = dict[str, Any]
Attempt = Callable[[Bait], str]


def each(what: list[str], attempt: Callable[[str], object]) -> str:
    """Try several ways of the same; name those that succeeded, or raise the last refusal."""
    reached, refused = [], OSError("nothing to try")
    for one in what:
        try:
            attempt(one)
        except OSError as error:
            refused = error
        else:
            reached.append(one)
    if not reached:
        raise refused
    return ", ".join(reached)


def read(path: str) -> None:
    """Read the first byte of a file."""
    with open(path, "rb") as file:
        file.read(1)


def create(folder: str) -> None:
    """Create a file in a folder."""
    os.close(os.open(folder + "/escaped", os.O_CREAT | os.O_WRONLY, 0o600))


def strangers(bait: Bait) -> list[int]:
    """Give processes of the host, but none whose number one of our own has in a process namespace of ours."""
    pids = [bait["worker"], bait["victim"]]
    if os.path.exists("/proc/self") and os.readlink("/proc/self/ns/pid") != bait["namespaces"]["pid"]:
        return [pid for pid in pids if not os.path.exists(f"/proc/{pid}")]
    return pids


def filtered_each(attempts: dict[str, Callable[[], object]]) -> str:
    """Name the calls that the filter let through. Raises `OSError` when it answered each with ENOSYS itself."""
    reached = [name for name, attempt in attempts.items() if filtered(attempt, errno.ENOSYS)]
    if not reached:
        raise OSError(errno.ENOSYS, f"{len(attempts)} calls refused")
    return ", ".join(reached)


def filtered(attempt: Callable[[], object], *expected: int) -> str:
    """Say what came of a call that the filter answers with `expected`: another error means that it let it through."""
    try:
        attempt()
    except OSError as error:
        return "" if error.errno in expected else f"reached the kernel: {error}"
    return "reached the kernel"


def forked(child: int) -> None:
    """Wait for a child that was made by a raw call."""
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def survives(act: Callable[[], object]) -> None:
    """Do it in a child. Raises `OSError` when that kills the child."""
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError(errno.EPERM, f"ended with {status}")


def status(prefix: str) -> list[str]:
    """Give the lines of this process' status that begin with a word."""
    with open("/proc/self/status") as file:
        return [line.strip() for line in file if line.startswith(prefix)]
