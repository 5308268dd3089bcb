"""docs/how-to/let-an-agent-refund.md works as it is written, and shows what really comes out."""

import re
from collections.abc import Iterator

import pytest

from .pages import Page, Project

pytestmark = pytest.mark.slow
PAGE = Page.of("how-to/let-an-agent-refund.md")
POLICY = "agents/refund-clerk/policy.yaml"
RULE = "refunds-add-up"
WRITTEN = re.compile(rf"rite `greater_than: (\d+)` in the rule `{RULE}`")
REQUEST, VERSION = re.compile(r"req-[0-9a-f]{12}"), re.compile(r"pol-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with PAGE.project() as project, project.stack():
        yield project


def write_limit(project: Project, limit: str) -> None:
    policy = project.folder / POLICY
    before, rule, after = policy.read_text(encoding="utf-8").partition(f"- id: {RULE}\n")
    changed = re.sub(r"greater_than: \d+", f"greater_than: {limit}", after, count=1)
    policy.write_text(before + rule + changed, encoding="utf-8")


def test_page_shows_what_a_newcomer_sees(project: Project) -> None:
    """Each command as written, with the ids of this stack; its exit code and each line that the page shows."""
    request, version = "", ""
    for entered in PAGE.entered:
        for limit in WRITTEN.findall(entered.prose):
            write_limit(project, limit)
        done = project.enter(REQUEST.sub(request, VERSION.sub(version, entered.command)))
        told = done.stdout + done.stderr
        assert (entered.exit_code, []) == (done.returncode, entered.misses(told)), f"{entered.command}\n{told}"
        if "--detach" in entered.command:
            request = project.waiting_request(done.stdout.strip())
        if found := VERSION.search(told):
            version = found.group()
    paid = "import sqlite3; print(*sqlite3.connect('shop.db').execute('SELECT item, amount FROM refund ORDER BY id'))"
    assert "('o-1', 40.0) ('o-1', 40.0)\n" == project.enter(f'python -c "{paid}"').stdout
