"""Versions of policy: who may loosen it, and what is in force."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from proctor.contracts.audit import agent_chain, find_breaks
from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import LiveFacts
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.governing import ChangeKind, PolicyVersion
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName, Digest, PrincipalName
from proctor.contracts.manifest import AgentBundle
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import APPROVER, BUNDLE, OPERATOR, OWNER, FakeJudge, decision, open_scene

FIXER = AgentName("fixer")
CHAIN = agent_chain(FIXER)
PROPOSER = Principal(name=PrincipalName("paul"), roles=frozenset({Role.APPROVER}))
SECOND = Principal(name=PrincipalName("anna"), roles=frozenset({Role.OWNER}))


def bundle(version: str, owner: str = OWNER.name) -> AgentBundle:
    """Make a bundle that differs by its version."""
    manifest = BUNDLE.manifest.model_copy(update={"version": version, "owner": owner})
    return BUNDLE.model_copy(update={"manifest": manifest})


async def propose(
    store: PostgresStore, made: AgentBundle, change: ChangeKind = ChangeKind.LOOSENS, by: Principal = PROPOSER
) -> PolicyVersion:
    """Propose a bundle against what is active."""
    active = await store.policies.active(FIXER)
    against = None if active is None else active.bundle_digest
    return await store.policies.propose(made, Digest("c" * 64), change, ("more",), by.name, against=against)


async def states(store: PostgresStore) -> list[str]:
    """List where the versions stand, newest first."""
    return [version.state for version in await store.policies.versions(FIXER)]


async def kinds(store: PostgresStore) -> list[str]:
    """List the agent's audit records."""
    return [record.kind for record in await store.archive.audit(CHAIN)]


async def decide(store: PostgresStore, version: PolicyVersion, *people: Principal, word: str = "approve") -> str:
    """Let people decide one after the other; gives where the version stands then."""
    for person in people:
        version = await store.policies.decide(version.id, word, person, "because")
    return version.state


async def test_what_does_not_loosen_is_active_at_once(store: PostgresStore) -> None:
    """The first version, a tightening and a neutral one need nobody's word."""
    assert None is await store.policies.active(FIXER)
    for number, change in enumerate((ChangeKind.LOOSENS, ChangeKind.TIGHTENS, ChangeKind.NEUTRAL)):
        version = await propose(store, bundle(str(number)), change)
        assert ("active", version) == (version.state, await store.policies.active(FIXER))
    assert ["active", "retired", "retired"] == await states(store)
    assert ["policy_proposed", "policy_activated"] * 3 == await kinds(store)


async def test_a_loosening_takes_the_owner_and_a_second_person(store: PostgresStore) -> None:
    """Neither alone brings it into force, in whatever order they come."""
    await propose(store, bundle("1"))
    for number, people in enumerate([(OWNER, APPROVER), (SECOND, OWNER)]):
        version = await propose(store, bundle(f"2.{number}"))
        assert "proposed" == version.state
        assert "proposed" == await decide(store, version, people[0])
        assert version != await store.policies.active(FIXER)
        assert "active" == await decide(store, version, people[1])
    active = await store.policies.active(FIXER)
    assert active is not None
    assert ((SECOND.name, OWNER.name), "because") == (active.approved_by, active.reason)


async def test_two_people_without_the_owner_do_not_loosen(store: PostgresStore) -> None:
    """Nor does the owner twice."""
    await propose(store, bundle("1"))
    version = await propose(store, bundle("2"))
    assert "proposed" == await decide(store, version, APPROVER, SECOND)
    other = await propose(store, bundle("3"))
    assert "proposed" == await decide(store, other, OWNER, OWNER)
    assert "active" == await decide(store, version, OWNER)


async def test_the_proposers_own_word_counts_only_as_the_owners(store: PostgresStore) -> None:
    """Whoever proposes is not the second person."""
    await propose(store, bundle("1"))
    version = await propose(store, bundle("2"), by=PROPOSER)
    with pytest.raises(NotAuthorised):
        await decide(store, version, PROPOSER)
    assert "proposed" == await decide(store, version, OWNER)
    own = await propose(store, bundle("3"), by=OWNER)
    assert "proposed" == await decide(store, own, OWNER)
    assert "active" == await decide(store, own, APPROVER)
    assert "policy_decision_refused" in await kinds(store)


@pytest.mark.parametrize("person", [OPERATOR, Principal(name=PrincipalName("nobody"), roles=frozenset())])
async def test_who_may_not_decide_is_refused_on_record(store: PostgresStore, person: Principal) -> None:
    """The role is needed, and the attempt stays."""
    await propose(store, bundle("1"))
    version = await propose(store, bundle("2"))
    for word in ("approve", "reject"):
        with pytest.raises(NotAuthorised):
            await store.policies.decide(version.id, word, person, "")
    assert 2 == (await kinds(store)).count("policy_decision_refused")
    assert ["proposed", "active"] == await states(store)


async def test_another_owner_is_a_loosening_that_the_former_owner_decides(store: PostgresStore) -> None:
    """Nobody makes himself the one who must be asked."""
    await propose(store, bundle("1"))
    version = await propose(store, bundle("2", owner="mallory"), ChangeKind.NEUTRAL)
    assert ("proposed", ChangeKind.LOOSENS) == (version.state, version.change)
    mallory = Principal(name=PrincipalName("mallory"), roles=frozenset())
    with pytest.raises(NotAuthorised):
        await decide(store, version, mallory)
    assert "active" == await decide(store, version, APPROVER, OWNER)


async def test_one_rejection_ends_it(store: PostgresStore) -> None:
    """Nothing approves a rejected version, and the same proposal again is the rejected one."""
    await propose(store, bundle("1"))
    version = await propose(store, bundle("2"))
    assert "proposed" == await decide(store, version, OWNER)
    assert "rejected" == await decide(store, version, APPROVER, word="reject")
    with pytest.raises(Refused):
        await decide(store, version, SECOND)
    assert (version.id, "rejected") == ((again := await propose(store, bundle("2"))).id, again.state)


async def test_a_diff_against_what_is_no_longer_active_is_refused(store: PostgresStore) -> None:
    """Neither proposed nor approved: an older looser policy does not overtake a tightening."""
    first = await propose(store, bundle("1"))
    loose = await propose(store, bundle("2"))
    await decide(store, loose, OWNER)
    await propose(store, bundle("3"), ChangeKind.TIGHTENS)
    with pytest.raises(Refused):
        await decide(store, loose, APPROVER)
    with pytest.raises(Refused):
        await store.policies.propose(
            bundle("4"), Digest("c" * 64), ChangeKind.TIGHTENS, (), PROPOSER.name, against=first.bundle_digest
        )
    assert ["active", "retired", "retired"] == await states(store)


async def test_the_same_bundle_is_recorded_once_and_can_come_back(store: PostgresStore) -> None:
    """Every worker may say what it found; going back to an older bundle is a change of its own."""
    first = await propose(store, bundle("1"))
    assert first == await propose(store, bundle("1"))
    loose = await propose(store, bundle("2"))
    assert loose == await propose(store, bundle("2"))
    second = await propose(store, bundle("3"), ChangeKind.TIGHTENS)
    back = await propose(store, bundle("1"))
    assert (first.bundle_digest, "proposed") == (back.bundle_digest, back.state)
    assert second == await store.policies.active(FIXER)
    assert "active" == await decide(store, back, OWNER, APPROVER)


async def test_of_proposals_at_the_same_time_one_is_compared_with_what_is_active(store: PostgresStore) -> None:
    """The others find that it has changed."""
    first = await propose(store, bundle("1"))

    async def tighten(number: int) -> PolicyVersion:
        digest = Digest("c" * 64)
        against = first.bundle_digest
        made = bundle(f"2.{number}")
        return await store.policies.propose(made, digest, ChangeKind.TIGHTENS, (), PROPOSER.name, against=against)

    outcomes: Sequence[object] = await asyncio.gather(*(tighten(n) for n in range(8)), return_exceptions=True)
    assert 7 == sum(isinstance(outcome, Refused) for outcome in outcomes)
    assert ["active", "retired"] == await states(store)


async def test_wrong_words_and_names_are_the_callers_error(store: PostgresStore) -> None:
    """Each says what would be right."""
    version = await propose(store, bundle("1"))
    with pytest.raises(InvalidInput):
        await store.policies.decide(version.id, "maybe", OWNER, "")
    with pytest.raises(UnknownName):
        await store.policies.decide("pol-nothing", "approve", OWNER, "")
    with pytest.raises(Refused):
        await store.policies.decide(version.id, "reject", OWNER, "")


async def test_the_active_bundle_is_a_fact_wherever_calls_are_judged(store: PostgresStore) -> None:
    """With the plan, before dispatch and under the lock; and its bundle can be loaded."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    assert None is (await store.journal.plan_facts(scene.step(1))).active_bundle
    version, seen = await propose(store, bundle("2")), list[LiveFacts]()

    def look(live: LiveFacts) -> object:
        seen.append(live)
        return decision(Verdict.ALLOW)

    await store.journal.begin_effect(scene.call(), FakeJudge(look))  # type: ignore[arg-type]
    facts = await store.journal.plan_facts(scene.step(1))
    plan = await store.journal.call_plan(scene.call())
    assert {version.bundle_digest} == {facts.active_bundle, plan.active_bundle, seen[0].active_bundle}
    assert bundle("2") == await store.journal.bundle(version.bundle_digest)


@pytest.mark.parametrize("table", ["policy_version", "policy_approval", "policy_activation"])
async def test_nobody_changes_a_version(store: PostgresStore, dsn: str, table: str) -> None:
    """Not even the owner of the tables."""
    await decide(store, await propose(store, bundle("1")) and await propose(store, bundle("2")), OWNER, APPROVER)
    for change in ("UPDATE proctor.{} SET n = DEFAULT", "DELETE FROM proctor.{}", "TRUNCATE proctor.{} CASCADE"):
        with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(change.format(table))


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE proctor.audit SET body = replace(body::text, 'paul', 'anna')::json WHERE run_id = 'agent:fixer'",
        "DELETE FROM proctor.audit WHERE run_id = 'agent:fixer' AND n = 3",
        "DELETE FROM proctor.audit WHERE run_id = 'agent:fixer'",
    ],
)
async def test_the_agents_chain_proves_itself(store: PostgresStore, dsn: str, tampering: str) -> None:
    """Who changed what governs an agent is told by a chain with a witness, as a run's story is."""
    await propose(store, bundle("1"))
    await decide(store, await propose(store, bundle("2")), OWNER, APPROVER)
    assert [CHAIN] == await store.archive.agent_chains()

    async def breaks() -> list[str]:
        head = await store.archive.recorded_head(CHAIN)
        assert head is not None
        return find_breaks(CHAIN, await store.archive.audit(CHAIN), [head])

    assert [] == await breaks()
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(tampering)
    assert await breaks()
