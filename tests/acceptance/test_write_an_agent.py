"""docs/how-to/write-an-agent.md works as it is written, on a stack of its own."""

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
from pathlib import Path

import pytest

from demo.process import ROOT

PAGE = (ROOT / "docs" / "how-to" / "write-an-agent.md").read_text()
FILE = re.compile(r"File `([^`]+)`[^\n]*:\n\n```\w+\n(.*?)```", re.DOTALL)
CHECKED = re.compile(r"```sh\n(.*?)```", re.DOTALL)
UNDERSTOOD = re.compile(r"```text\n(.*?)```", re.DOTALL)
TYPED = re.compile(r"^\$ (.*)$", re.MULTILINE)
REPORT = re.compile(r"```json\n(.*?)```", re.DOTALL)
RUN, REQUEST = re.compile(r"task-keeper-[0-9a-f]{10}"), re.compile(r"req-[0-9a-f]{12}")
START_S = 120


@pytest.fixture(scope="module")
def project() -> Iterator[Path]:
    """Type the page's files into a project that has nothing else; its path is short, for the database's socket."""
    folder = Path(tempfile.mkdtemp(prefix="own-"))
    for name, content in FILE.findall(PAGE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / ".venv").symlink_to(sys.prefix)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def stack(project: Path) -> Iterator[None]:
    """Start the stack as the page says, on free ports; it ends well when it is told to."""
    command = [".venv/bin/proctor", "dev", "--port", "0", "--ui-port", "0"]
    with (project / "dev.log").open("wb") as log:
        dev = subprocess.Popen(command, cwd=project, env=environ(), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not (project / ".proctor" / "dev.json").exists():
            assert (dev.poll(), time.monotonic() < deadline) == (None, True), (project / "dev.log").read_text()
            time.sleep(0.1)
        yield
        dev.send_signal(signal.SIGTERM)
        assert dev.wait(timeout=60) == 0
    finally:
        dev.kill()
        dev.wait()


def environ() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return {**kept, "PATH": f".venv/bin:{os.environ['PATH']}"}


def typed(project: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-ec", command],
        cwd=project,
        env=environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def waiting_request(project: Path, run_id: str) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if pending := json.loads(typed(project, f"proctor approvals --run {run_id} -o json").stdout):
            return str(pending[0]["id"])
        time.sleep(0.2)
    raise AssertionError(f"{run_id} does not wait for anybody: {typed(project, f'proctor show {run_id}').stdout}")


def test_files_of_the_page_are_understood_as_it_shows(project: Path) -> None:
    """What a newcomer types is valid, and the answer is the one on the page."""
    *_, command = CHECKED.findall(PAGE)
    done = typed(project, command)
    (promised,) = UNDERSTOOD.findall(PAGE)
    assert (0, promised) == (done.returncode, done.stdout), done.stderr


@pytest.mark.usefixtures("stack")
def test_run_of_the_page_ends_as_it_shows_and_another_has_nothing_to_do(project: Path) -> None:
    """Each command as written, with the ids of this run; then the first thing to try."""
    run_id, request = "", ""
    done = None
    for line in [line for line in TYPED.findall(PAGE) if line != "proctor dev"]:
        done = typed(project, REQUEST.sub(request, RUN.sub(run_id, line)))
        assert done.returncode == 0, done.stderr
        if "--detach" in line:
            run_id = done.stdout.strip()
            request = waiting_request(project, run_id)
    (promised,) = REPORT.findall(PAGE)
    assert done is not None
    assert json.loads(promised) == json.loads(done.stdout)
    again = typed(project, "proctor run task-keeper --input task.json")
    assert (0, "it was on the list already") == (again.returncode, json.loads(again.stdout)["summary"])


@pytest.mark.usefixtures("stack")
def test_tool_outside_the_scope_is_denied_though_the_playbook_proposes_it(project: Path) -> None:
    """The page's third thing to try: the rule `scope` holds against the agent's own playbook."""
    playbook = project / "agents" / "task-keeper" / "playbook.yaml"
    written = playbook.read_text()
    wipe = "steps:\n  - id: wipe\n    call: RemoveTask\n    with: {id: 1}\n"
    playbook.write_text(written.replace("steps:\n", wipe, 1))
    try:
        done = typed(project, "proctor run task-keeper --input task.json")
    finally:
        playbook.write_text(written)
    assert done.returncode == 6, done.stderr
    assert "denied by policy — RemoveTask · RemoveTask is outside the scope" in done.stderr
