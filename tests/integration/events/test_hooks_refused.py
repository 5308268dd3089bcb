"""Calls of hooks that are signed by the right secret and are refused all the same; and who may not make hooks."""

import base64
import hashlib
import hmac
from typing import Any

import psycopg
import pytest

from gateway.events.hooks import Hooks
from gateway.events.sealing import SecretBox
from gateway.events.signing import LONGEST_ID, MOST_SIGNATURES, SHORTEST_SECRET, sign
from proctor.contracts.errors import InvalidInput, NotAuthorised, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.outside import HookOrder, ScheduleOrder
from proctor.store.postgres import PostgresStore
from tests.integration.events.scenes import OLGA, SERVICE, open_gateway
from tests.integration.events.test_hooks_in import BODY, GITHUB_SECRET, NOW

SHARED = {"name", "agent", "tenant", "principal", "goal"}
OPERATOR = Principal(name="olaf", roles=frozenset({Role.OPERATOR}))
ODD_TIMES = ["", "now", "1.8e9", "-1", "²", "١٨٠٠٠٠٠٠٠٠", f"{NOW} ", "0" * 4000 + str(NOW)]


async def _hooks(store: PostgresStore) -> Hooks:
    return Hooks(await open_gateway(store), SecretBox(b"k" * 32), now=lambda: float(NOW))


def _order(**fields: Any) -> HookOrder:
    values = {"name": "tickets", "agent": "resolver", "tenant": "default", "principal": SERVICE.name, "goal": "mend it"}
    return HookOrder.model_validate({**values, **fields})


def _signed(secret: str, message_id: str, time: str) -> dict[str, str]:
    """Sign whatever stands in the headers, as a sender with a slip would."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = hmac.new(key, f"{message_id}.{time}.".encode() + BODY, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(made).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": time, "webhook-signature": signature}


async def test_what_names_no_message_or_no_time_is_refused_although_it_is_signed(store: PostgresStore) -> None:
    """A message without a name could not be told from the next one; a time that is none would never be too old."""
    hooks = await _hooks(store)
    secret = (await hooks.create(_order(), OLGA)).secret
    named = [("", str(NOW)), ("m" * (LONGEST_ID + 1), str(NOW)), *(("msg_1", time) for time in ODD_TIMES)]
    for message_id, time in named:
        with pytest.raises(NotAuthorised, match=r"webhook-id is missing|is not a time"):
            await hooks.receive("tickets", _signed(secret, message_id, time), BODY)
    assert [] == await store.archive.runs()
    assert (await hooks.receive("tickets", _signed(secret, "m" * LONGEST_ID, str(NOW)), BODY)).is_new


async def test_a_signature_in_foreign_letters_or_behind_a_crowd_is_none(store: PostgresStore) -> None:
    """Whatever bytes a header holds, it is refused and not an error of ours; only so many are compared."""
    hooks = await _hooks(store)
    good = sign([(await hooks.create(_order(), OLGA)).secret], "msg_1", NOW, BODY)
    crowd = " ".join(["v1,AAAA"] * MOST_SIGNATURES)
    for signature in ("v1,é", f"{crowd} {good['webhook-signature']}"):
        with pytest.raises(NotAuthorised):
            await hooks.receive("tickets", {**good, "webhook-signature": signature}, BODY)
    last = f"{crowd.removesuffix(' v1,AAAA')} {good['webhook-signature']}"
    assert (await hooks.receive("tickets", {**good, "webhook-signature": last}, BODY)).is_new
    await hooks.create(_order(name="code", scheme="github"), OLGA, GITHUB_SECRET)
    with pytest.raises(NotAuthorised):
        await hooks.receive("code", {"x-hub-signature-256": "sha256=é"}, BODY)


async def test_the_same_message_to_two_hooks_is_two_runs(store: PostgresStore) -> None:
    """Senders number their messages each for themselves."""
    hooks = await _hooks(store)
    done = []
    for name in ("tickets", "alerts"):
        secret = (await hooks.create(_order(name=name), OLGA)).secret
        done.append(await hooks.receive(name, _signed(secret, "msg_1", str(NOW)), BODY))
    assert [True, True] == [one.is_new for one in done]
    assert 2 == len({one.record.run_id for one in done})
    with pytest.raises(UnknownName):
        await hooks.receive("../tickets\x00", {}, BODY)


async def test_a_secret_that_is_too_short_makes_no_hook(store: PostgresStore) -> None:
    """Whichever scheme it is for."""
    hooks = await _hooks(store)
    short = base64.b64encode(b"x" * (SHORTEST_SECRET - 1)).decode()
    for scheme, secret in (("standard", f"whsec_{short}"), ("github", "x" * (SHORTEST_SECRET - 1))):
        with pytest.raises(InvalidInput, match="secret"):
            await hooks.create(_order(scheme=scheme), OLGA, secret)
    assert [] == await store.beginnings.hooks()


async def test_who_is_no_owner_neither_makes_nor_ends_what_begins_runs_nor_learns_which_agents_there_are(
    store: PostgresStore,
) -> None:
    """And a service that may decide begins nothing: it could approve what it set off."""
    hooks = await _hooks(store)
    await hooks.create(_order(), OLGA)
    with pytest.raises(NotAuthorised):
        await hooks.create(_order(name="other", agent="nobody"), OPERATOR)
    with pytest.raises(NotAuthorised):
        await store.beginnings.disable_hook("tickets", OPERATOR)
    assert [None] == [one.disabled_at for one in await store.beginnings.hooks()]
    values = {**_order().model_dump(include=SHARED), "input": {}, "timing": {"every_s": 60}}
    await store.beginnings.put_schedule(ScheduleOrder.model_validate(values), OLGA)
    with pytest.raises(NotAuthorised):
        await store.beginnings.delete_schedule("tickets", OPERATOR)
    assert ["tickets"] == [one.name for one in await store.beginnings.schedules()]
    both = frozenset({Role.REQUESTER, Role.OPERATOR})
    await store.people.enrol("pauser", both, "token of pauser", is_service=True)
    with pytest.raises(NotAuthorised, match="one role requester"):
        await hooks.create(_order(name="other", principal="pauser"), OLGA)


async def test_a_hook_ends_with_its_service_and_no_other_ends_with_it(store: PostgresStore, dsn: str) -> None:
    """A service that is disabled begins nothing, by no hook and no schedule; neither gets a new one."""
    hooks = await _hooks(store)
    await store.people.enrol("alerts", SERVICE.roles, "token of alerts", is_service=True)
    secrets = {}
    for name, service in (("tickets", SERVICE.name), ("more", SERVICE.name), ("alerts", "alerts")):
        secrets[name] = (await hooks.create(_order(name=name, principal=service), OLGA)).secret
    schedule = ScheduleOrder.model_validate(
        {**_order().model_dump(include=SHARED), "input": {}, "timing": {"every_s": 60}}
    )
    for name in ("tickets", "more"):
        await store.beginnings.put_schedule(schedule.model_copy(update={"name": name}), OLGA)
    await store.beginnings.disable_hook("more", OLGA)
    await store.beginnings.delete_schedule("more", OLGA)
    assert (await hooks.receive("tickets", _signed(secrets["tickets"], "msg_1", str(NOW)), BODY)).is_new
    assert ["tickets"] == [one.name for one in await store.beginnings.schedules()]
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.principal SET disabled_at = now() WHERE name = %s", [SERVICE.name])
    with pytest.raises(UnknownName):
        await hooks.receive("tickets", _signed(secrets["tickets"], "msg_2", str(NOW)), BODY)
    with pytest.raises(UnknownName):
        await store.beginnings.schedule("tickets")
    with pytest.raises(UnknownName):
        await store.beginnings.note_schedule("tickets", "triggered", OLGA)
    with pytest.raises(UnknownName):
        await hooks.create(_order(name="new"), OLGA)
    assert (await hooks.receive("alerts", _signed(secrets["alerts"], "msg_1", str(NOW)), BODY)).is_new
