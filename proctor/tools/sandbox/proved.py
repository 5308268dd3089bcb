"""A sandbox that is proved before it is used, once in each process."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from proctor.contracts.sandboxing import SandboxProfile
from proctor.tools.sandbox.port import Child, Proof, Ran, Sandbox

_log = logging.getLogger(__name__)
_DOCUMENTS: Final = ("*.yaml", "*.yml", "*.json")
_DECLARED: Final = re.compile(r"""\bsandbox["']?\s*:|\bkind["']?\s*:\s*["']?process\b""")


class ProvedSandbox:
    """Implements `Sandbox` over another one: no call is made before its proof was taken and recorded."""

    def __init__(self, sandbox: Sandbox, record: Callable[[Proof], Awaitable[None]]) -> None:
        """Take the sandbox, and what writes a proof into the audit."""
        self._sandbox, self._record = sandbox, record
        self._proof: Proof | None = None
        self._proving = asyncio.Lock()

    @property
    def back_end(self) -> str:
        """What builds it."""
        return self._sandbox.back_end

    def refusal(self, profile: SandboxProfile) -> str:
        """See `Sandbox.refusal`."""
        return self._sandbox.refusal(profile)

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
        """See `Sandbox.run`. Raises also what recording the proof raises: then nothing was started."""
        await self.prove()
        return await self._sandbox.run(
            command, profile, timeout_s=timeout_s, stdin=stdin, environment=environment, shows=shows
        )

    async def spawn(
        self,
        command: Sequence[str],
        profile: SandboxProfile,
        *,
        environment: Mapping[str, str] | None = None,
        shows: Sequence[Path] = (),
    ) -> Child:
        """See `Sandbox.spawn`."""
        await self.prove()
        return await self._sandbox.spawn(command, profile, environment=environment, shows=shows)

    async def prove(self) -> Proof:
        """Give the proof of this process; the first caller takes and records it."""
        async with self._proving:
            if self._proof is None:
                proof = await self._sandbox.prove()
                await self._record(proof)
                self._proof = proof
                if not proof.holds:
                    _log.error("the sandbox does not hold: %s", ", ".join(one.name for one in proof.escapes))
        return self._proof


def mentions_sandbox(folders: Iterable[Path]) -> bool:
    """Whether any document below `folders` may declare a sandboxed tool: then a worker proves when it starts.

    It looks at the text alone, and errs towards proving; what it misses is proved before its first call.
    """
    files = (file for folder in folders for pattern in _DOCUMENTS for file in folder.rglob(pattern))
    return any(_DECLARED.search(_text(file)) for file in files)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
