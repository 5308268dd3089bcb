"""Deciding in somebody else's place, by delegation, and being asked by escalation."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from proctor.contracts.approving import LONGEST_DELEGATION_S, Delegation
from proctor.contracts.audit import INSTALLATION, agent_chain
from proctor.contracts.decision import Verdict
from proctor.contracts.errors import InvalidInput, NotAuthorised, UnknownName
from proctor.contracts.human import Principal, RequestKind, Role
from proctor.contracts.ids import AgentName, PrincipalName, RequestId
from proctor.contracts.obligations import Escalate, Quorum, Stage, Stages
from proctor.contracts.steps import StepPlan
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import OWNER, Scene, open_scene
from tests.integration.store.test_governed_runs import REQUEST, judged, obliged
from tests.integration.store.test_stages import ADAM, ANNA, asked, dispatch, person, refused, say

DORA, RITA = person("dora", Role.AUDITOR), person("rita", *Role)
OLGA, OTTO = person("olga", Role.OPERATOR), person("otto", Role.OPERATOR)


def soon(**ahead: float) -> datetime:
    """Give a time from now."""
    return datetime.now(UTC) + timedelta(**ahead)


async def let(store: PostgresStore, who: Principal, to: Principal, **fields: Any) -> Delegation:
    """Let somebody decide in one's place, both being enrolled."""
    for one in (who, to):
        await store.people.enrol(one.name, one.roles, f"token of {one.name}")
    return await store.delegations.delegate(to.name, fields.pop("until", soon(hours=1)), who, **fields)


async def test_a_delegate_decides_with_the_role_that_they_stand_for(store: PostgresStore) -> None:
    """They say so, have no more than that role, and are the person who counts."""
    scene = await asked(store, Stages(stages=(Stage(), Stage(role="owner"))))
    await let(store, ADAM, DORA)
    await refused(scene, DORA, "dora has not the role")
    await refused(scene, DORA, "anna has not let dora decide", on_behalf_of="anna")
    await refused(scene, ANNA, "adam has not let anna decide", on_behalf_of="adam")
    assert (True, "0 of 1 owner") == await say(scene, DORA, on_behalf_of="adam")
    await let(store, ANNA, DORA)
    await refused(scene, DORA, "anna has not the role", on_behalf_of="anna")
    await say(scene, OWNER)
    assert "admitted" == await dispatch(scene)
    word = next(one for one in await store.words.words(RequestId(REQUEST)) if one.applied)
    assert ("dora", "adam", ("approver",)) == (word.by, word.on_behalf_of, word.roles)


async def test_a_delegation_makes_no_second_person(store: PostgresStore) -> None:
    """Neither of the two counts again, for themselves or for another."""
    scene = await asked(store, Quorum(count=2))
    for who, to in ((ADAM, ANNA), (ADAM, DORA), (ANNA, ADAM)):
        await let(store, who, to)
    assert (True, "1 of 2 approvers") == await say(scene, ANNA, on_behalf_of="adam")
    for who, place in ((ADAM, None), (ANNA, None), (DORA, "adam"), (ADAM, "anna")):
        applied, note = await say(scene, who, on_behalf_of=place)
        assert not applied
        assert "has approved it already" in note
    assert "needs_approval" == await dispatch(scene)


async def test_a_delegation_by_who_asked_gives_nothing(store: PostgresStore) -> None:
    """Nor one to them."""
    scene = await asked(store)
    await let(store, RITA, DORA)
    await let(store, ADAM, RITA)
    await refused(scene, DORA, "nobody decides in their place", on_behalf_of="rita")
    await refused(scene, RITA, "asked for this run", on_behalf_of="adam")


@pytest.mark.parametrize("end", ["revoked", "until", "agent", "disabled"])
async def test_a_delegation_that_is_over_or_for_another_agent_gives_nothing(
    store: PostgresStore, dsn: str, end: str
) -> None:
    """It holds for what it names, until it ends."""
    scene = await asked(store)
    fields = {"agent": {"agent": AgentName("other")}, "until": {"until": soon(seconds=0.3)}}.get(end, {})
    made = await let(store, ADAM, DORA, **fields)
    if end == "revoked":
        ended = await store.delegations.revoke(made.id, DORA)
        assert ended == await store.delegations.revoke(made.id, ADAM)
    if end == "disabled":
        with psycopg.connect(dsn) as connection:
            connection.execute("UPDATE proctor.principal SET disabled_at = now() WHERE name = 'adam'")
    await asyncio.sleep(0.35 if end == "until" else 0)
    assert (end in {"agent", "disabled"}) == bool(await store.delegations.delegations())
    await refused(scene, DORA, "has not let dora decide", on_behalf_of="adam")


async def test_a_delegation_must_have_held_when_it_was_used(store: PostgresStore, dsn: str) -> None:
    """At dispatch that is looked up again: one that began later did not hold."""
    scene = await asked(store)
    await let(store, ADAM, DORA, agent=AgentName("fixer"))
    await say(scene, DORA, on_behalf_of="adam")
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.delegation SET created_at = now()")
    assert "denied" == await dispatch(scene)


async def test_an_approval_by_a_delegate_outlives_the_delegation(store: PostgresStore) -> None:
    """It was theirs to give when they gave it."""
    scene = await asked(store)
    made = await let(store, ADAM, DORA)
    await say(scene, DORA, on_behalf_of="adam")
    await store.delegations.revoke(made.id, ADAM)
    assert "admitted" == await dispatch(scene)


async def test_who_may_delegate_and_end_it(store: PostgresStore) -> None:
    """One's own place alone, to a person who is known, and for a while."""
    made = await let(store, ADAM, DORA, reason="on leave")
    port = store.delegations
    assert [made] == await port.delegations(DORA.name)
    assert [] == await port.delegations(ANNA.name)
    for to, until in ((ADAM, soon(hours=1)), (DORA, soon(hours=-1)), (DORA, soon(seconds=LONGEST_DELEGATION_S + 60))):
        with pytest.raises(InvalidInput):
            await port.delegate(to.name, until, ADAM)
    await store.people.enrol(PrincipalName("robot"), frozenset(), "token of robot", is_service=True)
    with pytest.raises(InvalidInput, match="service"):
        await port.delegate(PrincipalName("robot"), soon(hours=1), ADAM)
    with pytest.raises(UnknownName):
        await port.delegate(PrincipalName("nobody"), soon(hours=1), ADAM)
    with pytest.raises(NotAuthorised):
        await port.revoke(made.id, ANNA)
    for _ in range(2):
        assert (await port.revoke(made.id, person("olaf", Role.OWNER))).revoked_at is not None
    told = [one for one in await store.archive.audit(agent_chain(INSTALLATION)) if "delegation_" in one.kind]
    assert [("delegation_made", "adam"), ("delegation_revoked", "olaf")] == [(one.kind, one.body["by"]) for one in told]


async def test_people_stand_for_each_other_in_approvals_only(store: PostgresStore) -> None:
    """A question is answered by whom it was put to."""
    scene = await asked(store)
    await let(store, ADAM, DORA)
    request = (await store.people.request(RequestId(REQUEST))).model_copy(
        update={"id": RequestId("req-question"), "kind": RequestKind.QUESTION, "binding": None, "process": None}
    )
    await store.journal.record_halt(StepPlan(step=7, kind="over_budget"), scene.step(7), request)
    with pytest.raises(InvalidInput, match="in approvals only"):
        await scene.decide(request.id, "answer", DORA, answer="blue", on_behalf_of="adam")


FIRST, SECOND = Escalate(after_s=1, to=(OLGA.name,)), Escalate(after_s=3600, to=(OTTO.name,))


async def escalated(store: PostgresStore, dsn: str, *, after_s: float = 5) -> Scene:
    """Ask, and let time pass: the database's clock is not ours to move, so the request becomes older."""
    scene = await open_scene(store)
    process = (Stages(stages=(Stage(role="owner"),)), SECOND, FIRST)
    await judged(scene, obliged(Verdict.REQUIRE_APPROVAL, *process))
    with psycopg.connect(dsn) as connection:
        older = "UPDATE proctor.request SET created_at = created_at - %s, next_at = next_at - %s"
        connection.execute(older, [timedelta(seconds=after_s)] * 2)
    return scene


async def test_others_are_asked_when_nobody_decided_for_so_long(store: PostgresStore, dsn: str) -> None:
    """Once each, on record; from then on they may decide at any stage, and not before."""
    scene = await escalated(store, dsn)
    await refused(scene, OLGA, "role that is asked now")
    before = await store.people.request(RequestId(REQUEST))
    for _ in range(2):
        standing = await store.journal.read_request(scene.ask_about(REQUEST))
        assert ("pending", before.created_at + timedelta(hours=1)) == (standing.state, standing.next_at)
    (event,) = (one for one in await store.archive.audit(scene.run_id) if one.kind == "approval_escalated")
    assert (["olga"], 0) == (event.body["to"], event.body["n"])
    after = await store.people.request(RequestId(REQUEST))
    assert (1, standing.next_at) == (after.escalated, after.next_at)
    await refused(scene, OTTO, "role that is asked now")
    assert (True, "applied") == await say(scene, OLGA)
    assert "admitted" == await dispatch(scene)


async def test_all_escalations_that_were_missed_are_made_up_for(store: PostgresStore, dsn: str) -> None:
    """In order, when somebody looks again; then there is no next one."""
    scene = await escalated(store, dsn, after_s=3700)
    standing = await store.journal.read_request(scene.ask_about(REQUEST))
    assert standing.next_at is None
    made = [one.body["to"] for one in await store.archive.audit(scene.run_id) if one.kind == "approval_escalated"]
    assert [["olga"], ["otto"]] == made
    await let(store, OTTO, DORA)
    assert (True, "applied") == await say(scene, DORA, on_behalf_of="otto")
    assert "admitted" == await dispatch(scene)


@pytest.mark.parametrize("word", ["approve", "deny"])
async def test_a_decided_request_is_not_escalated(store: PostgresStore, dsn: str, word: str) -> None:
    """Nobody is asked about what is settled."""
    scene = await escalated(store, dsn)
    await say(scene, OWNER, word)
    assert (await store.journal.read_request(scene.ask_about(REQUEST))).next_at is None
    assert "approval_escalated" not in await scene.kinds()


async def test_nobody_is_asked_by_a_row_that_was_written_to(store: PostgresStore, dsn: str) -> None:
    """Whom policy names stands in the recorded decision; a name in the request alone approves nothing."""
    scene = await escalated(store, dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.request SET process = replace(process::text, 'olga', 'mallory')::json")
    await store.journal.read_request(scene.ask_about(REQUEST))
    await say(scene, person("mallory", Role.AUDITOR))
    assert "denied" == await dispatch(scene)


async def test_who_asked_is_not_let_in_by_escalation(store: PostgresStore, dsn: str) -> None:
    """Whoever policy names."""
    scene = await open_scene(store)
    mine = Escalate(after_s=1, to=(RITA.name,))
    await judged(scene, obliged(Verdict.REQUIRE_APPROVAL, mine))
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.request SET created_at = created_at - interval '1 minute'")
    await store.journal.read_request(scene.ask_about(REQUEST))
    await refused(scene, RITA, "asked for this run")
