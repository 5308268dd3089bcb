"""Deliveries between several gateways, several channels and people: each is one gateway's, and what ended stays so."""

import asyncio

import asyncpg

from gateway.events.webhook_channel import Postman, WebhookChannel
from proctor.contracts.events import DeliveryState
from proctor.contracts.human import Principal, Role
from proctor.contracts.outside import WebhookOrder
from proctor.contracts.run import RunStatus
from proctor.store.postgres import PostgresStore
from proctor.store.queries import query
from tests.integration.events.receivers import FakeChannel, dispatching, until
from tests.integration.events.test_webhooks_out import BOX, LINKS, LOCAL
from tests.integration.store.scenes import open_scene

OWNER = Principal(name="wanda", roles=frozenset({Role.OWNER}))
LEASE_S = 30.0


async def test_what_one_gateway_is_about_to_take_is_passed_over_by_another(store: PostgresStore, dsn: str) -> None:
    """It neither waits for the other nor takes the same; what the other gives back is there for it."""
    await store.outbox.attend("slack")
    await open_scene(store)
    other = await asyncpg.connect(dsn)
    try:
        for ends_well in (False, True):
            taking = other.transaction()
            await taking.start()
            assert 1 == len(await other.fetch(query("claim_deliveries"), "slack", 5, LEASE_S))
            async with asyncio.timeout(5):
                assert [] == await store.outbox.claim("slack", 5, LEASE_S)
            await (taking.commit() if ends_well else taking.rollback())
    finally:
        await other.close()
    assert [] == await store.outbox.claim("slack", 5, LEASE_S)


async def test_no_more_is_claimed_than_is_asked_for_and_what_is_leased_or_waits_is_not_due(
    store: PostgresStore,
) -> None:
    """A gateway holds what it works on; a dispatcher does not run in circles about the rest."""
    await store.outbox.attend("slack")
    for name in ("a", "b"):
        await open_scene(store, name)
    ((first, _),) = await store.outbox.claim("slack", 1, LEASE_S)
    assert ["slack"] == await store.outbox.due()
    ((second, _),) = await store.outbox.claim("slack", 1, LEASE_S)
    assert (2, []) == (len({first.id, second.id}), await store.outbox.due())
    await store.outbox.postpone(first, 60.0, "no answer")
    assert ([], []) == (await store.outbox.due(), await store.outbox.claim("slack", 5, LEASE_S))


async def test_what_ended_is_not_due_when_its_lease_would_have_ended(store: PostgresStore) -> None:
    """Nor does the gateway that ended it have a second word."""
    await store.outbox.attend("slack")
    await open_scene(store)
    ((delivery, _),) = await store.outbox.claim("slack", 5, 0.1)
    await store.outbox.settle(delivery, DeliveryState.DELIVERED, reference="C1/17")
    await store.outbox.give_up(delivery, "after all")
    await store.outbox.settle(delivery, DeliveryState.DELIVERED, reference="C1/18")
    await asyncio.sleep(0.15)
    assert ([], []) == (await store.outbox.due(), await store.outbox.dead())
    assert "C1/17" == await store.outbox.reference("slack", delivery.event.subject)


async def test_one_channel_waits_for_no_other_and_knows_its_newest_place_alone(store: PostgresStore) -> None:
    """What is older and still pending elsewhere holds nothing up; a card that was posted anew is found where it is."""
    for channel in ("slack", "matrix"):
        await store.outbox.attend(channel)
    scene = await open_scene(store)
    await store.journal.close_run(scene.run_id, RunStatus.FAILED, "x")
    for place in ("C1/17", "C1/18"):
        ((delivery, _),) = await store.outbox.claim("slack", 5, LEASE_S)
        await store.outbox.settle(delivery, DeliveryState.DELIVERED, reference=place)
    ((elsewhere, reference),) = await store.outbox.claim("matrix", 5, LEASE_S)
    assert ("run_opened", None) == (elsewhere.event.kind, reference)
    assert ["C1/18", None] == [await store.outbox.reference(name, scene.run_id) for name in ("slack", "matrix")]
    assert [scene.run_id, None] == [await store.outbox.subject_of(name, "C1/18") for name in ("slack", "matrix")]


async def test_what_a_person_stopped_keeps_the_reason_that_they_had(store: PostgresStore) -> None:
    """The attempt that was under way has no word any more, however it ends."""
    await store.people.enrol(OWNER.name, OWNER.roles, "token")
    for name in ("off", "on"):
        await store.webhooks.create(name, WebhookOrder(url="https://a.example"), "sealed", OWNER)
    await open_scene(store)
    ((delivery, _),) = await store.outbox.claim("webhook:off", 5, LEASE_S)
    await store.webhooks.disable("off", "moved", OWNER)
    await store.outbox.postpone(delivery, 0.0, "no answer")
    await store.outbox.give_up(delivery, "no answer")
    await store.outbox.settle(delivery, DeliveryState.DELIVERED)
    (dead,) = await store.outbox.dead()
    assert ("webhook:off", "the subscription was disabled") == (dead.channel, dead.trouble)
    assert ["webhook:on"] == await store.outbox.due()
    assert [None] == [one.disabled_at for one in await store.webhooks.webhooks() if one.id == "on"]


async def test_what_is_replayed_to_a_disabled_subscription_is_dead_again_at_once(store: PostgresStore) -> None:
    """Whoever replays it sees why, instead of a delivery that waits for nobody."""
    await store.people.enrol(OWNER.name, OWNER.roles, "token")
    await store.webhooks.create("off", WebhookOrder(url="https://a.example"), "sealed", OWNER)
    await open_scene(store)
    await store.webhooks.disable("off", "moved", OWNER)
    (dead,) = await store.outbox.dead()
    await store.outbox.replay(dead.id, OWNER)
    channel = WebhookChannel("off", store.webhooks, store.people, BOX, LINKS, Postman(LOCAL))
    async with dispatching(store, FakeChannel(), make=lambda name: channel if name == channel.name else None):
        await until(store.outbox.dead)
    assert "the subscription is disabled" == (await store.outbox.dead())[0].trouble


async def test_only_the_delivery_that_is_replayed_becomes_due_and_it_may_fail_as_often_as_before(
    store: PostgresStore,
) -> None:
    """Others that died or arrived stay as they are; a gateway that listens hears of it."""
    await store.outbox.attend("slack")
    for name in ("a", "b", "c"):
        await open_scene(store, name)
    first, second, third = (one for one, _ in await store.outbox.claim("slack", 5, LEASE_S))
    await store.outbox.settle(third, DeliveryState.DELIVERED)
    for one in (first, second):
        await store.outbox.give_up(one, "gone")
    async with store.outbox.listening() as ear:
        await ear.wait(0.0)
        await store.outbox.replay(first.id, OWNER)
        async with asyncio.timeout(5):
            await ear.wait(60.0)
    ((again, _),) = await store.outbox.claim("slack", 5, LEASE_S)
    assert (first.id, 1) == (again.id, again.attempts)
    assert [second.id] == [one.id for one in await store.outbox.dead()]
