"""docs/how-to/add-an-api.md works as it is written: a document becomes tools, and a run calls a real service."""

import re
from collections.abc import Iterator

import pytest

from workers.embedded.ports import HeldPort

from .pages import Page

pytestmark = pytest.mark.slow
RUN, REQUEST = re.compile(r"note-taker-[0-9a-f]{10}"), re.compile(r"req-[0-9a-f]{12}")


@pytest.fixture
def page() -> Iterator[Page]:
    """Give the page with a free port in place of its own, which nobody else gets before the desk listens there."""
    with HeldPort() as port:
        yield Page(Page.of("how-to/add-an-api.md").text.replace("8099", str(port.number)))


def test_page_shows_what_a_newcomer_sees(page: Page) -> None:
    """Each command as written; the service saw the call once, with its key, its credential and its query."""
    run_id, request = "", ""
    with page.project() as project:
        try:
            with project.stack():
                for entered in page.entered:
                    done = project.enter(REQUEST.sub(request, RUN.sub(run_id, entered.command)))
                    told = done.stdout + done.stderr
                    assert (entered.exit_code, []) == (done.returncode, entered.misses(told)), (
                        f"{entered.command}\n{told}"
                    )
                    if "--detach" in entered.command:
                        run_id = done.stdout.strip()
                        request = project.waiting_request(run_id)
        finally:
            project.enter("kill $(cat desk.pid) 2>/dev/null || true")
