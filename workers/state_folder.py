"""The state folder of an embedded stack: one owner at a time, and what a crashed owner left is taken over."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from proctor.contracts.errors import Unavailable
from proctor.devstate import Process, read_stack, remove_stack

TERM_GRACE_S = 5.0

_log = structlog.get_logger(__name__)


@contextlib.contextmanager
def owning(home: Path) -> Iterator[None]:
    """Own the state folder while the block runs. The lock falls with the process, however it ends.

    Raises:
        Unavailable: another process owns it, or it cannot be written.

    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(home / "dev.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(
            f"the state folder {home} cannot be used: {error.strerror}",
            hint="make it writable, or set PROCTOR_HOME to another folder",
        ) from error
    try:
        _lock(descriptor, home)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        end_leftovers(home)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, home: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
        raise Unavailable(
            f"`proctor dev` already runs on {home} (pid {owner})",
            hint="use it as it is, stop it, or set PROCTOR_HOME to another folder",
        ) from error


def end_leftovers(home: Path) -> None:
    """End the processes that a crashed owner of the folder left running, and forget it. Only the owner may call this.

    Postgres is not ended: its next start takes it over.
    """
    stack = read_stack(home)
    if stack is not None:
        _log.info("leftovers_found", owner=stack.owner.pid)
        for child in stack.children:
            _end(child)
    remove_stack(home)


def _end(process: Process) -> None:
    for number, grace_s in ((signal.SIGTERM, TERM_GRACE_S), (signal.SIGKILL, 1.0)):
        if not process.is_alive:
            return
        _log.info("leftover_ended", pid=process.pid, signal=number.name)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)
        deadline = time.monotonic() + grace_s
        while process.is_alive and time.monotonic() < deadline:
            time.sleep(0.02)
