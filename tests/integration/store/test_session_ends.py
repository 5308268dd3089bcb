"""When sessions of the page end, to the minute and to the key; and that what happens to one happens to no other."""

import hashlib
from datetime import timedelta

import psycopg

from proctor.contracts.human import Principal, Role
from proctor.contracts.identity_ports import NewApiKey
from proctor.contracts.ids import PrincipalName
from proctor.contracts.session_ports import Credential
from proctor.store.postgres import PostgresStore

ADAM = PrincipalName("adam")
BOTH = frozenset({Role.APPROVER, Role.OPERATOR})
COOKIE, OTHER = "c" * 64, "d" * 64


async def _enrolled(store: PostgresStore, *roles: Role) -> Principal:
    return await store.people.enrol(ADAM, frozenset(roles or BOTH), "token of adam")


async def _by_token(store: PostgresStore, cookie: str) -> None:
    token = hashlib.sha256(b"token of adam").hexdigest()
    await store.web_sessions.open(ADAM, Credential(kind="token", reference=token), cookie)


async def _key(store: PostgresStore, key_id: str, *roles: Role) -> None:
    secret = hashlib.sha256(key_id.encode()).hexdigest()
    key = NewApiKey(id=key_id, principal=ADAM, secret_sha256=secret, roles=frozenset(roles), for_s=3600)
    await store.api_keys.create(key, Principal(name=ADAM, roles=BOTH))


def _older(dsn: str, column: str, minutes: float, cookie: str = COOKIE) -> None:
    """Let time pass for one session: the database's clock is not ours to move."""
    older = f"UPDATE proctor.web_session SET {column} = {column} - %s WHERE secret_sha256 = %s"
    with psycopg.connect(dsn) as connection:
        connection.execute(older.encode(), (timedelta(minutes=minutes), cookie))


async def test_a_session_lasts_eight_hours_however_much_it_is_used(store: PostgresStore, dsn: str) -> None:
    """And not a minute longer."""
    await _enrolled(store)
    await _by_token(store, COOKIE)
    found = await store.web_sessions.find(COOKIE)
    assert found is not None
    assert timedelta(hours=8) == found.expires_at - found.created_at
    _older(dsn, "expires_at", 8 * 60 - 1)
    assert await store.web_sessions.find(COOKIE) is not None
    _older(dsn, "expires_at", 1)
    assert await store.web_sessions.find(COOKIE) is None


async def test_a_session_that_is_used_outlives_the_hour_and_one_that_is_not_does_not(
    store: PostgresStore, dsn: str
) -> None:
    """Each use begins the hour anew, of that session alone."""
    await _enrolled(store)
    for cookie in (COOKIE, OTHER):
        await _by_token(store, cookie)
        _older(dsn, "seen_at", 59, cookie)
    assert await store.web_sessions.find(COOKIE) is not None
    for cookie in (COOKIE, OTHER):
        _older(dsn, "seen_at", 2, cookie)
    assert await store.web_sessions.find(COOKIE) is not None
    assert await store.web_sessions.find(OTHER) is None


async def test_what_ends_or_refreshes_one_session_leaves_the_other_as_it_is(store: PostgresStore, dsn: str) -> None:
    """A cookie that nobody was given is no session, whatever others there are."""
    await _enrolled(store)
    for cookie in (COOKIE, OTHER):
        await _by_token(store, cookie)
        _older(dsn, "entered_at", 6, cookie)
    assert await store.web_sessions.find("e" * 64) is None
    assert await store.web_sessions.refresh("e" * 64) is None
    refreshed, other = await store.web_sessions.refresh(COOKIE), await store.web_sessions.find(OTHER)
    assert (True, False) == (refreshed and refreshed.is_fresh, other and other.is_fresh)
    await store.web_sessions.end(COOKIE)
    assert await store.web_sessions.find(COOKIE) is None
    assert await store.web_sessions.find(OTHER) is not None


async def test_a_session_ends_with_its_own_key_and_with_no_other(store: PostgresStore, dsn: str) -> None:
    """When it is revoked or expires, although the same person holds another key that counts."""
    adam = await _enrolled(store)
    for key_id, cookie in (("k1", COOKIE), ("k2", OTHER)):
        await _key(store, key_id, *BOTH)
        await store.web_sessions.open(ADAM, Credential(kind="api_key", reference=key_id), cookie)
    await store.api_keys.revoke("k1", adam)
    assert await store.web_sessions.find(COOKIE) is None
    assert await store.web_sessions.refresh(COOKIE) is None
    assert await store.web_sessions.find(OTHER) is not None
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.api_key SET expires_at = now() WHERE id = 'k2'")
    assert await store.web_sessions.find(OTHER) is None


async def test_a_session_of_a_key_that_can_less_counts_as_narrowed(store: PostgresStore) -> None:
    """So that nobody stands for others or owns anything by it; a role that was taken away is gone from both."""
    await _enrolled(store)
    for key_id, cookie, roles in (("narrow", COOKIE, {Role.OPERATOR}), ("whole", OTHER, BOTH)):
        await _key(store, key_id, *roles)
        opened = await store.web_sessions.open(ADAM, Credential(kind="api_key", reference=key_id), cookie)
        assert (roles, roles != BOTH) == (opened.principal.roles, opened.principal.is_narrowed)
    await _enrolled(store, Role.APPROVER, Role.AUDITOR)
    narrow, whole = await store.web_sessions.find(COOKIE), await store.web_sessions.find(OTHER)
    assert narrow is not None
    assert whole is not None
    assert (frozenset(), True) == (narrow.principal.roles, narrow.principal.is_narrowed)
    assert ({Role.APPROVER}, True) == (whole.principal.roles, whole.principal.is_narrowed)
