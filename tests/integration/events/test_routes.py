"""Events, webhooks, hooks and schedules over HTTP, on a real socket."""

import json
import time
from collections.abc import AsyncIterator

import pytest

from gateway.events.signing import sign
from proctor.contracts.audit import INSTALLATION, agent_chain
from proctor.contracts.human import Role
from proctor.contracts.ids import PrincipalName
from tests.integration.rest.site import Site, name_of, open_site

OWNER, REQUESTER, OPERATOR, AUDITOR = (
    name_of(role) for role in (Role.OWNER, Role.REQUESTER, Role.OPERATOR, Role.AUDITOR)
)
HOOK = {"name": "tickets", "agent": "prober", "tenant": "default", "principal": "tickets", "goal": "look"}
BODY = json.dumps({"try": "nothing"}).encode()


@pytest.fixture
async def site(dsn: str) -> AsyncIterator[Site]:
    async with open_site(dsn) as opened:
        await opened.store.people.enrol(
            PrincipalName("tickets"), frozenset({Role.REQUESTER}), "token-of-tickets", is_service=True
        )
        yield opened


async def test_another_system_begins_a_run_over_http_and_its_events_can_be_read(site: Site) -> None:
    """The hook needs no token and no JSON content type, only its signature; the same call again is the same run."""
    made = await site.ask("POST", "/hooks", by=OWNER, json=HOOK)
    assert (201, False) == (made.status_code, made.json()["sealed"])

    async def call(body: bytes = BODY, path: str = "/hooks/tickets") -> tuple[int, object]:
        signed = sign([made.json()["secret"]], "msg_1", int(time.time()), BODY)
        answer = await site.ask("POST", path, content=body, headers={**signed, "content-type": "text/plain"})
        return answer.status_code, answer.json()

    first, again = await call(), await call()
    assert [(202, True), (202, False)] == [(status, body["is_new"]) for status, body in (first, again)]  # type: ignore[index]
    run_id = first[1]["run_id"]  # type: ignore[index]
    assert [403, 404, 413, 422] == [
        (await call(BODY + b" "))[0],
        (await call(path="/hooks/nobody"))[0],
        (await call(b"x" * 300_000))[0],
        (await call(path="/hooks/UPPER"))[0],
    ]
    run = (await site.ask("GET", f"/runs/{run_id}", by=AUDITOR)).json()
    assert ("webhook:tickets", "tickets") == (run["run"]["input_source"], run["run"]["requester"])
    await site.store.journal.open_run(run_id, lambda _: "a" * 64)
    listed = (await site.ask("GET", f"/events?run_id={run_id}", by=AUDITOR)).json()
    assert ["run_opened"] == [one["kind"] for one in listed]
    assert 403 == (await site.ask("GET", "/events", by=REQUESTER)).status_code
    gone = await site.ask("DELETE", "/hooks/tickets", by=OWNER)
    assert (200, 404) == (gone.status_code, (await call())[0])


async def test_subscriptions_and_schedules_take_the_roles_that_they_say(site: Site) -> None:
    """Secrets are shown when they are made, and never again."""
    order = {"url": "https://siem.example/in", "kinds": ["run_closed"]}
    made = (await site.ask("POST", "/webhooks", by=OPERATOR, json=order)).json()
    webhook_id = made["webhook"]["id"]
    assert made["secret"].startswith("whsec_")
    renewed = (await site.ask("POST", f"/webhooks/{webhook_id}/rotation", by=OWNER)).json()
    assert made["secret"] != renewed["secret"]
    listed = await site.ask("GET", "/webhooks", by=AUDITOR)
    assert (200, False) == (listed.status_code, "whsec_" in listed.text)
    off = (await site.ask("POST", f"/webhooks/{webhook_id}/disabling", by=OWNER, json={"reason": "moved"})).json()
    on = (await site.ask("POST", f"/webhooks/{webhook_id}/enabling", by=OWNER)).json()
    assert ("moved", None) == (off["disabled_why"], on["disabled_at"])
    schedule = {**HOOK, "name": "nightly", "input": {"try": "nothing"}, "timing": {"cron": ["0 3 * * *"]}}
    refused = [
        await site.ask("POST", "/webhooks", by=REQUESTER, json=order),
        await site.ask("POST", "/webhooks", by=OPERATOR, json={**order, "with_arguments": True}),
        *[
            await site.ask("POST", f"/webhooks/{webhook_id}/{what}", by=AUDITOR, json={})
            for what in ("rotation", "disabling", "enabling")
        ],
        await site.ask("POST", "/hooks", by=OPERATOR, json=HOOK),
        await site.ask("POST", "/deliveries/1/replay", by=AUDITOR),
        await site.ask("POST", "/schedules/nightly/pause", by=AUDITOR, json={}),
    ]
    assert [403] * 8 == [one.status_code for one in refused]
    noted = [(one.kind, one.body["by"]) for one in await site.store.archive.audit(agent_chain(INSTALLATION))]
    expected = [("created", OPERATOR), ("rotated", OWNER), ("disabled", OWNER), ("enabled", OWNER)]
    assert [(f"webhook_{kind}", by) for kind, by in expected] == [one for one in noted if "webhook" in one[0]]
    wrong = [
        await site.ask("POST", "/webhooks", by=OWNER, json={**order, "kinds": ["nothing"]}),
        await site.ask("POST", "/webhooks", by=OWNER, json={**order, "url": "http://siem.example/in"}),
        await site.ask("POST", "/schedules", by=OWNER, json={**schedule, "timing": {}}),
        await site.ask("POST", "/schedules", by=OWNER, json={**schedule, "input": {"odd": 1}}),
    ]
    assert [422] * 4 == [one.status_code for one in wrong]
    assert 503 == (await site.ask("POST", "/schedules", by=OWNER, json=schedule)).status_code
    assert [] == (await site.ask("GET", "/schedules", by=AUDITOR)).json()
    assert [404, 404] == [
        (await site.ask("POST", "/deliveries/1/replay", by=OPERATOR)).status_code,
        (await site.ask("POST", "/webhooks/nothing/rotation", by=OWNER)).status_code,
    ]
    assert [401, 401] == [(await site.ask("GET", path)).status_code for path in ("/events", "/schedules")]
