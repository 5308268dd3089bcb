"""Starts the launcher and reads what it says: the worker's side of one sandboxed process."""

import asyncio
import marshal
import os
import sys
from pathlib import Path
from typing import Any, Final, cast

from proctor.tools.sandbox.launch.plan import Plan
from proctor.tools.sandbox.port import Ran, SandboxRefused, Why

ROOT: Final = Path(__file__).resolve().parents[3]
"""Where the packages of Proctor lie: the launcher imports its few modules from there."""
INTERPRETER: Final = os.path.realpath(sys.executable)
_CODE: Final = (
    "import sys;sys.path.append({root!r});"
    "from proctor.tools.sandbox.launch.main import main;main({plan},{status},{leash})"
)
_CANNOT_START: Final = 125
_STATUS_BYTES: Final = 1024
_REAP_S: Final = 2.0
_STOP_S: Final = 5.0


class LaunchedChild:
    """A launcher, and through it the sandbox. Implements `Child`."""

    def __init__(self, process: asyncio.subprocess.Process, status: asyncio.StreamReader, leash: int) -> None:
        """Take over the launcher's process and our ends of its two pipes."""
        self._process, self._leash = process, leash
        self._ending = asyncio.ensure_future(self._end(status))

    @classmethod
    async def launch(cls, plan: Plan) -> "LaunchedChild":
        """Start a plan. Raises `SandboxRefused` when not even the launcher can be started."""
        plan_at = os.memfd_create("plan", os.MFD_CLOEXEC)
        status_in, status_out = os.pipe()
        leash_in, leash_out = os.pipe()
        theirs = (plan_at, status_out, leash_in)
        try:
            os.write(plan_at, marshal.dumps(cast("Any", dict(plan))))
            process = await _start(*theirs)
        except BaseException as error:
            os.close(status_in)
            os.close(leash_out)
            if isinstance(error, OSError):
                raise SandboxRefused(f"the sandbox cannot be started: {error}") from error
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return cls(process, await _reader(status_in), leash_out)

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Its standard input."""
        return cast("asyncio.StreamWriter", self._process.stdin)

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Its standard output."""
        return cast("asyncio.StreamReader", self._process.stdout)

    @property
    def stderr(self) -> asyncio.StreamReader:
        """Its standard error."""
        return cast("asyncio.StreamReader", self._process.stderr)

    async def wait(self) -> Ran:
        """Wait for the end; gives why."""
        return await asyncio.shield(self._ending)

    async def stop(self) -> Ran:
        """End it and everything that it started, at once."""
        self._let_go()
        await asyncio.wait({self._ending}, timeout=_STOP_S)
        if not self._ending.done():
            # The launcher itself is stuck: the kernel ends the sandbox with it.
            self._process.kill()
        return await self.wait()

    async def _end(self, status: asyncio.StreamReader) -> Ran:
        line = (await status.read(_STATUS_BYTES)).decode("utf-8", "replace")
        self._let_go()
        # Not for ever: asyncio waits for the pipes too, and a survivor would hold them.
        await asyncio.wait({asyncio.ensure_future(self._process.wait())}, timeout=_REAP_S)
        return _parse(line)

    def _let_go(self) -> None:
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb", buffering=0))
    return reader


async def _start(plan: int, status: int, leash: int) -> asyncio.subprocess.Process:
    code = _CODE.format(root=str(ROOT), plan=plan, status=status, leash=leash)
    return await asyncio.create_subprocess_exec(
        INTERPRETER,
        "-I",
        "-S",
        "-c",
        code,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(plan, status, leash),
        env={},
        cwd="/",
        start_new_session=True,
    )


def _parse(line: str) -> Ran:
    why, _, rest = line.strip().partition(" ")
    code, _, text = rest.partition(" ")
    if not code.isdigit():
        return Ran(why="refused", exit=_CANNOT_START, text="the launcher was lost")
    return Ran(why=cast("Why", why), exit=int(code), text=text)
