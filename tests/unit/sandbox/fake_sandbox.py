"""A sandbox that runs nothing."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proctor.contracts.sandboxing import SandboxProfile
from proctor.tools.sandbox.port import Child, Proof, Ran, SandboxRefused, Verdict


class FakeSandbox:
    """`Sandbox` that answers `ran`, and remembers what it was asked."""

    back_end = "fake"

    def __init__(self, ran: Ran | None = None, *, holds: bool = True) -> None:
        self.ran, self._holds = ran or Ran(why="exit", exit=0, stdout=b"{}"), holds
        self.asked: list[dict[str, Any]] = []
        self.proofs = 0

    def refusal(self, profile: SandboxProfile) -> str:
        """Refuse after a proof that does not hold."""
        del profile
        return "" if self._holds or not self.proofs else "it leaks"

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
        """Answer."""
        if self.refusal(profile):
            raise SandboxRefused(self.refusal(profile))
        self.asked.append(
            {
                "command": list(command),
                "profile": profile,
                "timeout_s": timeout_s,
                "stdin": stdin,
                "environment": dict(environment or {}),
                "shows": list(shows),
            }
        )
        return self.ran

    async def spawn(
        self,
        command: Sequence[str],
        profile: SandboxProfile,
        *,
        environment: Mapping[str, str] | None = None,
        shows: Sequence[Path] = (),
    ) -> Child:
        """Never."""
        raise SandboxRefused("a fake starts nothing")

    async def prove(self) -> Proof:
        """Give a proof with one verdict."""
        self.proofs += 1
        verdicts = (Verdict(name="escape", blocked=self._holds),)
        return Proof(back_end="fake", kernel="", machine="", landlock_abi=0, at=datetime.now(UTC), verdicts=verdicts)
