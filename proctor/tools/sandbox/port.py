"""What the rest of Proctor needs of a sandbox, whichever back end builds it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from proctor.contracts.base import Contract
from proctor.contracts.errors import Refused
from proctor.contracts.sandboxing import SandboxProfile

Why = Literal["exit", "wall", "cpu", "memory", "output", "stopped", "refused"]
"""How a sandboxed command came to its end: by itself, past a limit, because the caller let go, or never begun."""


class SandboxRefused(Refused):
    """The sandbox that is asked for cannot be given on this host."""


class Ran(Contract):
    """A command that ended, and everything that it started with it."""

    why: Why
    exit: int
    """Exit status; 128 + signal for a command that a signal ended."""
    stdout: bytes = b""
    stderr: bytes = b""
    """The beginning of each, as far as it was read."""
    text: str = ""
    """What the launcher says about a refusal."""


class Verdict(Contract):
    """What came of one attempt to get out of a sandbox."""

    name: str
    blocked: bool
    detail: str = ""


class Proof(Contract):
    """Every attempt, on one host, with one back end."""

    back_end: str
    kernel: str
    machine: str
    landlock_abi: int
    at: datetime
    verdicts: tuple[Verdict, ...]

    @property
    def escapes(self) -> tuple[Verdict, ...]:
        """The attempts that were not blocked."""
        return tuple(verdict for verdict in self.verdicts if not verdict.blocked)

    @property
    def holds(self) -> bool:
        """Whether there were attempts, and none got out."""
        return bool(self.verdicts) and not self.escapes


class Child(Protocol):
    """A sandboxed process that lives until it ends, passes a limit, or is stopped."""

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Its standard input."""

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Its standard output: the reader bounds what it reads."""

    @property
    def stderr(self) -> asyncio.StreamReader:
        """Its standard error: somebody must read it, or the child stands still once the pipe is full."""

    async def wait(self) -> Ran:
        """Wait for the end; gives why, without any output."""

    async def stop(self) -> Ran:
        """End it and everything that it started, at once."""


class Sandbox(Protocol):
    """Runs commands that nobody trusts. Every path that it shows is the same inside and outside."""

    @property
    def back_end(self) -> str:
        """What builds it; empty when this host has nothing that could."""

    def refusal(self, profile: SandboxProfile) -> str:
        """Say what of the profile this host cannot give; empty when it can give all of it."""

    async def run(
        self,
        command: Sequence[str],
        profile: SandboxProfile,
        *,
        timeout_s: float,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        shows: Sequence[Path] = (),
    ) -> Ran:
        """Run a command to its end, in the project where the profile shows some of it, else in the scratch folder.

        `environment` is all that it finds besides PATH, HOME, TMPDIR and LANG. `shows` are files and folders that it
        can read besides the profile's. A cancelled call ends the command first. What cannot be
        given is `refused`: never is less given than was asked for.

        Raises:
            SandboxRefused: the profile, or `stdin`, is beyond what this host gives; nothing was started.

        """

    async def spawn(
        self,
        command: Sequence[str],
        profile: SandboxProfile,
        *,
        environment: Mapping[str, str] | None = None,
        shows: Sequence[Path] = (),
    ) -> Child:
        """Start a command that lives on; its profile's `cpu_s` is for its whole life. Raises `SandboxRefused`."""

    async def prove(self) -> Proof:
        """Try to get out of it, in every way that is known, and tell what came of it.

        After a proof that does not hold, every profile is refused.
        """
