"""An MCP server as a child process: kept by a keeper, or in the sandbox; in a clean environment, and ended for sure."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.tool import McpServer
from proctor.tools.mcp.surroundings import Surroundings
from proctor.tools.sandbox.port import Child

KEPT_STDERR_BYTES = 2000
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STDIN_GRACE_S = 2.0
TERM_GRACE_S = 4.0
"""Longer than the keeper's own time to end everything."""
LAST_WORDS_S = 0.5
_KEEPER = Path(__file__).with_name("keeper.py")


class ServerProcess(Protocol):
    """A server's process with its pipes. Its standard error is read and its end kept."""

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Its standard input."""

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Its standard output."""

    def last_words(self) -> str:
        """Give the end of what it wrote to its standard error."""

    async def end(self, grace_s: float = STDIN_GRACE_S) -> None:
        """Close its input, then end it and all that it started; takes at most a few seconds."""


class KeptServer:
    """A server with a keeper of its own. Nothing of what it started outlives `end`, or the worker."""

    def __init__(self, process: Process) -> None:
        self.stdin, self.stdout = _pipes(process.stdin, process.stdout)
        self._process = process
        self._words = _Words(process.stderr)
        self.last_words = self._words.text

    async def end(self, grace_s: float = STDIN_GRACE_S) -> None:
        """See `ServerProcess.end`."""
        with suppress(OSError):
            self.stdin.close()
        if not await self._gone(grace_s):
            self._send("terminate")
            if not await self._gone(TERM_GRACE_S):
                self._send("kill")
                await self._gone(TERM_GRACE_S)
        await self._words.end()
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


class SandboxedServer:
    """A server in the sandbox."""

    def __init__(self, child: Child) -> None:
        self.stdin, self.stdout = _pipes(child.stdin, child.stdout)
        self._child = child
        self._words = _Words(child.stderr)
        self.last_words = self._words.text

    async def end(self, grace_s: float = STDIN_GRACE_S) -> None:
        """See `ServerProcess.end`."""
        with suppress(OSError):
            self.stdin.close()
        leaving = asyncio.ensure_future(self._child.wait())
        await asyncio.wait({leaving}, timeout=grace_s)
        leaving.cancel()
        await self._child.stop()
        await self._words.end()


class _Words:
    """Reads a server's standard error, so that it never stands still, and keeps the end."""

    def __init__(self, stderr: asyncio.StreamReader | None) -> None:
        assert stderr is not None
        self._tail = bytearray()
        self._reading = asyncio.ensure_future(self._read(stderr))

    def text(self) -> str:
        """Give the end of it."""
        return self._tail.decode("utf-8", "replace").strip()

    async def end(self) -> None:
        """Read what is left."""
        await asyncio.wait({self._reading}, timeout=LAST_WORDS_S)
        self._reading.cancel()

    async def _read(self, stderr: asyncio.StreamReader) -> None:
        while chunk := await stderr.read(65_536):
            self._tail += chunk
            del self._tail[:-KEPT_STDERR_BYTES]


async def start(server: McpServer, secrets: Mapping[str, str], surroundings: Surroundings) -> ServerProcess:
    """Start a server's command. It gets its `environment`, `secrets`, a PATH, and a HOME of its own; nothing else.

    Raises:
        InvalidInput: there is no such command.
        Refused: it is to run in a sandbox that this host does not give.
        Unavailable: no process can be started.

    """
    found = find(server.command[0], surroundings.root)
    command = (found, *server.command[1:])
    given = {**server.environment, **secrets}
    if server.sandbox is not None:
        sandbox = surroundings.required_sandbox(server)
        shows = [_installation(found)]
        return SandboxedServer(await sandbox.spawn(command, server.sandbox, environment=given, shows=shows))
    try:
        return KeptServer(await _keep(command, given, surroundings.root))
    except OSError as error:
        raise Unavailable(f"{server.name} cannot be started: {error.strerror}") from error


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


async def _keep(command: tuple[str, ...], given: Mapping[str, str], root: Path | None) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_KEEPER), str(os.getpid()), *command),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={"PATH": f"{Path(command[0]).parent}:{SYSTEM_PATH}", **given},
        cwd=root,
    )


def _installation(command: str) -> Path:
    """Give the folder that a command was installed in, with what it imports: the one around its `bin`."""
    folder = Path(command).parent
    return folder.parent if folder.name == "bin" else folder


def _pipes(
    stdin: asyncio.StreamWriter | None, stdout: asyncio.StreamReader | None
) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    assert stdin is not None
    assert stdout is not None
    return stdin, stdout
