"""What the worker tells the launcher, as plain values: a sandbox that is ready to be built."""

import marshal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict
else:
    TypedDict = dict  # `typing` takes a third of the time that a sandbox needs to start


class Plan(TypedDict):
    """One sandboxed command. Paths are the same outside and inside."""

    command: list[str]
    environment: dict[str, str]
    directory: str
    visible: list[str]
    """Files and folders that can be read."""
    links: dict[str, str]
    """Symbolic links to make, with what they say."""
    files: dict[str, bytes]
    """Small files to make."""
    devices: list[str]
    scratch: str
    scratch_mb: int
    memory_mb: int
    cpu_s: float
    wall_s: float
    """0: as long as the worker wants it."""
    limits: list[tuple[int, int]]
    """Resource and value, for setrlimit(2)."""
    user: int
    """Who the command is, for the host too where the worker is root."""
    is_root: bool
    """Whether the worker may give up its own user for another one; otherwise a user namespace does it."""
    seccomp: bytes
    landlock: bytes
    """`struct landlock_ruleset_attr`; empty where the back end does without."""
    rules: list[tuple[str, int]]
    bubblewrap: str
    """Where bubblewrap is, which then builds the view; empty: the launcher builds it."""


def read_plan(descriptor: int) -> Plan:
    """Read the plan that the worker wrote into a file in memory."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    parts = []
    while part := os.read(descriptor, 1 << 16):
        parts.append(part)
    plan: Plan = marshal.loads(b"".join(parts))  # noqa: S302 - written by the worker that started us
    return plan
