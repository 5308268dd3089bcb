"""API keys and identities: who is let in, and as whom."""

import hashlib
import secrets
from pathlib import Path

import psycopg
import pytest

from gateway.identity import enrol, find_local_token, local_names
from proctor.contracts.audit import INSTALLATION, agent_chain
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.identity_ports import NewApiKey
from proctor.store.postgres import PostgresStore

OWNER = Principal(name="olga", roles=frozenset({Role.OWNER}))
MAYA = Principal(name="maya", roles=frozenset({Role.REQUESTER, Role.AUDITOR}))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _new(principal: str, secret: str, *roles: Role, for_s: int = 600) -> NewApiKey:
    return NewApiKey(
        id=secrets.token_hex(6), principal=principal, secret_sha256=_hash(secret), roles=frozenset(roles), for_s=for_s
    )


@pytest.fixture
async def people(store: PostgresStore) -> PostgresStore:
    """Enrol an owner, a person and a service."""
    await store.people.enrol("olga", OWNER.roles, "t-olga")
    await store.people.enrol("maya", MAYA.roles, "t-maya")
    await store.people.enrol("robot", frozenset({Role.REQUESTER}), "t-robot", is_service=True)
    return store


async def test_a_key_lets_in_with_the_roles_that_it_and_its_principal_both_have(people: PostgresStore) -> None:
    """A scope narrows; a role that the principal lost later is lost for the key too."""
    key = await people.api_keys.create(_new("maya", "s1", Role.REQUESTER), MAYA)
    narrow = Principal(name="maya", roles=frozenset({Role.REQUESTER}), is_narrowed=True, key_until=key.expires_at)
    assert narrow == await people.api_keys.authenticate(key.id, _hash("s1"))
    await people.people.enrol("maya", frozenset({Role.AUDITOR}), "t-maya")
    assert frozenset() == (await people.api_keys.authenticate(key.id, _hash("s1"))).roles
    assert (await people.api_keys.keys("maya"))[0].last_used_at is not None


async def test_a_key_that_is_wrong_revoked_expired_or_of_a_disabled_principal_lets_nobody_in(
    people: PostgresStore, dsn: str
) -> None:
    """Each way out is closed, at once."""
    api_keys = people.api_keys
    revoked = await api_keys.create(_new("maya", "s1", Role.REQUESTER), MAYA)
    assert await api_keys.revoke(revoked.id, MAYA) == await api_keys.revoke(revoked.id, OWNER)
    expired = await api_keys.create(_new("maya", "s2", Role.REQUESTER), MAYA)
    live = await api_keys.create(_new("maya", "s3", Role.REQUESTER), MAYA)
    disabled = await api_keys.create(_new("robot", "s4", Role.REQUESTER), OWNER)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.api_key SET expires_at = now() WHERE id = %s", (expired.id,))
        connection.execute("UPDATE proctor.principal SET disabled_at = now() WHERE name = 'robot'")
    await api_keys.authenticate(live.id, _hash("s3"))
    for key_id, secret in ((revoked.id, "s1"), (expired.id, "s2"), (live.id, "s2"), (disabled.id, "s4"), ("x", "s3")):
        with pytest.raises(NotAuthorised):
            await api_keys.authenticate(key_id, _hash(secret))


async def test_nobody_makes_a_key_that_acts_as_another_person_or_can_more_than_they_can(
    people: PostgresStore,
) -> None:
    """Owners make keys for services alone; a narrow key makes no wider one."""
    create = people.api_keys.create
    with pytest.raises(NotAuthorised, match="is a person"):
        await create(_new("maya", "s", Role.REQUESTER), OWNER)
    with pytest.raises(NotAuthorised, match="for others"):
        await create(_new("robot", "s", Role.REQUESTER), MAYA)
    narrow = Principal(name="maya", roles=frozenset({Role.REQUESTER}))
    for roles in ((Role.AUDITOR,), (Role.REQUESTER, Role.OWNER), ()):
        with pytest.raises(InvalidInput):
            await create(_new("maya", "s", *roles), narrow)
    with pytest.raises(UnknownName):
        await create(_new("nobody", "s", Role.REQUESTER), OWNER)
    assert [] == list(await people.api_keys.keys())


async def test_a_key_is_revoked_by_its_holder_or_an_owner(people: PostgresStore) -> None:
    """Who may only look is told so; for anybody else there is no such key."""
    key = await people.api_keys.create(_new("robot", "s", Role.REQUESTER), OWNER)
    eve = Principal(name="eve", roles=frozenset({Role.APPROVER}))
    for key_id, by, error in ((key.id, eve, UnknownName), (key.id, MAYA, NotAuthorised), ("x", OWNER, UnknownName)):
        with pytest.raises(error):
            await people.api_keys.revoke(key_id, by)
    await people.api_keys.authenticate(key.id, _hash("s"))
    assert "olga" == (await people.api_keys.revoke(key.id, OWNER)).revoked_by


async def test_what_is_made_by_a_key_ends_with_it(people: PostgresStore) -> None:
    """A stolen key makes no other that outlives it, nor does one that was made by it."""
    first = await people.api_keys.create(_new("maya", "s1", Role.REQUESTER, for_s=60), MAYA)
    for secret in ("s2", "s3"):
        before = "s1" if secret == "s2" else "s2"
        by = await people.api_keys.authenticate((await people.api_keys.keys("maya"))[0].id, _hash(before))
        made = await people.api_keys.create(_new("maya", secret, Role.REQUESTER, for_s=3600), by)
        assert first.expires_at == made.expires_at
    short = await people.api_keys.create(_new("maya", "s4", Role.REQUESTER, for_s=5), by)
    assert short.expires_at < first.expires_at


async def test_an_owner_locks_others_out_and_never_the_last_owner(people: PostgresStore) -> None:
    """Nobody locks themselves out; an owner who was locked out meanwhile locks nobody out in return."""
    second = await people.people.enrol("omar", frozenset({Role.OWNER}), "t-omar")
    for name, by in (("robot", MAYA), ("olga", OWNER)):
        with pytest.raises(NotAuthorised):
            await people.people.disable(name, by)
    assert second == await people.people.disable("omar", OWNER, reason="left\x00 us")
    with pytest.raises(NotAuthorised):
        await people.people.disable("olga", second)
    for name in ("omar", "nobody"):
        with pytest.raises(UnknownName):
            await people.people.disable(name, OWNER)
    with pytest.raises(NotAuthorised):
        await people.people.authenticate("t-omar")
    told = (await people.archive.audit(agent_chain(INSTALLATION)))[-1]
    assert "principal_disabled" == told.kind
    assert ("omar", ["owner"], "olga") == tuple(told.body[name] for name in ("principal", "roles", "by"))


async def test_who_was_disabled_comes_back_without_the_keys_of_before(people: PostgresStore) -> None:
    """And who only gets a new token keeps them. Both are on record, with who did it; so is who revoked one before."""
    gone = await people.api_keys.create(_new("robot", "s0", Role.REQUESTER), OWNER)
    await people.api_keys.revoke(gone.id, OWNER)
    old = await people.api_keys.create(_new("robot", "s1", Role.REQUESTER), OWNER)
    kept = await people.api_keys.create(_new("maya", "s2", Role.REQUESTER), MAYA)
    await people.people.disable("robot", OWNER)
    await people.people.enrol("robot", frozenset({Role.REQUESTER}), "t-new", is_service=True, by="omar")
    await people.people.enrol("maya", MAYA.roles, "t-newer", by="olga")
    assert {gone.id: "olga", old.id: "omar"} == {one.id: one.revoked_by for one in await people.api_keys.keys("robot")}
    with pytest.raises(NotAuthorised):
        await people.api_keys.authenticate(old.id, _hash("s1"))
    assert "maya" == (await people.api_keys.authenticate(kept.id, _hash("s2"))).name
    records = await people.archive.audit(agent_chain(INSTALLATION))
    enrolled = [one.body for one in records if one.kind == "principal_enrolled"]
    assert ["proctor"] * 3 + ["omar", "olga"] == [one["by"] for one in enrolled]
    assert ("robot", [old.id], True) == tuple(enrolled[3][name] for name in ("principal", "keys_ended", "is_service"))
    assert ("maya", []) == (enrolled[4]["principal"], enrolled[4]["keys_ended"])


async def test_a_service_never_approves_and_never_becomes_a_person(people: PostgresStore) -> None:
    """Four eyes are people's eyes."""
    with pytest.raises(InvalidInput):
        await people.people.enrol("robot", frozenset({Role.APPROVER}), "t", is_service=True)
    with pytest.raises(Refused):
        await people.people.enrol("robot", frozenset({Role.APPROVER}), "t")
    with pytest.raises(Refused):
        await people.people.enrol("maya", frozenset({Role.REQUESTER}), "t", is_service=True)
    assert MAYA == await people.people.principal("maya")


async def test_an_identity_is_one_principals_alone_and_ends_with_it(people: PostgresStore, dsn: str) -> None:
    """A subject that is not linked is nobody, and so is one whose principal is disabled."""
    identities = people.identities
    assert await identities.principal_of("slack", "T1/U1") is None
    linked = await identities.link("slack", "T1/U1", "maya", OWNER)
    assert linked == await identities.link("slack", "T1/U1", "maya", OWNER)
    assert MAYA == await identities.principal_of("slack", "T1/U1")
    assert await identities.principal_of("slack", "t1/u1") is None
    assert await identities.principal_of("matrix", "T1/U1") is None
    assert await identities.principal_of("slack", "T1/\x00U1") is None
    with pytest.raises(Refused):
        await identities.link("slack", "T1/U1", "olga", OWNER)
    with pytest.raises(NotAuthorised):
        await identities.link("slack", "T1/U2", "maya", MAYA)
    with pytest.raises(UnknownName):
        await identities.link("slack", "T1/U2", "nobody", OWNER)
    for system, subject in (("slack", "U1"), ("matrix", "maya"), ("email", "maya"), ("oidc", "https://id.example")):
        with pytest.raises(InvalidInput, match="is nobody's name in"):
            await identities.link(system, subject, "maya", OWNER)
    await identities.link("email", "Maya@Example.org", "maya", OWNER)
    assert MAYA == await identities.principal_of("email", "maya@example.ORG")
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.principal SET disabled_at = now() WHERE name = 'maya'")
    assert await identities.principal_of("slack", "T1/U1") is None
    with pytest.raises(UnknownName):
        await people.people.principal("maya")


async def test_whoever_is_linked_may_unlink_themselves_and_an_owner_anybody(people: PostgresStore) -> None:
    """A third person learns nothing of the link."""
    await people.identities.link("matrix", "@maya:x", "maya", OWNER)
    robot = Principal(name="robot", roles=frozenset({Role.REQUESTER}))
    with pytest.raises(UnknownName):
        await people.identities.unlink("matrix", "@maya:x", robot)
    await people.identities.unlink("matrix", "@maya:x", MAYA)
    assert [] == list(await people.identities.identities("maya"))


async def test_letting_in_and_out_is_on_the_installations_chain(people: PostgresStore) -> None:
    """Who was let in, as whom and by whom can be proved, and no secret is in it."""
    key = await people.api_keys.create(_new("maya", "s1", Role.REQUESTER), MAYA)
    await people.api_keys.revoke(key.id, MAYA)
    await people.identities.link("slack", "T1/U1", "maya", OWNER)
    await people.identities.unlink("slack", "T1/U1", OWNER)
    records = await people.archive.audit(agent_chain(INSTALLATION))
    kinds = [one.kind for one in records]
    assert ["principal_enrolled"] * 3 == kinds[:3]
    assert ["api_key_created", "api_key_revoked", "identity_linked", "identity_unlinked"] == kinds[3:]
    assert _hash("s1") not in str(records)


async def test_a_refused_enrolment_leaves_the_token_of_before(people: PostgresStore, tmp_path: Path) -> None:
    """Whoever makes a service of a person by mistake locks nobody out, and a name that never was leaves no file."""
    await enrol(people.people, tmp_path, "nina", frozenset({Role.REQUESTER}))
    for name, roles in (("nina", {Role.REQUESTER}), ("robot2", {Role.OWNER})):
        with pytest.raises((Refused, InvalidInput)):
            await enrol(people.people, tmp_path, name, frozenset(roles), is_service=True)
    assert ["nina"] == local_names(tmp_path)
    assert "nina" == (await people.people.authenticate(find_local_token(tmp_path, "nina") or "")).name
