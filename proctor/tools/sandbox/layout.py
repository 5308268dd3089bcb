"""Which files a sandboxed command sees: the system's programs and libraries, the interpreter, and what it is shown."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from proctor.tools.sandbox.port import SandboxRefused

SCRATCH: Final = "/scratch"
SEALED: Final = "/etc/sealed"
"""A file that is there and that no rule of Landlock allows: the proof tries to read it."""
DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
FILES: Final = {
    "/etc/passwd": b"sandbox:x:%d:%d:sandbox:/scratch:/usr/sbin/nologin\n",
    "/etc/group": b"sandbox:x:%d:\n",
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
    SEALED: b"sealed\n",
}
_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS: Final = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_LAUNCHER: Final = Path(__file__).parent / "launch"


@dataclass(frozen=True)
class Layout:
    """Files and folders that exist inside as they do outside, and links."""

    visible: tuple[str, ...]
    links: dict[str, str]


@cache
def system_layout() -> Layout:
    """Give what every sandbox shows."""
    visible, links = [], {}
    for path in map(Path, (*_SYSTEM, *_SETTINGS)):
        if path.is_symlink():
            links[str(path)] = str(path.readlink())
        elif path.exists():
            visible.append(str(path))
    for prefix in (sys.base_prefix, sys.prefix, str(_LAUNCHER)):
        real = Path(prefix).resolve()
        if not any(real.is_relative_to(shown) for shown in visible):
            visible.append(str(real))
    links |= {"/dev/fd": "/proc/self/fd", "/tmp": SCRATCH}  # noqa: S108 - the sandbox's own
    return Layout(tuple(visible), links)


def shown_to_all(place: Path) -> str:
    """Name the folder that every sandbox shows and in which a place lies; empty where none holds it."""
    real = place.resolve()
    return next((shown for shown in system_layout().visible if real.is_relative_to(shown)), "")


def search_path() -> str:
    """Give the PATH of a sandboxed command: programs of this environment first."""
    own = str(Path(sys.prefix).resolve() / "bin")
    return os.pathsep.join(dict.fromkeys((own, "/usr/local/bin", "/usr/bin", "/bin")))


def project_folders(root: Path, state: Path, reads: Sequence[str]) -> list[str]:
    """Resolve a profile's `reads`.

    Raises:
        SandboxRefused: one lies outside the project, does not exist, or would show the state folder.

    """
    return [_project_folder(root.resolve(), state.resolve(), name) for name in reads]


def _project_folder(root: Path, state: Path, name: str) -> str:
    place = (root / name).resolve()
    if not place.is_relative_to(root):
        raise SandboxRefused(f"the sandbox may not read {name}: it lies outside the project")
    if state.is_relative_to(place) or place.is_relative_to(state):
        hint = "name the folders that the tool needs, one by one"
        raise SandboxRefused(f"the sandbox may not read {name}: it would show the state of Proctor", hint=hint)
    if not place.exists():
        raise SandboxRefused(f"the sandbox cannot read {name}: there is no such folder in the project")
    return str(place)


def apart(place: Path, root: Path, state: Path) -> str:
    """Resolve what is shown besides a profile's `reads`, such as the installation of a program.

    Raises:
        SandboxRefused: it holds the project, its state or the worker's home, or lies in the state.

    """
    real = place.resolve()
    kept = {"the project": root, "the state of Proctor": state, "a home folder": Path(os.path.expanduser("~"))}  # noqa: PTH111 - Path.home() raises where there is none
    held = [what for what, inner in kept.items() if inner.resolve().is_relative_to(real)]
    if held or real.is_relative_to(state.resolve()):
        hint = "install the program in a folder of its own"
        raise SandboxRefused(
            f"the sandbox may not show {real}: it holds {(held or ['the state of Proctor'])[0]}", hint=hint
        )
    return str(real)
