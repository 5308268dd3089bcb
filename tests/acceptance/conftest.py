"""The installed product: `proctor dev` as a process, and its command as people call it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.siege import Siege, siege
from workers.embedded.tether import tethered

ROOT = Path(__file__).parents[2]
PROCTOR = str(Path(sys.executable).with_name("proctor"))
START_S = 150


@dataclass(frozen=True)
class Product:
    """A running stack, and how to talk to it."""

    home: Path
    witness: Path
    environ: dict[str, str]

    def call(self, *arguments: str, stdin: Any = None) -> subprocess.CompletedProcess[str]:
        """Call the command and wait for its end."""
        return subprocess.run(
            [PROCTOR, *arguments],
            env=self.environ,
            cwd=ROOT,
            input=None if stdin is None else json.dumps(stdin),
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ask(self, *arguments: str) -> Any:
        """Call the command and read what it prints as JSON."""
        done = self.call(*arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def detach(self, what: str, **more: Any) -> str:
        """Start a run of the prober and give its id."""
        done = self.call("run", "prober", "--input", "-", "--detach", stdin={"try": what, **more})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def wait_for_request(self, run_id: str, timeout_s: float = 60) -> str:
        """Wait until a run waits for a person, and give the request's id."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            pending = self.ask("approvals", "--run", run_id)
            if pending:
                return str(pending[0]["id"])
            time.sleep(0.5)  # to ask costs more than to wait
        raise AssertionError(f"{run_id} does not wait for anybody: {self.ask('show', run_id)}")

    def wait_for_end(self, run_id: str) -> int:
        """Wait for a run's end and give the exit code that goes with it."""
        return self.call("watch", run_id, "--timeout", "90").returncode

    def kinds(self, run_id: str) -> list[str]:
        """Give the kinds of a run's audit records, in order."""
        done = self.call("audit", "export", run_id)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [str(line["kind"]) for line in lines if line["type"] == "record"]


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """Start the stack in a short temporary folder; end it with SIGTERM and see that it ends well."""
    folder = Path(tempfile.mkdtemp(prefix="acc-"))
    environ = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PROCTOR_HOME": str(folder / "state"),
        "PROCTOR_AGENTS": str(ROOT / "tests" / "acceptance" / "agents"),
        "WITNESS": str(folder / "witness.db"),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "dev.log").open("wb") as log:
        dev = subprocess.Popen(
            tethered([PROCTOR, "dev", "--port", "0", "--ui-port", "0"]), env=environ, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        _until_ready(dev, folder)
        yield Product(folder / "state", folder / "witness.db", environ)
        dev.send_signal(signal.SIGTERM)
        assert dev.wait(timeout=60) == 0
    finally:
        dev.kill()
        dev.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Make a folder whose path is short enough for sockets in it."""
    folder = Path(tempfile.mkdtemp(prefix="bad-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _until_ready(dev: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while not (folder / "state" / "dev.json").exists():
        if dev.poll() is not None or time.monotonic() > deadline:
            raise AssertionError((folder / "dev.log").read_text())
        time.sleep(0.1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def besieged() -> AsyncIterator[Siege]:
    """Start a stack that tests drive from Temporal, the database and the people."""
    folder = Path(tempfile.mkdtemp(prefix="siege-"))
    try:
        async with siege(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)
