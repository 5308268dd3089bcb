"""Starts an MCP server as a child of its own keeper, in a clean environment, and ends it."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from proctor.contracts.errors import InvalidInput

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Largest message of a server; a longer one ends the session."""
KEPT_STDERR_BYTES = 2000
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STDIN_GRACE_S = 2.0
TERM_GRACE_S = 4.0
"""Longer than the keeper's own time to end everything."""
LAST_WORDS_S = 0.5
_KEEPER = Path(__file__).with_name("keeper.py")


class ChildServer:
    """A server's process with its three pipes. Nothing of what it started outlives `end`, or the worker."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdin, self.stdout = process.stdin, process.stdout
        self._process, self._tail = process, bytearray()
        self._draining = asyncio.ensure_future(self._drain(process.stderr))

    @property
    def pid(self) -> int:
        """The keeper's process id."""
        return self._process.pid

    def last_words(self) -> str:
        """Give the end of what it wrote to its standard error."""
        return self._tail.decode("utf-8", "replace").strip()

    async def end(self, grace_s: float = STDIN_GRACE_S) -> None:
        """Close its input, then end it and all that it started; takes at most a few seconds."""
        with suppress(OSError):
            self.stdin.close()
        if not await self._gone(grace_s):
            self._send("terminate")
            if not await self._gone(TERM_GRACE_S):
                self._send("kill")
                await self._gone(TERM_GRACE_S)
        await asyncio.wait({self._draining}, timeout=LAST_WORDS_S)
        self._draining.cancel()
        # Without this an unread pipe keeps the transport open, which warns when it is collected.
        self._process._transport.close()  # type: ignore[attr-defined] # noqa: SLF001 - asyncio has no public way

    def _send(self, how: str) -> None:
        with suppress(ProcessLookupError):
            getattr(self._process, how)()

    async def _gone(self, within_s: float) -> bool:
        # Polled, because Process.wait() also waits for pipes that a survivor may hold.
        deadline = asyncio.get_running_loop().time() + within_s
        while self._process.returncode is None:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    async def _drain(self, stderr: asyncio.StreamReader) -> None:
        while chunk := await stderr.read(65_536):
            self._tail += chunk
            del self._tail[:-KEPT_STDERR_BYTES]


async def start(command: tuple[str, ...], environment: Mapping[str, str], root: Path | None) -> ChildServer:
    """Start the command. It gets `environment`, a PATH, and a HOME of its own that is gone afterwards; nothing else.

    Raises:
        InvalidInput: there is no such command.
        OSError: no process can be started.

    """
    found = find(command[0], root)
    own = {"PATH": f"{Path(found).parent}:{SYSTEM_PATH}", **environment}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_KEEPER), str(os.getpid()), found, *command[1:]),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=own,
        cwd=root,
        limit=MAX_MESSAGE_BYTES,
    )
    return ChildServer(process)


def find(command: str, root: Path | None) -> str:
    """Find a command: a path from `root`, a name beside this Python, then where the worker looks, then the system.

    Raises `InvalidInput` where there is none.
    """
    places = (str(Path(sys.executable).parent), os.environ.get("PATH", ""), SYSTEM_PATH)
    named = str((root or Path.cwd()) / command) if "/" in command else command
    found = shutil.which(named, path=os.pathsep.join(filter(None, places)))
    if found is None:
        raise InvalidInput(f"there is no command {command}", hint="install the server where the worker runs")
    return str(Path(found).absolute())
