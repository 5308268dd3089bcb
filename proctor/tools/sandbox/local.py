"""The sandbox of this host, with the back end that was chosen."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from proctor.contracts.sandboxing import SandboxProfile
from proctor.tools.sandbox.blueprint import draw_plan
from proctor.tools.sandbox.child import LaunchedChild
from proctor.tools.sandbox.host import Host
from proctor.tools.sandbox.launch.plan import Plan
from proctor.tools.sandbox.layout import SCRATCH, apart, project_folders, shown_to_all
from proctor.tools.sandbox.port import Proof, Ran, SandboxRefused

BackEnd = Literal["bubblewrap", "native", ""]
MAX_INPUT_BYTES: Final = 1024 * 1024
MAX_STDERR_BYTES: Final = 64 * 1024
LINGER_S: Final = 1.0
"""How long output may stay open after the end: nobody is left who could write to it."""


class LocalSandbox:
    """Implements `Sandbox` on this host."""

    def __init__(self, root: Path, state: Path, host: Host, back_end: BackEnd) -> None:
        """Take the project, its state folder, which no command ever sees, and what builds the sandbox."""
        self._root, self._state, self._host = root, state, host
        self.back_end: BackEnd = back_end
        self._escaped = ""

    def refusal(self, profile: SandboxProfile) -> str:
        """Say what of the profile this host cannot give."""
        missing = missing_for(self._host, self.back_end)
        if missing:
            return f"this host cannot give a sandbox: {'; '.join(missing)}"
        if self._escaped:
            return f"the sandbox of this host does not hold: {self._escaped}"
        for what, place in (("the project", self._root), ("the state of Proctor", self._state)):
            if shown := shown_to_all(place):
                return f"{what} lies in {shown}, which every sandbox shows: move it to a folder of its own"
        try:
            project_folders(self._root, self._state, profile.reads)
        except SandboxRefused as error:
            return error.diagnostics()
        return ""

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
        """Run a command to its end. See `Sandbox.run`."""
        if len(stdin) > MAX_INPUT_BYTES:
            raise SandboxRefused(f"{len(stdin)} bytes of input; the limit is {MAX_INPUT_BYTES}")
        child = await LaunchedChild.launch(self._plan(command, profile, environment, shows, timeout_s))
        try:
            return await _follow(child, stdin, profile.output_kb * 1024)
        finally:
            await asyncio.shield(child.stop())

    async def spawn(
        self,
        command: Sequence[str],
        profile: SandboxProfile,
        *,
        environment: Mapping[str, str] | None = None,
        shows: Sequence[Path] = (),
    ) -> LaunchedChild:
        """Start a command that lives on. See `Sandbox.spawn`."""
        return await LaunchedChild.launch(self._plan(command, profile, environment, shows, 0))

    async def prove(self) -> Proof:
        """Try to get out of it. See `Sandbox.prove`."""
        from proctor.tools.sandbox.proving import prove

        proof = await prove(self, self._host)
        self._escaped = "; ".join(f"{verdict.name} ({verdict.detail})" for verdict in proof.escapes)
        return proof

    def _plan(
        self,
        command: Sequence[str],
        profile: SandboxProfile,
        environment: Mapping[str, str] | None,
        shows: Sequence[Path],
        wall_s: float,
    ) -> Plan:
        refusal = self.refusal(profile)
        if refusal:
            raise SandboxRefused(refusal)
        shown = [apart(path, self._root, self._state) for path in shows] + project_folders(
            self._root, self._state, profile.reads
        )
        bubblewrap = self._host.bubblewrap if self.back_end == "bubblewrap" else ""
        return draw_plan(
            self._host,
            profile,
            command=command,
            environment=environment or {},
            shows=shown,
            wall_s=wall_s,
            directory=str(self._root.resolve()) if profile.reads else SCRATCH,
            bubblewrap=bubblewrap,
        )


def missing_for(host: Host, back_end: BackEnd) -> list[str]:
    """Say why a back end cannot be used on a host; empty when it can."""
    missing = host.problems()
    if back_end != "bubblewrap":
        missing += host.native_problems()
    elif not host.bubblewrap:
        missing.append("bubblewrap is not installed")
    return missing


def choose_sandbox(root: Path, state: Path) -> LocalSandbox:
    """Give this host's sandbox: bubblewrap where it is installed, our own back end otherwise.

    It refuses every profile where neither can be used. Nothing is proved yet.
    """
    host = Host.look()
    usable: list[BackEnd] = [name for name in ("bubblewrap", "native") if not missing_for(host, name)]
    return LocalSandbox(root, state, host, usable[0] if usable else "")


async def _follow(child: LaunchedChild, stdin: bytes, room: int) -> Ran:
    """Feed the command and read what it says, until it ends or says too much."""
    out, err = bytearray(), bytearray()
    too_much = asyncio.Event()
    readers = [
        asyncio.create_task(_read(child.stdout, out, room, too_much)),
        asyncio.create_task(_read(child.stderr, err, MAX_STDERR_BYTES, None)),
        asyncio.create_task(_feed(child.stdin, stdin)),
    ]
    ending = asyncio.create_task(child.wait())
    flooded = asyncio.create_task(too_much.wait())
    try:
        await asyncio.wait({ending, flooded}, return_when=asyncio.FIRST_COMPLETED)
        ended = await (ending if ending.done() else child.stop())
        await asyncio.wait(readers, timeout=LINGER_S)
    finally:
        for task in (*readers, ending, flooded):
            task.cancel()
        await asyncio.gather(*readers, ending, flooded, return_exceptions=True)
    why = "output" if too_much.is_set() else ended.why
    return Ran(why=why, exit=ended.exit, stdout=bytes(out), stderr=bytes(err), text=ended.text)


async def _read(stream: asyncio.StreamReader, kept: bytearray, room: int, too_much: asyncio.Event | None) -> None:
    """Keep the first `room` bytes; of what follows say that it is too much, or drop it."""
    while chunk := await stream.read(1 << 16):
        if len(kept) + len(chunk) > room and too_much is not None:
            too_much.set()
        kept += chunk[: max(0, room - len(kept))]


async def _feed(stream: asyncio.StreamWriter, content: bytes) -> None:
    with suppress(ConnectionError):
        stream.write(content)
        await stream.drain()
    stream.close()
    with suppress(ConnectionError):
        await stream.wait_closed()
