"""A page of the documentation, walked as a newcomer would: its files typed, its stack started, its commands entered."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.process import ROOT

START_S = 150
STACK = "proctor dev"
_FILE = re.compile(r"File `([^`]+)`[^\n]*:\n\n```\w+\n(.*?)```", re.DOTALL)
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_EXIT = re.compile(r"# exit code (\d+)$")
_ANY, _EACH_TIME_ANEW = "…", re.compile(r"\b[a-z-]+-[0-9a-f]{10,16}\b|\b\d\d:\d\d:\d\d\b")


@dataclass(frozen=True)
class Entered:
    """A command of a page, and what the page says comes of it."""

    command: str
    shown: tuple[str, ...]
    """Lines of output, in this order; `…` stands for any text, and alone for any lines."""
    prose: str = ""
    """What the page says before it, since the last block of commands."""

    @property
    def exit_code(self) -> int:
        """Give what a comment behind the command says, else success."""
        said = _EXIT.search(self.command)
        return int(said.group(1)) if said else 0

    def misses(self, output: str) -> list[str]:
        """Give the shown lines that the output does not have, one after the other; layout makes no difference."""
        missing, rest = [], iter([_plain(line) for line in output.splitlines()])
        for line in self.shown:
            parts = _plain(_EACH_TIME_ANEW.sub(_ANY, line)).split(_ANY)
            wanted = re.compile(".*".join(re.escape(part.strip()) for part in parts))
            if not any(wanted.fullmatch(told) for told in rest):
                missing.append(line)
        return missing


@dataclass(frozen=True)
class Page:
    """A page under `docs/`."""

    text: str

    @classmethod
    def of(cls, name: str) -> "Page":
        """Read the page of this name, e.g. `how-to/write-an-agent.md`."""
        return cls((ROOT / "docs" / name).read_text(encoding="utf-8"))

    @property
    def entered(self) -> list[Entered]:
        """Give the commands of the page in order, without that of the stack."""
        found, read = [], 0
        for block in _CONSOLE.finditer(self.text):
            prose, read = self.text[read : block.start()], block.end()
            for part in re.split(r"^\$ ", block.group(1), flags=re.MULTILINE)[1:]:
                command, *shown = part.splitlines()
                found.append(Entered(command, tuple(line for line in shown if line not in {"", _ANY}), prose))
                prose = ""
        return [one for one in found if one.command != STACK]

    def blocks(self, language: str) -> list[str]:
        """Give what stands between the fences of a language."""
        return re.findall(rf"```{language}\n(.*?)```", self.text, re.DOTALL)

    @contextmanager
    def project(self) -> Iterator["Project"]:
        """Type the page's files into a project that has nothing else; its path is short, for the database's socket."""
        folder = Path(tempfile.mkdtemp(prefix="own-"))
        try:
            for name, content in _FILE.findall(self.text):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(content, encoding="utf-8")
            (folder / ".venv").symlink_to(sys.prefix)
            yield Project(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Project:
    """The root of a newcomer's project."""

    folder: Path

    @contextmanager
    def stack(self) -> Iterator[None]:
        """Start the stack as the page says, on free ports; it ends well when it is told to."""
        command, told = [".venv/bin/proctor", "dev", "--port", "0", "--ui-port", "0"], self.folder / "dev.log"
        with told.open("wb") as log:
            dev = subprocess.Popen(command, cwd=self.folder, env=_environ(), stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START_S
            while not (self.folder / ".proctor" / "dev.json").exists():
                assert (dev.poll(), time.monotonic() < deadline) == (None, True), told.read_text()
                time.sleep(0.1)
            yield
            dev.send_signal(signal.SIGTERM)
            assert dev.wait(timeout=60) == 0
        finally:
            dev.kill()
            dev.wait()

    def enter(self, command: str) -> subprocess.CompletedProcess[str]:
        """Enter a command in the root of the project; one that does not end fails the test with what it said."""
        try:
            return subprocess.run(
                ["sh", "-ec", command],
                cwd=self.folder,
                env=_environ(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        except subprocess.TimeoutExpired as slow:
            said = b"".join(part for part in (slow.stdout, slow.stderr) if isinstance(part, bytes)).decode()
            log = self.folder / ".proctor" / "logs" / "worker-0.log"
            worker = log.read_text()[-6000:] if log.exists() else "there is no worker"
            raise AssertionError(f"{command} did not end:\n{said}\n{worker}") from slow

    def waiting_request(self, run_id: str) -> str:
        """Give the request that a run waits for, once it does."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if pending := json.loads(self.enter(f"proctor approvals --run {run_id} -o json").stdout):
                return str(pending[0]["id"])
            time.sleep(0.2)
        raise AssertionError(f"{run_id} does not wait for anybody: {self.enter(f'proctor show {run_id}').stdout}")


def _environ() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return {**kept, "PATH": f".venv/bin:{os.environ['PATH']}"}


def _plain(line: str) -> str:
    return " ".join(line.split())
