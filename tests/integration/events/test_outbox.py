"""Events as triggers write them, and deliveries as gateways claim them, on a real Postgres."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from gateway.signing import make_key
from proctor.contracts.audit import INSTALLATION, agent_chain
from proctor.contracts.decision import Verdict
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.events import EVENT_KINDS, DeliveryState, Event
from proctor.contracts.human import Principal, Role
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.outside import WebhookOrder
from proctor.contracts.run import RunStatus
from proctor.store.postgres import PostgresStore
from proctor.store.queries import query
from tests.integration.store.scenes import OPERATOR, SECOND_OPERATOR, open_scene

OWNER = Principal(name="wanda", roles=frozenset({Role.OWNER}))
LEASE_S = 30.0


async def _events(store: PostgresStore) -> list[Event]:
    return await store.outbox.events(limit=500)


def _run_as_owner(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_what_happens_to_a_request_becomes_events_in_order(store: PostgresStore) -> None:
    """The feed names the request, the run, the agent and the tenant; decisions that change nothing are not in it."""
    await open_scene(store, "another", tenant="elsewhere")
    scene = await open_scene(store)
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
    await scene.decide(request.id, "approve")
    await store.journal.close_run(scene.run_id, RunStatus.FAILED, "enough")
    events = await store.outbox.events(run_id=scene.run_id)
    assert ["run_opened", "approval_requested", "approval_granted", "run_closed"] == [one.kind for one in events]
    asked = events[1]
    assert (request.id, request.id, "run1", "fixer", "default") == (
        asked.subject,
        asked.request_id,
        asked.run_id,
        asked.agent,
        asked.tenant,
    )
    assert f"{scene.run_id}/" in asked.id
    assert {"run1"} == {one.subject for one in (events[0], events[3])}
    assert events[1:2] == await store.outbox.events(after=events[0].n, limit=1)
    assert [] == await store.outbox.events(run_id="other")


async def test_requests_that_a_run_leaves_behind_are_told_one_by_one(store: PostgresStore) -> None:
    """A card in a chat learns that nobody needs to decide any more."""
    scene = await open_scene(store)
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
    await store.journal.close_run(scene.run_id, RunStatus.CANCELLED, "enough")
    asked, withdrawn = [one for one in await _events(store) if one.subject == request.id]
    assert ("approval_requested", "request_withdrawn") == (asked.kind, withdrawn.kind)
    assert (asked.run_id, asked.request_id, asked.tenant, asked.agent) == (
        withdrawn.run_id,
        withdrawn.request_id,
        withdrawn.tenant,
        withdrawn.agent,
    )
    assert {"request": request.id, "because": "run_closed"} == withdrawn.body


async def test_what_concerns_no_run_names_none(store: PostgresStore, tmp_path: Path) -> None:
    """A key that somebody adds is told on the installation's behalf, and is found under no run."""
    await store.people.enrol(OWNER.name, OWNER.roles, "token")
    await store.approver_keys.add(make_key(tmp_path, OWNER.name).public_key, OWNER)
    (told,) = await _events(store)
    assert ("key_added", None, None, None) == (told.kind, told.run_id, told.tenant, told.agent)


@pytest.mark.parametrize("scope", [KillScope.ALL, KillScope.AGENT, KillScope.TENANT, KillScope.TOOL, KillScope.RUN])
async def test_fences_are_events_whatever_they_cover(store: PostgresStore, dsn: str, scope: KillScope) -> None:
    """Each is told once when it is raised and once when it is released."""
    await open_scene(store, "another", tenant="elsewhere")
    scene = await open_scene(store)
    value = {"all": "", "agent": "fixer", "tenant": "default", "tool": "Restart", "run": scene.run_id}[scope]
    order = KillOrder(scope=scope, value=value, actor=OPERATOR.name, reason="smoke", mode="freeze")
    fence = await store.kills.raise_fence(order, OPERATOR)
    for _ in range(2):
        _run_as_owner(dsn, "UPDATE proctor.fence SET released_at = released_at")
        await store.kills.release(fence.epoch, SECOND_OPERATOR)
    raised, released = [one for one in await _events(store) if one.kind.startswith("fence_")]
    assert ("fence_raised", "fence_released") == (raised.kind, released.kind)
    assert f"fence:{fence.epoch}" == raised.subject == released.subject
    assert (OPERATOR.name, SECOND_OPERATOR.name) == (raised.body["by"], released.body["by"])
    run, agent, tenant = {"run": (value, "fixer", "default"), "agent": (None, value, None)}.get(
        scope, (None, None, value if scope is KillScope.TENANT else None)
    )
    assert [(run, agent, tenant)] * 2 == [(one.run_id, one.agent, one.tenant) for one in (raised, released)]
    assert (fence.raised_at, "freeze", value) == (raised.at, raised.body["mode"], released.body["value"])
    assert released.at > raised.at


async def test_the_trigger_lists_the_kinds_that_the_contract_names(dsn: str) -> None:
    """Those that come from no audit record are the fences and withdrawn requests."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'audit_announced'"
        ).fetchone()
    assert row is not None
    elsewhere = {"fence_raised", "fence_released", "request_withdrawn", "request_waiting"}
    missing = [kind for kind in EVENT_KINDS - elsewhere if f"'{kind}'" not in row[0]]
    assert ([], len(EVENT_KINDS - elsewhere)) == (missing, row[0].count("::text,") + row[0].count("::text]"))


async def test_only_channels_that_some_gateway_attends_to_get_deliveries(store: PostgresStore, dsn: str) -> None:
    """A chat that was taken out of service does not fill the outbox."""
    await store.outbox.attend("slack")
    await store.outbox.attend("matrix")
    _run_as_owner(dsn, "UPDATE proctor.channel SET attended_at = now() - interval '25 hours' WHERE name = 'matrix'")
    await open_scene(store)
    assert ["slack"] == await store.outbox.due()


async def test_events_of_a_subject_are_claimed_one_at_a_time_and_in_order(store: PostgresStore) -> None:
    """Neither a second gateway nor one that is quicker gets ahead; other subjects are not held up."""
    await store.outbox.attend("slack")
    first, second = await open_scene(store, "a"), await open_scene(store, "b")
    await store.journal.close_run(first.run_id, RunStatus.FAILED, "x")
    both = await asyncio.gather(*(store.outbox.claim("slack", 5, LEASE_S) for _ in range(4)))
    claimed = [delivery for some in both for delivery, _ in some]
    assert [("run_opened", "a"), ("run_opened", "b")] == sorted((one.event.kind, one.event.subject) for one in claimed)
    of_a = next(one for one in claimed if one.event.subject == first.run_id)
    await store.outbox.settle(of_a, DeliveryState.DELIVERED, reference="C1/17")
    ((closing, reference),) = await store.outbox.claim("slack", 5, LEASE_S)
    assert ("run_closed", "C1/17", 1) == (closing.event.kind, reference, closing.attempts)
    assert ("C1/17", "a") == (
        await store.outbox.reference("slack", "a"),
        await store.outbox.subject_of("slack", "C1/17"),
    )
    assert (None, None) == (
        await store.outbox.reference("matrix", "a"),
        await store.outbox.subject_of("slack", second.run_id),
    )


async def test_a_delivery_whose_gateway_died_is_claimed_again_and_the_dead_one_settles_nothing(
    store: PostgresStore,
) -> None:
    """A lease that ends gives the delivery to another; its former holder no longer has a say."""
    await store.outbox.attend("slack")
    await open_scene(store)
    ((lost, _),) = await store.outbox.claim("slack", 5, 0.05)
    await asyncio.sleep(0.1)
    ((taken, _),) = await store.outbox.claim("slack", 5, LEASE_S)
    assert (lost.id, 2) == (taken.id, taken.attempts)
    await store.outbox.give_up(lost, "too late")
    await store.outbox.postpone(lost, 0.0, "too late")
    assert ([], []) == (await store.outbox.dead(), await store.outbox.claim("slack", 5, LEASE_S))
    await store.outbox.settle(taken, DeliveryState.DELIVERED)


async def test_a_dead_delivery_is_visible_does_not_stop_the_next_and_can_be_replayed(store: PostgresStore) -> None:
    """Replaying is audited on the installation's chain."""
    await store.outbox.attend("slack")
    scene = await open_scene(store)
    await store.journal.close_run(scene.run_id, RunStatus.FAILED, "x")
    ((delivery, _),) = await store.outbox.claim("slack", 5, LEASE_S)
    await store.outbox.postpone(delivery, 0.0, "no answer")
    ((delivery, _),) = await store.outbox.claim("slack", 5, LEASE_S)
    await store.outbox.give_up(delivery, "no\x00 answer")
    (dead,) = await store.outbox.dead("slack")
    assert ("no\ufffd answer", 2, []) == (dead.trouble, dead.attempts, await store.outbox.dead("matrix"))
    ((after, _),) = await store.outbox.claim("slack", 5, LEASE_S)
    assert "run_closed" == after.event.kind
    replayed = await store.outbox.replay(dead.id, OPERATOR)
    assert (DeliveryState.PENDING, 0) == (replayed.state, replayed.attempts)
    with pytest.raises(Refused):
        await store.outbox.replay(dead.id, OPERATOR)
    with pytest.raises(UnknownName):
        await store.outbox.replay(10**9, OPERATOR)
    ((again, _),) = await store.outbox.claim("slack", 5, LEASE_S)
    assert dead.id == again.id
    (record,) = await store.archive.audit(agent_chain(INSTALLATION))
    assert ("delivery_replayed", OPERATOR.name) == (record.kind, record.body["by"])


async def test_an_ear_hears_of_a_delivery_when_its_transaction_commits(store: PostgresStore) -> None:
    """Nothing is polled for, and nothing is announced where nobody listens."""
    await store.outbox.attend("slack")
    async with store.outbox.listening() as ear:
        await ear.wait(0.0)
        await open_scene(store)
        async with asyncio.timeout(5):
            await ear.wait(60.0)
    assert ["slack"] == await store.outbox.due()


async def test_while_one_gateway_writes_reminders_another_leaves_it_to_do_so(store: PostgresStore, dsn: str) -> None:
    """It neither waits for the other nor fails on what the other wrote first."""
    scene = await open_scene(store)
    await scene.plan(Verdict.REQUIRE_APPROVAL)
    _run_as_owner(dsn, "UPDATE proctor.request SET created_at = now() - interval '4 hours'")
    with psycopg.connect(dsn) as other:
        assert (True,) == other.execute(query("lock_reminders").encode()).fetchone()
        other.execute(query("remind").encode())
        async with asyncio.timeout(10):
            assert 0 == await store.outbox.remind()
    assert 0 == await store.outbox.remind()
    assert 1 == [one.kind for one in await _events(store)].count("request_waiting")


async def test_subscriptions_choose_by_kind_agent_and_tenant(store: PostgresStore) -> None:
    """What concerns every agent comes to all; a disabled one gets nothing, and what was due dies."""
    await store.people.enrol(OWNER.name, OWNER.roles, "token")
    orders = {
        "all": {},
        "closed": {"kinds": ("run_closed",)},
        "fixer": {"agent": "fixer", "tenant": "default"},
        "other": {"agent": "other"},
        "tenant": {"tenant": "other"},
    }
    for name, fields in orders.items():
        await store.webhooks.create(name, WebhookOrder(url="https://a.example", **fields), "sealed", OWNER)
    scene = await open_scene(store)
    assert ["webhook:all", "webhook:fixer"] == sorted(await store.outbox.due())
    await store.journal.close_run(scene.run_id, RunStatus.FAILED, "enough")
    (chosen,) = await store.outbox.claim("webhook:closed", 5, LEASE_S)
    assert "run_closed" == chosen[0].event.kind
    await store.outbox.settle(chosen[0], DeliveryState.DELIVERED)
    await store.webhooks.disable("all", "gone", None)
    order = KillOrder(scope=KillScope.ALL, actor=OPERATOR.name, reason="smoke", mode="freeze")
    await store.kills.raise_fence(order, OPERATOR)
    assert ["webhook:fixer", "webhook:other", "webhook:tenant"] == sorted(await store.outbox.due())
    assert ["webhook:all"] * 2 == [one.channel for one in await store.outbox.dead()]


async def test_arguments_go_out_only_while_the_subscriber_may_see_them(store: PostgresStore, dsn: str) -> None:
    """The role is asked for when the subscription is made, and again at each delivery."""
    await store.people.enrol(OWNER.name, OWNER.roles, "token")
    order = WebhookOrder(url="https://a.example", with_arguments=True)
    with pytest.raises(NotAuthorised):
        await store.webhooks.create("no", order, "sealed", OPERATOR)
    await store.webhooks.create("hook", order, "sealed", OWNER)
    assert (await store.webhooks.opened("hook")).may_see_arguments
    await store.people.enrol(OWNER.name, frozenset({Role.OPERATOR}), "token")
    assert not (await store.webhooks.opened("hook")).may_see_arguments
    with pytest.raises(NotAuthorised):
        await store.webhooks.rotate("hook", "next", 60.0, Principal(name="rita", roles=frozenset({Role.REQUESTER})))


async def test_what_ended_long_ago_is_deleted_and_what_nobody_served_is_buried(store: PostgresStore, dsn: str) -> None:
    """The outbox stays bounded; the audit trail keeps everything."""
    await store.outbox.attend("slack")
    await open_scene(store, "old")
    await open_scene(store, "unserved")
    ((delivered, _), _) = await store.outbox.claim("slack", 5, LEASE_S)
    await store.outbox.settle(delivered, DeliveryState.DELIVERED, reference="r")
    assert 0 == await store.outbox.purge()
    _run_as_owner(
        dsn,
        "UPDATE proctor.delivery SET done_at = now() - interval '8 days' WHERE state = 'delivered'",
        "UPDATE proctor.delivery SET next_at = now() - interval '3 days' WHERE state = 'pending'",
        "UPDATE proctor.event SET at = now() - interval '31 days'",
        "UPDATE proctor.channel_reference SET at = now() - interval '91 days'",
    )
    assert 4 == await store.outbox.purge()
    assert ["unserved"] == [one.event.subject for one in await store.outbox.dead()]
    assert ["unserved"] == [one.subject for one in await _events(store)]
    assert "run_opened" in [one.kind for one in await store.archive.audit("old")]


async def test_the_records_of_a_step_fire_no_trigger_of_the_feed(dsn: str) -> None:
    """The hot path pays for a comparison of the kind and for nothing else."""
    insert = (
        "INSERT INTO proctor.audit SELECT 'r', n, now(), 'effect_intended', '{}', 'p', 'h' FROM generate_series(1, 9) n"
    )
    with psycopg.connect(dsn) as connection:
        plan = connection.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + insert).fetchone()
        assert plan is not None
        (trigger,) = [one for one in plan[0][0]["Triggers"] if one["Trigger Name"] == "audit_announced"] or [
            {"Calls": 0}
        ]
    assert 0 == trigger["Calls"]
