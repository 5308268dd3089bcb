"""Webhooks out, over real sockets: what is sent, who can check it, and where it may not go."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event

from gateway.events.envelopes import Links
from gateway.events.sealing import SecretBox
from gateway.events.subscribing import Subscriptions
from gateway.events.targets import TargetList
from gateway.events.webhook_channel import Postman, WebhookChannel
from proctor.contracts.decision import Verdict
from proctor.contracts.errors import InvalidInput, Refused, Unavailable
from proctor.contracts.human import Principal, Role
from proctor.contracts.outside import WebhookOrder
from proctor.store.postgres import PostgresStore
from tests.integration.events.certificates import certificate_for
from tests.integration.events.receivers import Received, Receiver, dispatching, receiving, until
from tests.integration.store.scenes import ARGUMENTS, open_scene

OWNER = Principal(name="wanda", roles=frozenset({Role.OWNER}))
BOX = SecretBox(b"k" * 32)
LINKS = Links("https://proctor.example")
NOT_PUBLIC = ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1"]
NOT_PUBLIC += ["fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"]
NOT_PUBLIC += ["fec0::1", "::127.0.0.1", "64:ff9b:1::a00:1", "2001:0:4136:e378::a247:28f1"]
NO_SUBSCRIPTIONS = ["http://a.example/", "ftp://a.example/", "https://u:p@a.example/", "https:///x", "https://127.1/"]
NO_SUBSCRIPTIONS += ["nonsense", "https://a.example/#x", "https://0x7f.1/", "https://a.example:99999/"]
LOCAL = TargetList(["127.0.0.0/8", "127.0.0.1"])


def _maker(store: PostgresStore, postman: Postman) -> Callable[[str], Any]:
    return lambda name: WebhookChannel(name.removeprefix("webhook:"), store.webhooks, store.people, BOX, LINKS, postman)


def _holds(secret: str, call: Received) -> bool:
    """Check a call as docs/how-to/connect-systems.md tells receivers to."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in call.headers["webhook-signature"].split(" ")


async def _subscribe(store: PostgresStore, url: str, **fields: Any) -> Any:
    await store.people.enrol(OWNER.name, OWNER.roles, "token")
    return await Subscriptions(store.webhooks, BOX, LOCAL).subscribe(WebhookOrder(url=url, **fields), OWNER)


async def test_a_subscriber_gets_signed_cloudevents_without_arguments(store: PostgresStore) -> None:
    """An independent reader of CloudEvents takes them; titles, reasons and arguments stay here."""
    async with receiving() as receiver, dispatching(store, make=_maker(store, Postman(LOCAL))):
        subscribed = await _subscribe(store, f"{receiver.url}/hook", kinds=("approval_requested", "approval_denied"))
        scene = await open_scene(store)
        (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
        await scene.decide(request.id, "deny", reason="the customer is Ms Secret")
        await until(lambda: len(receiver.calls) == 2)
    asked, denied = receiver.calls
    event = from_structured_event(HTTPMessage(headers=asked.headers, body=asked.body))
    data: Any = event.get_data()
    assert ("proctor.approval_requested", request.id, "https://proctor.example") == (
        event.get_type(),
        event.get_subject(),
        event.get_source(),
    )
    assert f"https://proctor.example/approvals/{request.id}" == data["links"]["approval"]
    assert ("fixer", "run1", 0) == (data["agent"], data["run_id"], data["references"]["step"])
    assert all(word not in asked.body + denied.body for word in (b"caf", b"Ms Secret", b"title", b"arguments"))
    assert _holds(subscribed.secret, asked)
    assert not _holds(subscribed.secret, Received(asked.headers, asked.body + b" "))
    assert asked.headers["webhook-id"] != denied.headers["webhook-id"]
    assert subscribed.secret not in (await store.webhooks.opened(subscribed.webhook.id)).secret


async def test_arguments_are_sent_where_they_were_asked_for(store: PostgresStore) -> None:
    """With the question alone, and by somebody whose role may see them, as long as it does."""
    kinds = ("approval_requested", "approval_denied")
    async with receiving() as receiver, dispatching(store, make=_maker(store, Postman(LOCAL))):
        subscribed = await _subscribe(store, f"{receiver.url}/hook", kinds=kinds, with_arguments=True)
        scene = await open_scene(store)
        (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
        await scene.decide(request.id, "deny", reason="no")
        await until(lambda: len(receiver.calls) == 2)
    assert b"arguments" not in receiver.calls[1].body
    assert (await store.webhooks.opened(subscribed.webhook.id)).may_see_arguments
    await store.people.enrol("olga", frozenset({Role.OWNER}), "token of olga")
    await store.people.enrol(OWNER.name, frozenset({Role.OPERATOR}), "token")
    assert not (await store.webhooks.opened(subscribed.webhook.id)).may_see_arguments
    event = from_structured_event(HTTPMessage(headers=receiver.calls[0].headers, body=receiver.calls[0].body))
    data: Any = event.get_data()
    assert ARGUMENTS == data["arguments"]


async def test_while_a_secret_is_rotated_both_sign(store: PostgresStore) -> None:
    """A receiver changes its secret when it likes; after the rotation's end only the new one signs."""
    async with receiving() as receiver, dispatching(store, make=_maker(store, Postman(LOCAL))):
        first = await _subscribe(store, f"{receiver.url}/hook", kinds=("run_opened",))
        second = await Subscriptions(store.webhooks, BOX, LOCAL).rotate(first.webhook.id, OWNER)
        await open_scene(store, "a")
        await until(lambda: len(receiver.calls) == 1)
        assert [True, True] == [_holds(one.secret, receiver.calls[0]) for one in (first, second)]
        await store.webhooks.rotate(
            first.webhook.id, (await store.webhooks.opened(first.webhook.id)).secret, 0.0, OWNER
        )
        await open_scene(store, "b")
        await until(lambda: len(receiver.calls) == 2)
    assert [False, True] == [_holds(one.secret, receiver.calls[1]) for one in (first, second)]


async def test_only_2xx_is_delivered_and_410_ends_the_subscription(store: PostgresStore) -> None:
    """A redirect is not followed; each attempt carries the same id; what was due at the end is dead and visible."""
    async with receiving() as receiver, dispatching(store, make=_maker(store, Postman(LOCAL))):
        receiver.statuses = [302, 500, 200, 410]
        subscribed = await _subscribe(store, f"{receiver.url}/hook", kinds=("run_opened",))
        await open_scene(store, "a")
        await until(lambda: len(receiver.calls) == 3)
        assert 1 == len({call.headers["webhook-id"] for call in receiver.calls})
        await open_scene(store, "b")
        await until(store.outbox.dead)
        await open_scene(store, "c")
    webhook = (await store.webhooks.opened(subscribed.webhook.id)).webhook
    assert (True, "the receiver answered 410 Gone", 0) == (
        webhook.disabled_at is not None,
        webhook.disabled_why,
        receiver.redirected,
    )
    assert ["b"] == [one.event.subject for one in await store.outbox.dead()]
    assert 4 == len(receiver.calls)


async def test_what_ends_or_begins_again_is_one_subscription(store: PostgresStore) -> None:
    """What another is due stays due, and another that has ended stays so."""
    one, other = [await _subscribe(store, f"http://127.0.0.1:{port}/", kinds=("run_opened",)) for port in (1, 2)]
    await open_scene(store)
    await store.webhooks.disable(one.webhook.id, "moved", OWNER)
    assert [f"webhook:{one.webhook.id}"] == [dead.channel for dead in await store.outbox.dead()]
    assert (await store.webhooks.opened(other.webhook.id)).webhook.disabled_at is None
    for why in ("moved", "again"):
        assert "moved" == (await store.webhooks.disable(other.webhook.id, why, OWNER)).disabled_why
    await store.webhooks.enable(one.webhook.id, OWNER)
    opened = [(await store.webhooks.opened(made.webhook.id)).webhook for made in (one, other)]
    assert [one.webhook.id, other.webhook.id] == [webhook.id for webhook in opened]
    assert [False, True] == [webhook.disabled_at is not None for webhook in opened]


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_private_loopback_and_link_local_addresses_are_refused(address: str) -> None:
    """Also where a name leads there together with a public one, and where the address carries another."""

    async def resolve(_: str, __: int) -> list[str]:
        return ["93.184.215.14", address]

    with pytest.raises(Refused, match="not a public address"):
        await TargetList().resolve("https://innocent.example/hook", resolve)
    listed = await TargetList(["innocent.example"]).resolve("https://innocent.example/hook", resolve)
    assert "93.184.215.14" == listed.url.host


@pytest.mark.parametrize("url", NO_SUBSCRIPTIONS)
def test_urls_that_could_be_read_in_two_ways_are_no_subscriptions(url: str) -> None:
    """Neither are those without TLS."""
    with pytest.raises(InvalidInput):
        TargetList(["*"]).check_url(url)


async def test_the_address_that_was_checked_is_connected_to_and_must_prove_its_name(tmp_path: Path) -> None:
    """The name is resolved once, by us; the certificate is checked against the name and not the address."""
    server, client = certificate_for("hooks.example", tmp_path)
    asked: list[str] = []

    async def resolve(name: str, _: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"]

    async with receiving(server) as receiver:
        postman = Postman(LOCAL, resolve=resolve, verify=client)
        assert 204 == await postman.post(f"https://hooks.example:{receiver.port}/hook", {}, b"{}")
        assert ["hooks.example"] == asked
        assert f"hooks.example:{receiver.port}" == receiver.calls[0].headers["host"]
        with pytest.raises(Unavailable, match="certificate"):
            await postman.post(f"https://other.example:{receiver.port}/hook", {}, b"{}")
    assert 1 == len(receiver.calls)


async def test_neither_an_endless_nor_a_slow_answer_holds_us(receiver: Receiver) -> None:
    """Bodies are not read, and the whole call has a time-out."""
    postman = Postman(LOCAL, timeout_s=0.5)
    assert 200 == await postman.post(f"{receiver.url}/endless", {}, b"{}")
    with pytest.raises(Unavailable, match=r"0\.5 s"):
        await postman.post(f"{receiver.url}/slow", {}, b"{}")
    with pytest.raises(Unavailable, match="no answer"):
        await postman.post("http://127.0.0.1:1/hook", {}, b"{}")


@pytest.fixture
async def receiver() -> Any:
    async with receiving() as made:
        yield made
