"""API keys that can less than who holds them: a leaked one gives its roles and no more, whatever the name behind it."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from proctor.contracts.control import ControlOrder
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal, Role
from proctor.contracts.identity_ports import NewApiKey
from proctor.contracts.obligations import Stage, Stages
from proctor.contracts.session_ports import Credential
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import OWNER, REQUESTER
from tests.integration.store.test_governed_runs import REQUEST
from tests.integration.store.test_people_at_the_wheel import order
from tests.integration.store.test_stages import ADAM, asked, dispatch, person, refused, say
from tests.integration.store.test_standing_in import escalated

WANDA = person(OWNER.name, Role.APPROVER, Role.OPERATOR)


async def by_key(store: PostgresStore, who: Principal, *roles: Role) -> Principal:
    """Come in by a new API key with these roles."""
    await store.people.enrol(who.name, who.roles, f"token of {who.name}")
    key_id, secret = secrets.token_hex(6), hashlib.sha256(secrets.token_bytes(8)).hexdigest()
    key = NewApiKey(id=key_id, principal=who.name, secret_sha256=secret, roles=frozenset(roles), for_s=60)
    await store.api_keys.create(key, who)
    return await store.api_keys.authenticate(key_id, secret)


async def test_a_narrow_key_has_no_more_roles_when_its_holder_stands_for_themselves(store: PostgresStore) -> None:
    """To name oneself as the person whose place is taken brings back no role that the key lacks."""
    scene = await asked(store)
    narrow = await by_key(store, person("adam", Role.APPROVER, Role.AUDITOR), Role.AUDITOR)
    for word in ("approve", "deny"):
        await refused(scene, narrow, "adam decides for themselves", word, on_behalf_of="adam")
        await refused(scene, narrow, "not the role|neither an approver", word)
    await refused(scene, ADAM, "adam decides for themselves", on_behalf_of="adam")
    assert "needs_approval" == await dispatch(scene)


async def test_who_made_a_key_of_the_service_that_asked_does_not_approve_alone(store: PostgresStore) -> None:
    """They could have asked themselves by it. They may say no; and a key that is of no use to them keeps nobody out."""
    service = Principal(name=REQUESTER, roles=frozenset({Role.REQUESTER}))
    await store.people.enrol(service.name, service.roles, "token of the service", is_service=True)
    former, maker = person(OWNER.name, Role.OWNER), person("olga", Role.OWNER, Role.APPROVER)
    await store.api_keys.revoke(await _key_of(store, service, former), former)
    await _key_of(store, service, maker)
    scene = await asked(store)
    await _key_of(store, service, former)
    await refused(scene, maker, f"{service.name} asked for this run by a key, a hook or a schedule of olga's making")
    assert "needs_approval" == await dispatch(scene)
    assert (True, "applied") == await say(scene, former)
    assert (True, "applied") == await say(scene, maker, "deny", reason="no")


async def _key_of(store: PostgresStore, service: Principal, by: Principal) -> str:
    secret = secrets.token_hex(32)
    made = NewApiKey(id=secret[:12], principal=service.name, secret_sha256=secret, roles=service.roles, for_s=600)
    return (await store.api_keys.create(made, by)).id


async def test_a_narrow_key_of_the_owner_is_no_owner(store: PostgresStore) -> None:
    """That a manifest names its holder opens nothing: no stage of owners, no wheel, no undo; the whole key opens it."""
    scene = await asked(store, Stages(stages=(Stage(role="owner"),)))
    narrow = await by_key(store, WANDA, Role.APPROVER)
    await refused(scene, narrow, "wanda has not the role")
    for word in ("pause", "take_over"):
        with pytest.raises(NotAuthorised):
            await order(scene, word, narrow)
    with pytest.raises(NotAuthorised):
        await store.undoing.order_undo(scene.run_id, narrow, "")
    whole = await by_key(store, WANDA, *WANDA.roles)
    assert (True, "applied") == await say(scene, whole)
    steered = await store.controls.order(ControlOrder(run_id=scene.run_id, word="pause"), whole)
    assert "wanda" == steered.wheel.paused_by


async def test_a_narrow_key_stands_for_nobody_and_lets_nobody_stand_in(store: PostgresStore) -> None:
    """A delegation lends roles, and hands them on: by a narrow key neither."""
    scene = await asked(store)
    dora = person("dora", Role.APPROVER, Role.AUDITOR)
    narrow = await by_key(store, dora, Role.AUDITOR)
    until = datetime.now(UTC) + timedelta(hours=1)
    await store.people.enrol(ADAM.name, ADAM.roles, "token of adam")
    await store.delegations.delegate(dora.name, until, ADAM)
    await refused(scene, narrow, "stands for nobody", on_behalf_of="adam")
    with pytest.raises(NotAuthorised, match="hands on all"):
        await store.delegations.delegate(ADAM.name, until, narrow)
    assert (True, "applied") == await say(scene, dora, on_behalf_of="adam")


async def test_an_escalation_to_somebody_lends_a_narrow_key_nothing(store: PostgresStore, dsn: str) -> None:
    """The person was asked, and not whoever holds a key of theirs for something else."""
    scene = await escalated(store, dsn)
    await store.journal.read_request(scene.ask_about(REQUEST))
    olga = person("olga", Role.OPERATOR, Role.AUDITOR)
    await refused(scene, await by_key(store, olga, Role.AUDITOR), "not the role")
    assert (True, "applied") == await say(scene, olga)


async def test_a_session_by_a_narrow_key_is_as_narrow(store: PostgresStore) -> None:
    """The approval page gives no more than the key with which somebody signed in."""
    narrow = await by_key(store, WANDA, Role.APPROVER)
    (key,) = await store.api_keys.keys(WANDA.name)
    session = await store.web_sessions.open(WANDA.name, Credential(kind="api_key", reference=key.id), "c" * 64)
    assert narrow.model_copy(update={"key_until": None}) == session.principal
    assert session.principal.is_narrowed
