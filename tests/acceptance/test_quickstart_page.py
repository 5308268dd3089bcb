"""docs/quickstart.md works as it is written, from the first run to the last release."""

import re
import shutil
from collections.abc import Iterator

import pytest

from demo.process import ROOT

from .pages import Page, Project

pytestmark = pytest.mark.slow
PAGE = Page.of("quickstart.md")
RUN, REQUEST = re.compile(r"greeter-[0-9a-f]{10}"), re.compile(r"req-[0-9a-f]{12}")
HELD_ELSEWHERE = ("make ", "export ", ".venv/bin/proctor dev")


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with PAGE.project() as project:
        shutil.copytree(ROOT / "agents" / "greeter", project.folder / "agents" / "greeter")
        with project.stack():
            yield project


def test_quickstart_shows_what_a_newcomer_sees(project: Project) -> None:
    """Each command as written, with the ids of this stack; its exit code and each line that the page shows."""
    run_id, request = "", ""
    for entered in [one for one in PAGE.entered if not one.command.startswith(HELD_ELSEWHERE)]:
        done = project.enter(REQUEST.sub(request, RUN.sub(run_id, entered.command)))
        told = done.stdout + done.stderr
        assert (entered.exit_code, []) == (done.returncode, entered.misses(told)), f"{entered.command}\n{told}"
        if "--detach" in entered.command:
            run_id = done.stdout.strip()
            request = project.waiting_request(run_id)
    assert "" != request
