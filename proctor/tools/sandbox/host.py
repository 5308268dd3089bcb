"""What this host gives a sandbox: asked of the kernel once, and told in words where something is missing."""

import os
import platform
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proctor.tools.sandbox.landlock import NEEDED_ABI
from proctor.tools.sandbox.launch import kernel
from proctor.tools.sandbox.syscalls import MACHINES

USERS_FROM, USERS = 1_600_000_000, 1 << 27
"""User ids that nobody has: above those of systemd, containers and directories, below 2^31."""
_FEW: Final = 1 << 20
_ADMINISTER: Final = 1 << 21
"""CAP_SYS_ADMIN."""
INSIDE_USER: Final = 65_534
"""Who a command is in a user namespace."""


@dataclass(frozen=True)
class Host:
    """One host, as it is for this process."""

    machine: str
    kernel: str
    landlock_abi: int
    is_root: bool
    """Root, with the right to mount: then a command gets a user id of its own that nobody else has."""
    has_user_namespaces: bool
    bubblewrap: str
    """Where it is; empty when it is not installed."""

    @classmethod
    def look(cls) -> "Host":
        """Ask this host."""
        is_root = os.geteuid() == 0 and bool(_capabilities() & _ADMINISTER)
        return cls(
            machine=platform.machine(),
            kernel=platform.release(),
            landlock_abi=kernel.landlock_abi() if platform.system() == "Linux" else 0,
            is_root=is_root,
            has_user_namespaces=is_root or _can_make_user_namespace(),
            bubblewrap=shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin") or "",
        )

    def problems(self) -> list[str]:
        """Say why no sandbox can be built here, whatever the back end."""
        found = []
        if self.machine not in MACHINES:
            found.append(f"no table of system calls for {self.machine} (known: {', '.join(MACHINES)})")
        if not self.has_user_namespaces:
            found.append(
                "no other user and no file system of its own: the worker is not root and may not make user namespaces"
            )
        return found

    def native_problems(self) -> list[str]:
        """Say why Proctor's own back end cannot be used."""
        if self.landlock_abi >= NEEDED_ABI:
            return []
        has = f"Landlock ABI {self.landlock_abi}" if self.landlock_abi else "no Landlock"
        return [f"the kernel has {has}, and ABI {NEEDED_ABI} (Linux 6.2) is needed"]

    def new_user(self) -> int:
        """Give the user id of one sandbox: of root's, one that no other process has."""
        return _unused_user() if self.is_root else INSIDE_USER


def _unused_user() -> int:
    """Take one by chance of those that this user namespace has: in a container perhaps only 65,536."""
    extents = [tuple(map(int, line.split())) for line in _lines("/proc/self/uid_map")]
    if any(start <= USERS_FROM and start + length >= USERS_FROM + USERS for start, _, length in extents):
        return USERS_FROM + random.SystemRandom().randrange(USERS)
    start, _, length = max(extents, key=lambda extent: extent[2])
    room = min(length // 2, _FEW)
    return start + length - 2 - random.SystemRandom().randrange(max(1, room))


def _capabilities() -> int:
    found = [line.split()[1] for line in _lines("/proc/self/status") if line.startswith("CapEff:")]
    return int(found[0], 16) if found else 0


def _can_make_user_namespace() -> bool:
    """Try it, in a child: what distributions forbid by other means than the one setting shows only then."""
    code = f"import ctypes,os;os._exit(ctypes.CDLL(None).unshare({kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS}) != 0)"
    tried = subprocess.run([sys.executable, "-I", "-S", "-c", code], env={}, check=False)  # noqa: S603 - our own code
    return tried.returncode == 0


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return []
