"""Sessions of the approval page, in a real Postgres."""

import hashlib
from datetime import UTC, datetime

import psycopg
import pytest

from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Role
from proctor.contracts.identity_ports import NewApiKey
from proctor.contracts.ids import PrincipalName
from proctor.contracts.session_ports import Credential
from proctor.store.postgres import PostgresStore

ADAM = PrincipalName("adam")
COOKIE = "c" * 64
ENDINGS = {
    "ended": "UPDATE proctor.web_session SET ended_at = now()",
    "expired": "UPDATE proctor.web_session SET expires_at = now() - interval '1 second'",
    "idle": "UPDATE proctor.web_session SET seen_at = now() - interval '61 minutes'",
    "token replaced": "UPDATE proctor.principal SET token_sha256 = 'other'",
    "principal disabled": "UPDATE proctor.principal SET disabled_at = now()",
}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def _signed_in(store: PostgresStore) -> None:
    await store.people.enrol(ADAM, frozenset({Role.APPROVER}), "token of adam")
    await store.web_sessions.open(ADAM, Credential(kind="token", reference=_hash("token of adam")), COOKIE)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_session_ends_with_whatever_it_stands_on(store: PostgresStore, dsn: str, ending: str) -> None:
    """Logging out, time, a replaced token and a disabled principal each end it at the next request."""
    await _signed_in(store)
    found = await store.web_sessions.find(COOKIE)
    assert found is not None
    assert (ADAM, frozenset({Role.APPROVER}), True) == (found.principal.name, found.principal.roles, found.is_fresh)
    with psycopg.connect(dsn) as connection:
        connection.execute(ENDINGS[ending])
    assert await store.web_sessions.find(COOKIE) is None
    assert await store.web_sessions.refresh(COOKIE) is None


async def test_a_session_of_an_api_key_has_no_more_than_the_key(store: PostgresStore) -> None:
    """Its roles are those that key and principal both have now, and revoking the key ends it."""
    adam = await store.people.enrol(ADAM, frozenset({Role.APPROVER, Role.OPERATOR}), "token of adam")
    narrow = frozenset({Role.OPERATOR})
    key = NewApiKey(id="k1", principal=ADAM, secret_sha256=_hash("secret"), roles=narrow, for_s=3600)
    await store.api_keys.create(key, adam)
    session = await store.web_sessions.open(ADAM, Credential(kind="api_key", reference="k1"), COOKIE)
    assert narrow == session.principal.roles
    await store.api_keys.revoke("k1", adam)
    assert await store.web_sessions.find(COOKIE) is None
    with pytest.raises(NotAuthorised):
        await store.web_sessions.open(ADAM, Credential(kind="api_key", reference="k1"), "d" * 64)


async def test_a_key_of_somebody_else_opens_no_session(store: PostgresStore) -> None:
    """A session is held against the principal that its credential belongs to."""
    eve = await store.people.enrol(PrincipalName("eve"), frozenset({Role.APPROVER}), "token of eve")
    await store.people.enrol(ADAM, frozenset({Role.APPROVER}), "token of adam")
    key = NewApiKey(id="k1", principal=eve.name, secret_sha256=_hash("s"), roles=eve.roles, for_s=3600)
    await store.api_keys.create(key, eve)
    for stolen in (Credential(kind="api_key", reference="k1"), Credential(kind="token", reference=_hash("wrong"))):
        with pytest.raises(NotAuthorised):
            await store.web_sessions.open(ADAM, stolen, COOKIE)


async def test_a_session_grows_stale_until_the_credential_is_entered_again(store: PostgresStore, dsn: str) -> None:
    """What needs the credential again asks for it five minutes later; everything is on the installation's chain."""
    await _signed_in(store)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.web_session SET entered_at = now() - interval '301 seconds'")
    stale = await store.web_sessions.find(COOKIE)
    fresh = await store.web_sessions.refresh(COOKIE)
    assert stale is not None
    assert fresh is not None
    assert (False, True) == (stale.is_fresh, fresh.is_fresh)
    assert fresh.expires_at > datetime.now(UTC)
    await store.web_sessions.end(COOKIE)
    await store.web_sessions.end(COOKIE)
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT kind FROM proctor.audit WHERE kind LIKE 'session_%' ORDER BY n").fetchall()
    assert [("session_opened",), ("session_refreshed",), ("session_ended",)] == rows
