"""Keeps one MCP server's process: `python keeper.py PARENT COMMAND…`, a file that runs by itself.

Whatever ends it (the server's own end, SIGTERM, the death of the worker by any signal), nothing that the server started
stays behind: a process that left its session or its parent comes to the keeper, its subreaper, and is killed too.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TERM_GRACE_S = 1.0
REAP_S = 2.0
"""How long killed processes may take to be gone; one in the kernel's hands cannot be waited for without end."""
NOT_STARTED = 127


class _ToldToEndError(BaseException):
    """SIGTERM, or the worker is gone."""


def main(arguments: list[str]) -> int:
    """Run the command until it ends or this process is told to end; give its exit status."""
    parent, command = int(arguments[0]), arguments[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _told)
    _bind_to(parent)
    home = tempfile.mkdtemp(prefix="mcp-")
    try:
        return _keep(command, {**os.environ, "HOME": os.environ.get("HOME") or home})
    except _ToldToEndError:
        return 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_all()
        shutil.rmtree(home, ignore_errors=True)


def _bind_to(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        raise SystemExit(128 + signal.SIGTERM)


def _told(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _ToldToEndError


def _keep(command: list[str], environment: dict[str, str]) -> int:
    try:
        child = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - what it is for
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return NOT_STARTED
    _let_go_of_pipes()
    while True:
        # Not child.wait(): as a subreaper this process reaps what others left, too.
        ended, status = os.wait()
        if ended == child.pid:
            return os.waitstatus_to_exitcode(status) & 0xFF


def _let_go_of_pipes() -> None:
    """Let the server be the only one that holds them, so that its end is an end of file."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


def _end_all() -> None:
    if _send_all(signal.SIGTERM):
        _reap(TERM_GRACE_S)
    deadline = time.monotonic() + REAP_S
    while _send_all(signal.SIGKILL) and time.monotonic() < deadline:
        _reap(0.05)


def _send_all(number: int) -> bool:
    """Signal every descendant; whether there was one."""
    found = _descendants()
    for process in found:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue
        except PermissionError:  # it took another user's rights, which an unprivileged keeper cannot touch
            continue
    return bool(found)


def _descendants() -> list[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except (OSError, ValueError):  # it ended meanwhile
                continue
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found, front = [], {os.getpid()}
    while front:
        front = {process for process, parent in parents.items() if parent in front}
        found += sorted(front)
    return found


def _reap(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended == 0:
            time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
