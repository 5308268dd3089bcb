"""From a profile to the plan that the launcher carries out."""

import math
import resource
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from proctor.contracts.sandboxing import SandboxProfile
from proctor.tools.sandbox import bpf, landlock
from proctor.tools.sandbox.host import Host
from proctor.tools.sandbox.landlock import DEVICE, READ, READ_DIR, READ_ONE
from proctor.tools.sandbox.landlock import SCRATCH as SCRATCH_ACCESS
from proctor.tools.sandbox.launch.plan import Plan
from proctor.tools.sandbox.layout import DEVICES, FILES, SCRATCH, SEALED, search_path, system_layout

MEBIBYTE: Final = 1024 * 1024
STACK_BYTES: Final = 8 * MEBIBYTE


def draw_plan(
    host: Host,
    profile: SandboxProfile,
    *,
    command: Sequence[str],
    environment: Mapping[str, str],
    shows: Sequence[str],
    wall_s: float,
    directory: str,
    bubblewrap: str,
) -> Plan:
    """Draw the plan of one sandboxed command; `bubblewrap` is its path, if it builds the view."""
    layout, user = system_layout(), host.new_user()
    visible = sorted({*layout.visible, *shows})
    base = {"PATH": search_path(), "HOME": SCRATCH, "TMPDIR": SCRATCH, "LANG": "C.UTF-8"}
    return Plan(
        command=list(command),
        environment={**base, **environment},
        directory=directory,
        visible=visible,
        links={link: says for link, says in layout.links.items() if not _is_above(link, visible)},
        files={path: content.replace(b"%d", str(user).encode()) for path, content in FILES.items()},
        devices=[device for device in DEVICES if Path(device).exists()],
        scratch=SCRATCH,
        scratch_mb=profile.scratch_mb,
        memory_mb=profile.memory_mb,
        cpu_s=profile.cpu_s,
        wall_s=wall_s,
        limits=_limits(profile, host),
        user=user,
        is_root=host.is_root,
        seccomp=_program(host.machine),
        landlock=landlock.ruleset(host.landlock_abi) if host.landlock_abi else b"",
        rules=_rules(host.landlock_abi, visible),
        bubblewrap=bubblewrap,
    )


def _is_above(link: str, visible: Sequence[str]) -> bool:
    """Whether something is shown below the place of a link, so that a folder must be there."""
    return any(path.startswith(link + "/") for path in visible)


@cache
def _program(machine: str) -> bytes:
    return bpf.program(machine)


def _limits(profile: SandboxProfile, host: Host) -> list[tuple[int, int]]:
    """Give the kernel's limits of each process; what all use together is the launcher's business."""
    # In a user namespace of our own the launcher and the first process are counted with the command's.
    ours = 0 if host.is_root else 2
    return [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, math.ceil(profile.cpu_s)),
        (resource.RLIMIT_DATA, profile.memory_mb * MEBIBYTE),
        (resource.RLIMIT_STACK, STACK_BYTES),
        (resource.RLIMIT_FSIZE, profile.scratch_mb * MEBIBYTE),
        (resource.RLIMIT_NOFILE, profile.open_files),
        (resource.RLIMIT_NPROC, profile.processes + ours),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NICE, 0),
        (resource.RLIMIT_RTPRIO, 0),
        (resource.RLIMIT_SIGPENDING, 64),
    ]


def _rules(abi: int, visible: Sequence[str]) -> list[tuple[str, int]]:
    handled = landlock.handled_files(abi)
    rules = [(path, READ if Path(path).is_dir() else READ_ONE) for path in visible]
    rules += [(path, READ_ONE) for path in FILES if path != SEALED]
    rules += [(path, DEVICE) for path in DEVICES]
    # Listing is harmless: the view holds nothing else, and Python imports by listing.
    rules += [("/proc", READ), (SCRATCH, SCRATCH_ACCESS), ("/", READ_DIR)]
    return [(path, access & handled) for path, access in rules]
