"""Webhooks in, on a real Postgres: who may begin runs, with what, and how often."""

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from gateway.events.hooks import CreatedHook, Hooks
from gateway.events.sealing import SecretBox
from gateway.events.signing import TOLERANCE_S, sign
from proctor.contracts.audit import INSTALLATION, agent_chain
from proctor.contracts.errors import (
    IdempotencyConflict,
    InvalidInput,
    NotAuthorised,
    OversizeInput,
    ProctorError,
    Refused,
    UnknownName,
)
from proctor.contracts.human import Role
from proctor.contracts.outside import HookOrder
from proctor.store.postgres import PostgresStore
from tests.integration.events.scenes import OLGA, SERVICE, open_gateway

NOW = 1_800_000_000
BODY = json.dumps({"service": "web"}).encode()
GITHUB_SECRET = "a secret of sixteen"


async def _hooks(store: PostgresStore) -> Hooks:
    return Hooks(await open_gateway(store), SecretBox(b"k" * 32), now=lambda: float(NOW))


def _order(**fields: Any) -> HookOrder:
    values = {"name": "tickets", "agent": "resolver", "tenant": "default", "principal": SERVICE.name, "goal": "mend it"}
    return HookOrder.model_validate({**values, **fields})


def _signed(created: CreatedHook, body: bytes = BODY, message: str = "msg_1", at: int = NOW) -> dict[str, str]:
    return sign([created.secret], message, at, body)


async def test_a_signed_call_begins_one_run_as_the_service_with_an_untrusted_input(store: PostgresStore) -> None:
    """The same message again, or many times at once, is the same run."""
    hooks = await _hooks(store)
    created = await hooks.create(_order(), OLGA)
    done = await asyncio.gather(*(hooks.receive("tickets", _signed(created), BODY) for _ in range(5)))
    assert [1, 1] == [len({one.record.run_id for one in done}), sum(one.is_new for one in done)]
    record = done[0].record
    assert ("webhook:tickets", SERVICE.name, "mend it") == (record.input_source, record.requester, record.goal)
    assert {"service": "web"} == await store.archive.content(record.input_digest)
    (accepted,) = [one for one in await store.archive.audit(record.run_id) if one.kind == "run_accepted"]
    assert "webhook:tickets" == accepted.body["input_source"]
    other = await hooks.receive("tickets", _signed(created, message="msg_2"), BODY)
    assert (True, True) == (other.is_new, other.record.run_id != record.run_id)
    changed = b'{"service": "db"}'
    with pytest.raises(IdempotencyConflict):
        await hooks.receive("tickets", _signed(created, changed), changed)
    assert created.secret not in (await store.beginnings.hook("tickets")).secret


REFUSED: dict[str, tuple[type[ProctorError], Any]] = {
    "another body": (NotAuthorised, lambda headers: (headers, BODY + b" ")),
    "another id": (NotAuthorised, lambda headers: ({**headers, "webhook-id": "msg_9"}, BODY)),
    "another time": (NotAuthorised, lambda headers: ({**headers, "webhook-timestamp": str(NOW + 1)}, BODY)),
    "no signature": (NotAuthorised, lambda headers: ({**headers, "webhook-signature": ""}, BODY)),
    "an asymmetric one": (NotAuthorised, lambda headers: ({**headers, "webhook-signature": "v1a,AAAA"}, BODY)),
    "no id": (NotAuthorised, lambda headers: ({**headers, "webhook-id": ""}, BODY)),
    "odd digits": (NotAuthorised, lambda headers: ({**headers, "webhook-timestamp": "١٨٠٠٠٠٠٠٠٠"}, BODY)),
    "oversize": (OversizeInput, lambda headers: (headers, b" " * 300_000)),
}


async def test_what_is_not_signed_or_not_now_begins_nothing(store: PostgresStore) -> None:
    """Each part that the signature covers is held against it, and old messages are no messages."""
    hooks = await _hooks(store)
    created = await hooks.create(_order(), OLGA)
    for error, change in REFUSED.values():
        headers, body = change(_signed(created))
        with pytest.raises(error):
            await hooks.receive("tickets", headers, body)
    for at in (NOW - TOLERANCE_S - 1, NOW + TOLERANCE_S + 1):
        with pytest.raises(NotAuthorised, match="too far"):
            await hooks.receive("tickets", _signed(created, at=at), BODY)
    foreign = await hooks.create(_order(name="other"), OLGA)
    with pytest.raises(NotAuthorised, match="does not hold"):
        await hooks.receive("tickets", _signed(foreign), BODY)
    assert [] == await store.archive.runs()


async def test_malformed_payloads_begin_nothing_whoever_signed_them(store: PostgresStore) -> None:
    """No JSON, doubled names, no UTF-8, too deep, and what does not fit the agent's input."""
    hooks = await _hooks(store)
    created = await hooks.create(_order(), OLGA)
    for body in (b"{", b'{"service": NaN}', b'{"service": "a", "service": "b"}', b"\xff", b"[" * 5000, b'{"other": 1}'):
        with pytest.raises(InvalidInput):
            await hooks.receive("tickets", _signed(created, body), body)
    deep = b'{"service":' + b"[" * 500 + b"]" * 500 + b"}"
    with pytest.raises(InvalidInput):
        await hooks.receive("tickets", _signed(created, deep), deep)
    assert [] == await store.archive.runs()


async def test_pointers_pick_the_input_out_of_the_payload(store: PostgresStore) -> None:
    """What they do not point at is left out; what is missing is an error."""
    hooks = await _hooks(store)
    created = await hooks.create(_order(mapping={"service": "/alerts/1/a~1b"}), OLGA)
    body = json.dumps({"alerts": [{}, {"a/b": "db", "noise": 1}]}).encode()
    done = await hooks.receive("tickets", _signed(created, body), body)
    assert {"service": "db"} == await store.archive.content(done.record.input_digest)
    for payload in ({"alerts": []}, {"alerts": [{}, {}]}, {"alerts": {"01": {}}}, []):
        body = json.dumps(payload).encode()
        with pytest.raises(InvalidInput, match="nothing at"):
            await hooks.receive("tickets", _signed(created, body), body)
    with pytest.raises(InvalidInput, match="no JSON pointer"):
        await hooks.create(_order(name="bad", mapping={"service": "alerts/~2"}), OLGA)


async def test_githubs_scheme_is_taken_and_the_same_body_is_the_same_run(store: PostgresStore) -> None:
    """Its signature covers neither id nor time, so neither makes another run of what somebody recorded."""
    hooks = await _hooks(store)
    await hooks.create(_order(scheme="github"), OLGA, GITHUB_SECRET)
    good = "sha256=" + hmac.new(GITHUB_SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    first = await hooks.receive("tickets", {"x-hub-signature-256": good, "x-github-delivery": "1"}, BODY)
    again = await hooks.receive("tickets", {"x-hub-signature-256": good, "x-github-delivery": "2"}, BODY)
    assert (True, False, first.record.run_id) == (first.is_new, again.is_new, again.record.run_id)
    for bad in ("", good[:-1], good.replace("sha256", "sha1")):
        with pytest.raises(NotAuthorised):
            await hooks.receive("tickets", {"x-hub-signature-256": bad}, BODY)


async def test_only_owners_make_hooks_and_only_for_services(store: PostgresStore) -> None:
    """Nobody approves what they set off themselves by a hook that runs in another person's name."""
    hooks = await _hooks(store)
    await store.people.enrol("maria", frozenset({Role.REQUESTER, Role.APPROVER}), "token of maria")
    with pytest.raises(NotAuthorised):
        await hooks.create(_order(), SERVICE)
    await store.people.enrol("nora", frozenset({Role.REQUESTER}), "token of nora")
    for person in ("maria", "nora"):
        with pytest.raises(NotAuthorised, match="not a service"):
            await hooks.create(_order(principal=person), OLGA)
    with pytest.raises(UnknownName):
        await hooks.create(_order(principal="nobody"), OLGA)
    with pytest.raises(UnknownName):
        await hooks.create(_order(agent="nobody"), OLGA)
    for secret in ("short", "whsec_%%%", f"whsec_{'AAAA' * 8}%"):
        with pytest.raises(InvalidInput):
            await hooks.create(_order(), OLGA, secret)
    await hooks.create(_order(), OLGA)
    with pytest.raises(Refused):
        await hooks.create(_order(), OLGA)


async def test_a_disabled_hook_takes_nothing_and_changes_are_audited(store: PostgresStore) -> None:
    """It may be made anew under its name, with another secret; who took its service's role away stopped it too."""
    hooks = await _hooks(store)
    created = await hooks.create(_order(), OLGA)
    for _ in range(2):
        await store.beginnings.disable_hook("tickets", OLGA)
    with pytest.raises(UnknownName):
        await hooks.receive("tickets", _signed(created), BODY)
    renewed = await hooks.create(_order(), OLGA)
    with pytest.raises(NotAuthorised):
        await hooks.receive("tickets", _signed(created), BODY)
    await store.people.enrol(SERVICE.name, frozenset({Role.AUDITOR}), "token of tickets", is_service=True)
    with pytest.raises(NotAuthorised):
        await hooks.receive("tickets", _signed(renewed), BODY)
    kinds = [one.kind for one in await store.archive.audit(agent_chain(INSTALLATION)) if one.kind.startswith("hook")]
    assert ["hook_created", "hook_disabled", "hook_created"] == kinds


def test_a_sealed_secret_opens_for_its_purpose_and_key_only() -> None:
    """And a key that is none is told without being shown."""
    box = SecretBox(b"k" * 32)
    stored = box.seal("secret", "hook:a")
    assert (True, False) == (box.seals, SecretBox().seals)
    assert ("secret", "plain") == (box.open(stored, "hook:a"), SecretBox().open("plain:plain", "x"))
    for other, purpose in ((box, "hook:b"), (SecretBox(b"l" * 32), "hook:a"), (SecretBox(), "hook:a")):
        with pytest.raises(ProctorError):
            other.open(stored, purpose)
    either = base64.b64encode(b"\xfb\xff" * 16).decode()
    for text in (either, either.replace("+", "-").replace("/", "_")):
        assert SecretBox(b"\xfb\xff" * 16) == SecretBox.of(text, "PROCTOR_SECRETS_KEY")
    for text in ("hunter2", f"{either}hunter2", f"%hunter2{either}"):
        with pytest.raises(InvalidInput) as caught:
            SecretBox.of(text, "PROCTOR_SECRETS_KEY")
        assert "hunter2" not in str(caught.value.diagnostics())
