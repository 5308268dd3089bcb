"""docs/how-to/add-an-api.md works as it is written: a document becomes tools, and a run calls a real service."""

import re
import socket

import pytest

from .pages import Page

pytestmark = pytest.mark.slow
RUN, REQUEST = re.compile(r"note-taker-[0-9a-f]{10}"), re.compile(r"req-[0-9a-f]{12}")


def page() -> Page:
    """Give the page, with a free port in place of its own."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return Page(Page.of("how-to/add-an-api.md").text.replace("8099", str(taken.getsockname()[1])))


def test_page_shows_what_a_newcomer_sees() -> None:
    """Each command as written; the service saw the call once, with its key, its credential and its query."""
    written, run_id, request = page(), "", ""
    with written.project() as project:
        try:
            with project.stack():
                for entered in written.entered:
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
