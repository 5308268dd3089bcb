"""An agent earns autonomy and loses it, through the installed command on the real stack."""

import asyncio
import itertools
import time
from typing import Any

import pytest

from gateway.connections import open_gateway
from gateway.identity import find_token
from gateway.reviewing import give_verdict
from proctor.settings import Settings
from tests.acceptance.conftest import ROOT, Product
from tests.acceptance.witness import recorded

AGENT = "novice"


def run(product: Product, use: str, times: int, key: str) -> Any:
    """Run the agent to its end and give its report."""
    done = product.call(
        "run", AGENT, "--input", "-", "--idempotency-key", key, "-o", "json", stdin={"use": use, "times": times}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def detach(product: Product, use: str, times: int, key: str) -> str:
    """Start a run of the agent and give its id."""
    done = product.call(
        "run", AGENT, "--input", "-", "--idempotency-key", key, "--detach", stdin={"use": use, "times": times}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def effects(product: Product, run_id: str) -> list[str]:
    """Give what really happened for a run, by the tools' own record."""
    return [what for key, what in recorded(product.witness) if key.startswith(f"{run_id}/")]


def reviews(product: Product, run_id: str) -> list[dict[str, Any]]:
    """List the open reviews of a run, oldest first."""
    return [review for review in product.ask("reviews", AGENT) if review["run_id"] == run_id]


def cell(product: Product, tool: str) -> dict[str, Any]:
    """Give where a tool stands."""
    found: dict[str, Any] = next(one for one in product.ask("autonomy", "show", AGENT) if one["tool"] == tool)
    return found


async def agree(product: Product, review_ids: list[str]) -> None:
    """Agree with many reviews, two people in turn, as the command does and in one process."""
    settings = Settings.load(product.environ, ROOT)
    async with open_gateway(settings) as gateway:
        store = gateway.store
        tokens = [find_token({}, settings.home, name) for name in ("demo.approver", "maria.ops")]
        people = [await store.people.authenticate(token) for token in tokens]
        for review_id, by in zip(review_ids, itertools.cycle(people), strict=False):
            await give_verdict(store.autonomy, review_id, "agree", by=by)


def test_at_suggest_nothing_is_done_and_verdicts_on_the_proposals_are_counted(product: Product) -> None:
    """The planner is told, people look at what it would have done, and the evidence shows what they said (H9)."""
    report = run(product, "note", 2, "suggests")
    assert "suggest" in report
    assert [] == effects(product, "suggests")
    first, second = reviews(product, "suggests")
    assert [("suggestion", "Note(what='note 0')"), ("suggestion", "Note(what='note 1')")] == [
        (review["kind"], review["title"]) for review in (first, second)
    ]
    assert {"what": "note 0"} == product.ask("review", first["id"])["arguments"]
    assert product.call("review", first["id"], "agree").returncode == 4, "the requester judged its own request"
    assert product.call("review", first["id"], "agree", "--as", "demo.approver").returncode == 0
    assert product.call("review", first["id"], "agree", "--as", "maria.ops").returncode == 6, "a second verdict"
    said = product.call("review", second["id"], "disagree", "--reason", "twice the same", "--as", "maria.ops")
    assert said.returncode == 0, said.stderr
    assert [] == reviews(product, "suggests")
    note = cell(product, "Note")
    assert ("suggest", 2, 0.5, False) == (note["level"], note["verdicts"], note["agreement"], note["may_rise"])
    refused = product.call("autonomy", "promote", AGENT, "Note", "--as", "maria.ops")
    assert (6, True) == (refused.returncode, "at least 20 verdicts: there are 2" in refused.stderr)


def test_demotion_by_command_stops_a_running_run_at_its_next_dispatch(product: Product) -> None:
    """What would have been done waits for a person: the run reads the level anew, its planner is not asked."""
    run_id = detach(product, "keep", 1000, "demoted-by-command")
    deadline = time.monotonic() + 60
    while not effects(product, run_id):
        assert time.monotonic() < deadline, product.ask("show", run_id)
        time.sleep(0.05)
    lowered = product.call(
        "autonomy", "demote", AGENT, "Keep", "--to", "approval_required", "--reason", "odd", "--as", "second.operator"
    )
    assert lowered.returncode == 0, lowered.stderr
    request = product.wait_for_request(run_id)
    happened = effects(product, run_id)
    time.sleep(0.5)
    assert happened == effects(product, run_id)
    assert len(happened) < 1000
    assert "approval_required" == cell(product, "Keep")["level"]
    assert product.call("kill", run_id, "--reason", "the test is over").returncode == 0
    assert product.call("approve", request, "--as", "demo.approver").returncode == 6


def test_harmful_verdict_lowers_a_supervised_tool_at_once(product: Product) -> None:
    """Done and looked at afterwards; a breach needs nobody's second word, and the next run asks first."""
    run(product, "store", 1, "stores")
    assert ["item 0"] == effects(product, "stores")
    (review,) = reviews(product, "stores")
    assert ("afterwards", "supervised") == (review["kind"], cell(product, "Store")["level"])
    said = product.call("review", review["id"], "harmful", "--reason", "overwrote it", "--as", "demo.approver")
    assert said.returncode == 0, said.stderr
    assert "approval_required" == cell(product, "Store")["level"]
    run_id = detach(product, "store", 1, "stores-again")
    request = product.wait_for_request(run_id)
    assert [] == effects(product, run_id)
    assert product.call("approve", request, "--as", "demo.approver").returncode == 0
    assert product.wait_for_end(run_id) == 0
    assert ["item 0"] == effects(product, run_id)


@pytest.mark.slow
def test_tool_rises_on_evidence_by_its_owners_word_and_the_next_run_lives_by_it(product: Product) -> None:
    """From proposals that are never carried out to calls that wait for approval."""
    run(product, "jot", 21, "earns")
    *waiting, left = [review["id"] for review in reviews(product, "earns")]
    asyncio.run(agree(product, waiting))
    assert [] == effects(product, "earns")
    assert product.ask("autonomy", "propose", AGENT, "Jot")["may_rise"]
    assert product.call("autonomy", "promote", AGENT, "Jot", "--as", "second.operator").returncode == 4
    raised = product.call("autonomy", "promote", AGENT, "Jot", "--as", "maria.ops")
    assert raised.returncode == 0, raised.stderr
    assert product.call("review", left, "agree", "--as", "demo.approver").returncode == 0
    jot = cell(product, "Jot")
    assert ("approval_required", "suggest") == (jot["level"], jot["declared"])
    assert 0 == jot["verdicts"], "a late word on a proposal counts for calls that are carried out"
    run_id = detach(product, "jot", 1, "earned")
    assert product.call("approve", product.wait_for_request(run_id), "--as", "maria.ops").returncode == 0
    assert product.wait_for_end(run_id) == 0
    assert ["jot 0"] == effects(product, run_id)
