"""docs/how-to/write-an-agent.md works as it is written, on a stack of its own."""

import json
import re
from collections.abc import Iterator

import pytest

from .pages import Page, Project

PAGE = Page.of("how-to/write-an-agent.md")
RUN, REQUEST = re.compile(r"task-keeper-[0-9a-f]{10}"), re.compile(r"req-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with PAGE.project() as project:
        yield project


@pytest.fixture(scope="module")
def stack(project: Project) -> Iterator[None]:
    with project.stack():
        yield


def test_files_of_the_page_are_understood_as_it_shows(project: Project) -> None:
    """What a newcomer types is valid, and the answer is the one on the page."""
    *_, command = PAGE.blocks("sh")
    done = project.enter(command)
    (promised,) = PAGE.blocks("text")
    assert (0, promised) == (done.returncode, done.stdout), done.stderr


@pytest.mark.usefixtures("stack")
def test_run_of_the_page_ends_as_it_shows_and_another_has_nothing_to_do(project: Project) -> None:
    """Each command as written, with the ids of this run; then the first thing to try."""
    run_id, request = "", ""
    done = None
    for entered in PAGE.entered:
        done = project.enter(REQUEST.sub(request, RUN.sub(run_id, entered.command)))
        assert done.returncode == 0, done.stderr
        if "--detach" in entered.command:
            run_id = done.stdout.strip()
            request = project.waiting_request(run_id)
    (promised,) = PAGE.blocks("json")
    assert done is not None
    assert json.loads(promised) == json.loads(done.stdout)
    again = project.enter("proctor run task-keeper --input task.json")
    assert (0, "it was on the list already") == (again.returncode, json.loads(again.stdout)["summary"])


@pytest.mark.usefixtures("stack")
def test_tool_outside_the_scope_is_denied_though_the_playbook_proposes_it(project: Project) -> None:
    """The page's third thing to try: the rule `scope` holds against the agent's own playbook."""
    playbook = project.folder / "agents" / "task-keeper" / "playbook.yaml"
    written = playbook.read_text()
    wipe = "steps:\n  - id: wipe\n    call: RemoveTask\n    with: {id: 1}\n"
    playbook.write_text(written.replace("steps:\n", wipe, 1))
    try:
        done = project.enter("proctor run task-keeper --input task.json")
    finally:
        playbook.write_text(written)
    assert done.returncode == 6, done.stderr
    assert "denied by policy — RemoveTask · the tool is outside the scope" in done.stderr
