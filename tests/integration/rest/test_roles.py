"""Every route, asked by every role and by nobody."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.human import Role
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.run import RunStatus
from tests.integration.rest.site import NOBODY, Site, name_of, token_of
from tests.integration.store.scenes import OPERATOR, open_scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTER, APPROVER, OWNER, OPERATES, AUDITOR = (
    Role.REQUESTER,
    Role.APPROVER,
    Role.OWNER,
    Role.OPERATOR,
    Role.AUDITOR,
)
ALL = frozenset(Role)
SEE_ALL = ALL - {REQUESTER}
STOP = frozenset({OPERATES, OWNER})
DECIDE = frozenset({APPROVER, OWNER})
OVERSEE = frozenset({OWNER, OPERATES, AUDITOR})
SERVICE = "the.service"
BEGINNING = {"name": "nightly", "agent": "prober", "tenant": "default", "principal": SERVICE}
OPEN = {"POST /hooks/{name}"}
"""Routes that other systems call, which sign what they send instead."""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Row:
    """A route: who may use it, what they are answered, and how it is asked."""

    roles: frozenset[Role]
    answers: int | tuple[int, ...] = 200
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    idle: bool = False
    """Whether a principal without roles may use it too: it is about themselves."""


# Who owns an agent is a name, not a role: owners of other agents neither decide nor steer.
ROUTES: dict[str, Row] = {
    "POST /tasks": Row(frozenset({REQUESTER}), 201, {"agent": "prober", "input": {"try": "x"}}),
    "GET /runs": Row(ALL),
    "GET /runs/{run_id}": Row(SEE_ALL),
    "GET /runs/{run_id}/receipt": Row(SEE_ALL),
    "GET /runs/{run_id}/explanation": Row(SEE_ALL),
    "GET /runs/{run_id}/records": Row(SEE_ALL),
    "GET /runs/{run_id}/events": Row(SEE_ALL),
    "GET /runs/{run_id}/control": Row(SEE_ALL),
    "POST /runs/{run_id}/control": Row(frozenset({OPERATES}), 200, {"word": "pause"}),
    "GET /runs/{run_id}/undo": Row(SEE_ALL),
    "POST /runs/{run_id}/undo": Row(frozenset({OPERATES}), 200, {"wait_s": 0}),
    "GET /audit": Row(frozenset({AUDITOR, OWNER})),
    "GET /audit/{chain_id}": Row(frozenset({AUDITOR, OWNER})),
    "GET /audit/{chain_id}/export": Row(frozenset({AUDITOR, OWNER})),
    "GET /approvals": Row(ALL),
    "GET /approvals/{request_id}": Row(SEE_ALL),
    "GET /approvals/{request_id}/card": Row(SEE_ALL),
    "POST /approvals/{request_id}/decision": Row(frozenset({APPROVER}), 200, {"word": "deny", "reason": "no"}),
    "POST /approvals/{request_id}/identical-decisions": Row(
        frozenset({APPROVER}), 200, {"word": "deny", "reason": "no"}
    ),
    "GET /grants": Row(SEE_ALL),
    "POST /grants/{grant_id}/revocation": Row(ALL, (403, 404), {}),
    "GET /delegations": Row(ALL, idle=True),
    "POST /delegations": Row(DECIDE, 201, {"to": NOBODY, "until": ""}),
    "POST /delegations/{delegation_id}/revocation": Row(ALL, 404, idle=True),
    "GET /approver-keys": Row(ALL),
    "POST /approver-keys": Row(DECIDE, 422, {"public_key": "x"}),
    "POST /approver-keys/{key_id}/voucher": Row(ALL, (403, 404), idle=True),
    "POST /approver-keys/{key_id}/revocation": Row(ALL, 404, idle=True),
    "POST /kills": Row(STOP, 201, {"scope": "run", "value": "killed", "reason": "test", "wait_s": 0}),
    "GET /fences": Row(ALL),
    "POST /fences/{epoch}/release": Row(STOP),
    "GET /breakers": Row(ALL),
    "POST /breakers": Row(STOP, 200, {"name": "host:api.example.com", "state": "closed", "reason": "test"}),
    "GET /me": Row(ALL, idle=True),
    "GET /api-keys": Row(ALL, idle=True),
    "POST /api-keys": Row(ALL, 201, {}),
    "POST /api-keys/{key_id}/revocation": Row(ALL, 404, idle=True),
    "GET /identities": Row(ALL, idle=True),
    "POST /identities": Row(frozenset({OWNER}), 201, {"system": "slack", "subject": "T/U", "principal": NOBODY}),
    "DELETE /identities/{system}": Row(ALL, 404, query={"subject": "T/nobody"}, idle=True),
    "GET /events": Row(OVERSEE),
    "GET /deliveries/dead": Row(OVERSEE),
    "POST /deliveries/{delivery_id}/replay": Row(STOP, 404),
    "GET /webhooks": Row(OVERSEE),
    "POST /webhooks": Row(STOP, 201, {"url": "https://events.invalid/"}),
    "POST /webhooks/{webhook_id}/rotation": Row(STOP, 404),
    "POST /webhooks/{webhook_id}/disabling": Row(STOP, 404, {}),
    "POST /webhooks/{webhook_id}/enabling": Row(STOP, 404),
    "GET /hooks": Row(OVERSEE),
    "POST /hooks": Row(frozenset({OWNER}), (201, 409), {**BEGINNING}),
    "DELETE /hooks/{name}": Row(frozenset({OWNER}), 404),
    "GET /schedules": Row(OVERSEE),
    "POST /schedules": Row(frozenset({OWNER}), 503, {**BEGINNING, "input": {"try": "x"}, "timing": {"every_s": 60}}),
    "POST /schedules/{name}/pause": Row(frozenset({OWNER}), (404, 503), {}),
    "POST /schedules/{name}/resumption": Row(frozenset({OWNER}), (404, 503), {}),
    "POST /schedules/{name}/firing": Row(frozenset({OWNER}), (404, 503)),
    "DELETE /schedules/{name}": Row(frozenset({OWNER}), (404, 503)),
    "GET /agents": Row(ALL),
    "GET /agents/{name}": Row(ALL),
    "GET /tools/usage": Row(SEE_ALL, query={"since": "7d"}),
}


async def test_the_table_names_every_route(site: Site) -> None:
    """A route that nobody thought about does not exist."""
    paths = site.app.openapi()["paths"]
    documented = {
        f"{method.upper()} {path.removeprefix('/v1')}" for path, methods in paths.items() for method in methods
    }
    assert set(ROUTES) | OPEN == documented


async def test_a_hook_takes_nothing_that_is_not_signed(site: Site) -> None:
    """It asks for no bearer token, and no bearer token helps."""
    for who in (None, name_of(OWNER)):
        assert (await site.ask("POST", "/hooks/nightly", by=who, json={})).status_code in {401, 403, 404}


@pytest.mark.parametrize("route", ROUTES)
async def test_a_route_answers_who_may_use_it_and_nobody_else(site: Site, route: str) -> None:
    """Without a credential 401; without the role 403, or 404 where that would tell of somebody else's things."""
    row, method = ROUTES[route], route.partition(" ")[0]
    for who in (None, NOBODY, *map(name_of, Role)):
        path = await _place(site, route)
        body = {"json": _body(row)} if method == "POST" else {}
        answer = await site.ask(method, path, by=who, params=dict(row.query), **body)
        assert _expected(row, who) & {answer.status_code}, (who, answer.status_code, answer.text)
        if answer.status_code >= 400:
            assert "application/problem+json" == answer.headers["content-type"]


def _expected(row: Row, who: str | None) -> set[int]:
    if who is None:
        return {401}
    is_allowed = row.idle if who == NOBODY else who in map(name_of, row.roles)
    if not is_allowed:
        return {403, 404}
    return {row.answers} if isinstance(row.answers, int) else set(row.answers)


def _body(row: Row) -> dict[str, Any]:
    return {
        **(row.body or {}),
        **({"until": (datetime.now(UTC) + timedelta(days=1)).isoformat()} if row.body and "until" in row.body else {}),
    }


async def _place(site: Site, route: str) -> str:
    """Make what a route is about: another requester's run, its request, a run that ended, a fence."""
    store, path, key = site.store, route.partition(" ")[2], f"r{next(_numbers)}"
    if path in {"/hooks", "/schedules"}:
        await store.people.enrol(SERVICE, frozenset({REQUESTER}), token_of(SERVICE), is_service=True)
    if "/undo" in path:
        await open_scene(store, key)
        await store.journal.close_run(key, RunStatus.COMPLETED, "")
    elif "{run_id}" in path or "{chain_id}" in path:
        await open_scene(store, key)
        if "events" in path:
            await store.journal.close_run(key, RunStatus.COMPLETED, "")
    elif "{request_id}" in path:
        (request,) = await (await open_scene(store, key)).plan(Verdict.REQUIRE_APPROVAL)
        path = path.replace("{request_id}", request.id)
    elif path == "/kills" and not await store.kills.knows(KillScope.RUN, "killed"):
        await open_scene(store, "killed")
    elif "{epoch}" in path:
        order = KillOrder(scope=KillScope.AGENT, value="other", actor="olga", reason="test", mode="freeze")
        path = path.replace("{epoch}", str((await store.kills.raise_fence(order, OPERATOR)).epoch))
    path = path.replace("{run_id}", key).replace("{chain_id}", key).replace("{system}", "slack")
    path = path.replace("{delivery_id}", "1000000")
    return re.sub(r"\{name\}", "prober", re.sub(r"\{(grant|delegation|key|webhook)_id\}", "nothing-like-it", path))
