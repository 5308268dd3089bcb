"""The incident resolver planned by a model, through the whole platform: real worker, real store, real socket."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from proctor.connection import connect_temporal
from tests.acceptance.resolving import (
    DONE,
    HEALTH,
    MODEL,
    RESTART,
    TICKET,
    Resolving,
    command,
    resolving,
    worker_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Resolving]:
    async with resolving() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def live(running: Resolving) -> Resolving:
    """Give the running platform with a provider that has nothing to say yet."""
    running.provider.reset()
    return running


def prompts(live: Resolving) -> list[str]:
    return [json.dumps(request.body) for request in live.provider.requests]


PLAN = {
    "calls": [
        {"id": "look", "tool": "GetServiceHealth", "max_count": 2, "arguments": {"service": ["request"]}},
        {"id": "logs", "tool": "ReadServiceLogs", "arguments": {"service": ["request"]}},
        {"id": "kb", "tool": "SearchKB", "arguments": {"query": ["logs"]}},
        {"id": "restart", "tool": "RestartService", "arguments": {"service": ["request"], "reason": ["logs"]}},
        {"id": "ticket", "tool": "CreateSupportTicket", "arguments": {"title": ["look"], "description": ["logs"]}},
    ]
}
"""Said before anything was read: so the ticket is on plan, although a log had a say in its words."""


async def test_a_model_resolves_the_incident_and_a_person_approves_the_restart(live: Resolving) -> None:
    """Nine answers become a mended service, one ticket, a report with its cost, and a proven trail."""
    await live.world.wedge()
    live.script(("declare_plan", PLAN))
    live.script(
        ("GetServiceHealth", HEALTH),
        ("ReadServiceLogs", {"service": "checkout", "lines": 50}),
        ("SearchKB", {"query": "connection pool exhausted", "limit": 3}),
        ("RestartService", RESTART),
        ("GetServiceHealth", {**HEALTH, "wait_healthy_s": 8}),
        ("CreateSupportTicket", TICKET),
        ("finish", DONE),
    )
    run_id = await live.detach("model-resolves")
    request = await live.request_of(run_id)
    async with httpx.AsyncClient(trust_env=False) as client:
        before = (await client.get(f"{live.world.supervisor_url}/services/checkout/health")).json()
    assert "wedged" == before["status"], "nothing was restarted before a person agreed"
    assert 0 == (await live.call("approve", request, "--as", "demo.approver")).returncode
    assert "completed" == await live.end_of(run_id)

    shown = json.loads((await live.call("show", run_id, "--output", "json")).stdout)
    assert "checkout answers again" == shown["report"]["summary"]
    assert Decimal(str(shown["cost_usd"])) > 0
    assert 8 == len(prompts(live)), "the declaration and seven steps"
    assert "pool_exhausted" in prompts(live)[3], "the log's findings reached the next prompt"
    lines = (await live.gateway.store.kills.receipt(run_id)).lines
    assert [("RestartService", "confirmed"), ("CreateSupportTicket", "confirmed")] == [
        (line.tool, line.fate) for line in lines
    ]
    assert 0 == (await live.call("audit", "verify", run_id)).returncode


async def test_malformed_arguments_are_repaired_within_the_plan(live: Resolving) -> None:
    """The model is told what is wrong and asked again; only the mended call is ever judged."""
    live.script(("GetServiceHealth", {"service": 7}), ("GetServiceHealth", HEALTH), ("finish", DONE))
    run_id = await live.detach("model-malformed")
    assert "completed" == await live.end_of(run_id)
    assert 3 == len(prompts(live))
    assert "NOT CARRIED OUT" in prompts(live)[1]
    assert ["GetServiceHealth"] == [judged.body["tool"] for judged in await live.trail(run_id, "call_judged")]


async def test_a_declared_plan_is_recorded_with_the_first_step(live: Resolving) -> None:
    """Declared alone, it is no step of its own; it reaches the store, and the next prompt shows it."""
    read = {"id": "look", "tool": "GetServiceHealth", "arguments": {"service": ["request"]}}
    live.script(("declare_plan", {"calls": [read]}), ("GetServiceHealth", HEALTH), ("finish", DONE))
    run_id = await live.detach("model-declares")
    assert "completed" == await live.end_of(run_id)
    assert 3 == len(prompts(live))
    assert "TAKEN" in prompts(live)[1]
    assert "TAKEN" in prompts(live)[2]
    assert ["GetServiceHealth"] == [judged.body["tool"] for judged in await live.trail(run_id, "call_judged")]


async def test_a_tool_out_of_scope_is_denied_recorded_and_the_model_is_told(live: Resolving) -> None:
    """G5: the first attempt is a denial on record, whatever the model answers next; it ends as blocked by policy."""
    live.script(("DropDatabase", {"name": "production"}))
    live.script(("finish", {"outcome": "blocked", "report": {"summary": "not allowed", "service": "checkout"}}))
    run_id = await live.detach("model-scope")
    assert "blocked" == await live.end_of(run_id)
    judged = await live.trail(run_id, "call_judged")
    assert [("DropDatabase", "deny")] == [(one.body["tool"], one.body["verdict"]) for one in judged]
    assert 2 == len(prompts(live))
    assert "DENIED by policy" in prompts(live)[1]
    assert judged[0].body["rule"] in prompts(live)[1]
    assert 6 == (await live.call("watch", run_id)).returncode


async def test_provider_faults_are_retried_by_temporal_alone(live: Resolving) -> None:
    """429 with Retry-After and 503 cost one request each, and the time that the provider asked for is kept."""
    live.provider.rate_limit(retry_after=3)
    live.provider.fail(503)
    live.script(("finish", DONE))
    run_id = await live.detach("model-faults")
    assert "completed" == await live.end_of(run_id)
    requests = live.provider.requests
    assert [429, 503, 200] == [request.status for request in requests]
    waits = [later.started_at - earlier.ended_at for earlier, later in pairwise(requests)]
    assert waits[0] >= 2.5, "the provider's Retry-After was kept"
    client = await connect_temporal(live.stack.endpoints.temporal)
    history = await client.get_workflow_handle(run_id).fetch_history()
    attempts = [event.activity_task_started_event_attributes.attempt for event in history.events]
    assert 3 == max(attempts), "each request was an attempt of Temporal's: nothing was retried inside the SDK"


async def test_the_cost_cap_parks_the_run_for_a_person(live: Resolving) -> None:
    """Rule 8: no request is made beyond the cap; a person's word lets the run go on."""
    live.script(("finish", DONE))
    run_id = await live.detach("model-cap", agent="frugal-resolver")
    request = await live.request_of(run_id)
    assert [] == prompts(live)
    shown = json.loads((await live.call("show", run_id, "--output", "json")).stdout)
    assert ("waiting", "budget") == (shown["status"], shown["waiting_for"][0]["kind"])
    assert 0 == (await live.call("approve", request, "--as", "demo.approver")).returncode
    assert "completed" == await live.end_of(run_id)
    assert 1 == len(prompts(live))


async def test_a_denied_budget_ends_the_run_without_a_request(live: Resolving) -> None:
    """A no at the cap is an end with that reason, and nothing was spent."""
    run_id = await live.detach("model-cap-denied", agent="frugal-resolver")
    request = await live.request_of(run_id)
    denied = await live.call("deny", request, "--reason", "too dear", "--as", "demo.approver")
    assert 0 == denied.returncode
    assert "failed" == await live.end_of(run_id)
    run = await live.gateway.store.archive.run(run_id)
    assert "max_cost_usd" in run.status_reason
    assert (0, Decimal(0)) == (len(prompts(live)), run.cost_usd)


async def test_a_recorded_plan_is_not_paid_twice_when_its_worker_is_killed(tmp_path: Path) -> None:
    """Kill -9 between the plan's record and Temporal's knowledge of it: the retry returns the recorded plan."""
    marker = tmp_path / "died"
    dying = worker_of("tests.acceptance.dying_worker")
    async with resolving(worker_command=dying, environ={"DIED_ONCE": str(marker)}) as live:
        live.script(("GetServiceHealth", HEALTH), ("finish", DONE))
        run_id = await live.detach("model-dies")
        assert "completed" == await live.end_of(run_id)
        assert marker.exists()
        assert 2 == len(prompts(live)), "one request for each of the two steps"
        run = await live.gateway.store.archive.run(run_id)
        assert 2 == len(await live.trail(run_id, "plan_recorded"))
        assert run.cost_usd > 0


@pytest.mark.slow
async def test_the_demo_plays_all_scenes_by_a_model(running: Resolving, tmp_path: Path) -> None:
    """`proctor demo --model` with a key and an address: three scenes, planned over a real socket."""
    running.provider.reset()
    look = [("GetServiceHealth", HEALTH), ("ReadServiceLogs", {"service": "checkout", "lines": 50})]
    failed = {"outcome": "failed", "report": {"summary": "the release does not start", "service": "checkout"}}
    blocked = {"outcome": "blocked", "report": {"summary": "no tool may do it", "service": "checkout"}}
    running.script(*look, ("RestartService", RESTART), ("GetServiceHealth", {**HEALTH, "wait_healthy_s": 8}))
    running.script(("CreateSupportTicket", TICKET), ("finish", DONE))
    running.script(*look, ("RestartService", {**RESTART, "release": "next"}), ("GetServiceHealth", HEALTH))
    running.script(("finish", failed))
    running.script(("CleanDisk", {"service": "checkout"}), ("finish", blocked))
    environ = {
        **_bare(tmp_path),
        "OPENAI_BASE_URL": running.provider.base_url("openai"),
        "OPENAI_API_KEY": "a-key",
    }
    done = await asyncio.to_thread(command, ["demo", "--model", MODEL], environ)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "3 of 3 scenes ended as they should" in done.stdout
    assert 13 == len(prompts(running))


@pytest.mark.parametrize(
    ("model", "missing"),
    [(MODEL, "OPENAI_API_KEY"), ("local:qwen", "LOCAL_BASE_URL"), ("gpt-5", "provider:name")],
)
async def test_the_demo_says_what_a_model_lacks_before_it_starts_anything(
    tmp_path: Path, model: str, missing: str
) -> None:
    """Exit 2 with the variable to set, and no stack was started for it."""
    done = await asyncio.to_thread(command, ["demo", "--model", model], _bare(tmp_path))
    assert 2 == done.returncode
    assert missing in done.stderr
    assert "" == done.stdout
    assert not (tmp_path / "state").exists()


def _bare(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PROCTOR_HOME": str(folder / "state")}
