"""Delegations as rows: each names one place and one person, ends alone, and stands on the installation's chain."""

import psycopg
import pytest

from proctor.contracts.audit import INSTALLATION, agent_chain
from proctor.contracts.errors import NotAuthorised, UnknownName
from proctor.contracts.ids import AgentName, PrincipalName
from proctor.contracts.obligations import Quorum, Stage, Stages
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import OWNER
from tests.integration.store.test_edits import rewritten
from tests.integration.store.test_stages import ADAM, ANNA, asked, dispatch, refused, say
from tests.integration.store.test_standing_in import DORA, let, soon


async def test_a_delegation_by_one_person_is_none_by_another(store: PostgresStore) -> None:
    """Both are approvers whom everybody knows; only one of them has let somebody take their place."""
    scene = await asked(store)
    await let(store, ADAM, DORA)
    await store.people.enrol(ANNA.name, ANNA.roles, "token of anna")
    await refused(scene, DORA, "anna has not let dora decide", on_behalf_of="anna")
    await refused(scene, ANNA, "adam has not let anna decide", on_behalf_of="adam")
    assert "needs_approval" == await dispatch(scene)
    assert (True, "applied") == await say(scene, DORA, on_behalf_of="adam")


async def test_nobody_approves_in_the_place_of_who_wrote_the_call(store: PostgresStore) -> None:
    """They would approve what they wrote themselves, by another's hand."""
    await let(store, ADAM, DORA)
    scene = await rewritten(store)
    with pytest.raises(NotAuthorised, match="nobody decides in their place"):
        await scene.decide("req-run1-0-1", "approve", DORA, on_behalf_of="adam")
    assert (await scene.decide("req-run1-0-0", "approve", DORA, on_behalf_of="adam")).applied


async def test_who_approved_for_themselves_is_no_second_person_for_another(store: PostgresStore) -> None:
    """Two approvals take two people, whoever lent them a place."""
    scene = await asked(store, Quorum(count=2))
    await let(store, ADAM, ANNA)
    assert (True, "1 of 2 approvers") == await say(scene, ANNA)
    assert (False, "anna has approved it already") == await say(scene, ANNA, on_behalf_of="adam")
    assert "needs_approval" == await dispatch(scene)


async def test_the_owners_place_is_the_owners(store: PostgresStore) -> None:
    """Who stands for the agent's owner fills a stage of owners; a place that nobody could have is refused."""
    scene = await asked(store, Stages(stages=(Stage(role="owner"),)))
    await refused(scene, DORA, "has not let dora decide", on_behalf_of="wan\x00da")
    await let(store, OWNER, DORA)
    assert (True, "applied") == await say(scene, DORA, on_behalf_of=OWNER.name)
    assert "admitted" == await dispatch(scene)


async def test_the_end_of_one_delegation_is_the_end_of_no_other(store: PostgresStore) -> None:
    """Of the same two people, too; ending it again changes nothing and writes nothing."""
    first, second = await let(store, ADAM, DORA), await let(store, ADAM, DORA, reason="still away")
    ended = await store.delegations.revoke(first.id, ADAM)
    assert first.id == ended.id
    assert [second] == await store.delegations.delegations(ADAM.name)
    assert {first.id, second.id} == {one.id for one in await store.delegations.delegations(live_only=False)}
    assert [ended, ended] == [await store.delegations.revoke(first.id, who) for who in (DORA, ADAM)]
    kinds = [one.kind for one in await store.archive.audit(agent_chain(INSTALLATION)) if "delegation_" in one.kind]
    assert ["delegation_made", "delegation_made", "delegation_revoked"] == kinds


async def test_nobody_who_is_disabled_is_let_decide(store: PostgresStore, dsn: str) -> None:
    """They are as unknown as somebody who never was."""
    await let(store, ADAM, DORA)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.principal SET disabled_at = now() WHERE name = 'dora'")
    with pytest.raises(UnknownName):
        await store.delegations.delegate(DORA.name, soon(hours=1), ADAM)


async def test_what_cannot_be_stored_is_cleaned_and_the_audit_keeps_a_summary(store: PostgresStore) -> None:
    """A NUL in what somebody types is no error of the database; a long reason stands whole in its row alone."""
    reason = "on\x00leave " + "x" * 400
    made = await let(store, ADAM, DORA, agent=AgentName("fix\x00er"), reason=reason)
    assert ("fix\ufffder", reason.replace("\x00", "\ufffd")) == (made.agent, made.reason)
    (told,) = [one for one in await store.archive.audit(agent_chain(INSTALLATION)) if one.kind == "delegation_made"]
    assert len(told.body["reason"]) <= 200
    assert ("adam", made.id, "dora") == (told.body["by"], told.body["delegation"], told.body["to"])
    odd = PrincipalName("do\x00ra")
    assert [] == await store.delegations.delegations(odd)
    with pytest.raises(UnknownName):
        await store.delegations.revoke("del-\x00", ADAM)
    with pytest.raises(UnknownName):
        await store.delegations.delegate(odd, soon(hours=1), ADAM)
