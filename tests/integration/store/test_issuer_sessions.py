"""Sessions of people who signed in at an OIDC issuer, and the sign-ins that browsers begin, in a real Postgres."""

import psycopg
import pytest

from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.session_ports import Credential, SignIn
from proctor.store.postgres import PostgresStore

ADAM = PrincipalName("adam")
WANDA = Principal(name=PrincipalName("wanda"), roles=frozenset({Role.OWNER}))
SUBJECT = "https://id.example.org u-1"
AT_ISSUER = Credential(kind="oidc", reference=SUBJECT)
COOKIE, PROOF = "c" * 64, "p" * 64
BEGUN = SignIn(after="/approvals/req-1", session_sha256=COOKIE, is_again=True)


@pytest.fixture
async def linked(store: PostgresStore) -> PostgresStore:
    """Link adam's subject."""
    await store.people.enrol(WANDA.name, WANDA.roles, "token of wanda")
    await store.people.enrol(ADAM, frozenset({Role.APPROVER}), "token of adam")
    await store.identities.link("oidc", SUBJECT, ADAM, WANDA)
    return store


async def test_a_session_stands_on_the_link_of_its_subject(linked: PostgresStore, dsn: str) -> None:
    """It has the principal's roles, outlives a replaced token, and ends for good when the link is taken away."""
    session = await linked.web_sessions.open(ADAM, AT_ISSUER, COOKIE)
    assert (ADAM, frozenset({Role.APPROVER}), AT_ISSUER) == (
        session.principal.name,
        session.principal.roles,
        session.credential,
    )
    await linked.people.enrol(ADAM, frozenset({Role.APPROVER}), "another token of adam")
    assert await linked.web_sessions.find(COOKIE) is not None
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO proctor.identity SELECT 'email', subject, principal, '', added_at FROM proctor.identity"
        )
    await linked.identities.unlink("oidc", SUBJECT, WANDA)
    assert await linked.web_sessions.find(COOKIE) is None
    assert await linked.web_sessions.refresh(COOKIE) is None
    await linked.identities.link("oidc", SUBJECT, ADAM, WANDA)
    assert await linked.web_sessions.find(COOKIE) is None


async def test_a_disabled_principal_comes_back_without_the_session(linked: PostgresStore, dsn: str) -> None:
    """The link is there as before, and opens a new one alone. Nobody else's session ends with theirs."""
    await linked.identities.link("oidc", f"{SUBJECT}0", WANDA.name, WANDA)
    await linked.web_sessions.open(WANDA.name, Credential(kind="oidc", reference=f"{SUBJECT}0"), "e" * 64)
    await linked.web_sessions.open(ADAM, AT_ISSUER, COOKIE)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.principal SET disabled_at = now() WHERE name = 'adam'")
    assert await linked.web_sessions.find(COOKIE) is None
    await linked.people.enrol(ADAM, frozenset({Role.APPROVER}), "another token of adam")
    assert await linked.web_sessions.find(COOKIE) is None
    assert await linked.web_sessions.find("e" * 64) is not None
    await linked.web_sessions.open(ADAM, AT_ISSUER, "d" * 64)


@pytest.mark.parametrize(
    ("who", "reference"),
    [(WANDA.name, SUBJECT), (ADAM, "https://id.example.org u-2"), (ADAM, "https://elsewhere.example u-1")],
)
async def test_a_subject_of_somebody_else_opens_no_session(
    linked: PostgresStore, who: PrincipalName, reference: str
) -> None:
    """Not for another principal, not of another subject, not at another issuer."""
    with pytest.raises(NotAuthorised):
        await linked.web_sessions.open(who, Credential(kind="oidc", reference=reference), COOKIE)


async def test_who_did_not_show_again_who_they_are_has_no_fresh_session(linked: PostgresStore) -> None:
    """An issuer that remembered them has not asked."""
    assert not (await linked.web_sessions.open(ADAM, AT_ISSUER, COOKIE, is_fresh=False)).is_fresh
    refreshed = await linked.web_sessions.refresh(COOKIE, PROOF)
    assert refreshed is not None
    assert refreshed.is_fresh


async def test_a_proof_is_spent_once_and_soon(linked: PostgresStore, dsn: str) -> None:
    """Of its own session, not of another secret, and not after five minutes."""
    sessions = linked.web_sessions
    await sessions.open(ADAM, AT_ISSUER, COOKIE)
    await sessions.refresh(COOKIE, PROOF)
    tries = [(COOKIE, "q" * 64), ("d" * 64, PROOF), (COOKIE, PROOF), (COOKIE, PROOF)]
    assert [False, False, True, False] == [await sessions.spend_proof(*one) for one in tries]
    await sessions.refresh(COOKIE, PROOF)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.web_session SET entered_at = now() - interval '301 seconds'")
    assert not await sessions.spend_proof(COOKIE, PROOF)
    await sessions.refresh(COOKIE)
    assert not await sessions.spend_proof(COOKIE, PROOF)


async def test_a_sign_in_comes_back_once_and_within_ten_minutes(store: PostgresStore, dsn: str) -> None:
    """What is too old lets nobody in, and the next one to begin sweeps it out."""
    sessions = store.web_sessions
    await sessions.begin_sign_in(BEGUN, COOKIE)
    taken = await sessions.take_sign_in(COOKIE)
    assert taken is not None
    assert BEGUN.model_dump() == taken.model_dump(exclude={"begun_at"})
    assert await sessions.take_sign_in(COOKIE) is None
    for secret in (COOKIE, PROOF):
        await sessions.begin_sign_in(BEGUN, secret)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.web_sign_in SET begun_at = now() - interval '601 seconds'")
    assert await sessions.take_sign_in(COOKIE) is None
    await sessions.begin_sign_in(BEGUN, "e" * 64)
    with psycopg.connect(dsn) as connection:
        assert [("e" * 64,)] == connection.execute("SELECT secret_sha256 FROM proctor.web_sign_in").fetchall()
