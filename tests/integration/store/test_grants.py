"""A standing grant: recorded with the approval, bounded by policy, counted, and revocable."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from proctor.contracts.approving import ApprovalProcess, Grant, GrantTerms
from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Admitted, Prior, Refusal
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.human import HumanDecision, Principal, Role
from proctor.contracts.ids import AgentName, PrincipalName
from proctor.contracts.obligations import AskEachTime, Quorum, Signed
from proctor.contracts.ports import Judge
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import (
    APPROVER,
    ARGUMENTS,
    ASK,
    OPERATOR,
    OTHER_POLICY,
    OWNER,
    FakeJudge,
    Scene,
    decision,
    judge,
    open_scene,
    plan_of,
    warm,
)

SECOND = Principal(name=PrincipalName("bert"), roles=frozenset({Role.APPROVER}))
_keys = itertools.count(2)


@dataclass(frozen=True)
class Granted:
    """An approved call whose approval stops the asking."""

    store: PostgresStore
    grant: Grant

    async def another(self, key: str = "", *, name: str = "Restart", **fields: Any) -> Scene:
        """Open another run with the same call, for which nobody was asked."""
        scene = await open_scene(self.store, key or f"run{next(_keys)}", **fields)
        record, _ = plan_of(scene.run_id, Verdict.REQUIRE_APPROVAL, step=0, name=name)
        await self.store.journal.record_plan(record, [])
        return scene

    async def begin(self, scene: Scene, by: Judge = ASK) -> str:
        """Begin the call; gives `admitted`, or how it is refused."""
        begun = await self.store.journal.begin_effect(scene.call(), by)
        return begun.report.status if isinstance(begun, Refusal) else type(begun).__name__.lower()


async def asked(store: PostgresStore, process: ApprovalProcess | None = None, key: str = "run1") -> Scene:
    """Open a run with one call that waits for approval under a process."""
    scene = await open_scene(store, key)
    record, (request,) = plan_of(scene.run_id, Verdict.REQUIRE_APPROVAL, step=0)
    taken = process or ApprovalProcess()
    assert request.binding is not None
    binding = request.binding.model_copy(update={"process_sha256": taken.digest()})
    await store.journal.record_plan(record, [request.model_copy(update={"binding": binding, "process": taken})])
    return scene


async def enrol(store: PostgresStore) -> None:
    for person in (APPROVER, SECOND, OPERATOR):
        await store.people.enrol(person.name, person.roles, f"token-{person.name}")


async def granted(store: PostgresStore, **terms: Any) -> Granted:
    await enrol(store)
    scene = await asked(store)
    await approve(scene, **{"scope": "agent", "for_s": 3600, **terms})
    (grant,) = await store.grants.grants()
    assert isinstance(await store.journal.begin_effect(scene.call(), ASK), Admitted)
    return Granted(store, grant)


async def approve(scene: Scene, by: Principal = APPROVER, **terms: Any) -> None:
    word = HumanDecision.model_validate({"request_id": f"req-{scene.run_id}-0-0", "word": "approve", "grant": terms})
    receipt = await scene.store.people.decide(word, by)
    assert receipt.applied, receipt.note


async def test_a_grant_answers_for_the_same_call_of_another_run(store: PostgresStore) -> None:
    """It is recorded with what it stands for; its use is counted and audited, and asks nobody."""
    made = await granted(store, max_uses=2)
    grant = made.grant
    assert (ARGUMENTS, True, ("rule-require_approval",)) == (grant.match, grant.is_exact, grant.rules)
    assert (APPROVER.name, "req-run1-0-0", None, 0) == (grant.by, grant.request_id, grant.run_id, grant.uses)
    scene = await made.another("run2")
    assert ("admitted", "prior") == (await made.begin(scene), await made.begin(scene))
    records = {record.kind: record.body for record in await store.archive.audit(scene.run_id)}
    expected = {"grant": grant.id, "by": APPROVER.name, "request": grant.request_id, "uses_left": 1}
    assert {**expected, "step": 0, "call": 0} == records["grant_used"]
    assert (grant.id, None) == (records["call_dispatched"]["grant"], records["call_dispatched"]["approval"])
    assert [] == await store.people.pending(scene.run_id)
    assert [1] == [one.uses for one in await store.grants.grants(AgentName("fixer"))]
    assert "grant_made" in {record.kind for record in await store.archive.audit(grant_run(grant))}


def grant_run(grant: Grant) -> Any:
    return grant.request_id.removeprefix("req-").removesuffix("-0-0")


@contextmanager
def altered(dsn: str, change: str, back: str) -> Iterator[None]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert connection.execute(change).rowcount
        yield
        connection.execute(back)


STANDING = "UPDATE proctor.standing_grant SET {}"
MATCH_AGAIN = """
    UPDATE proctor.standing_grant SET match = (
        SELECT body::json FROM proctor.content JOIN proctor.planned_call ON digest = arguments_digest LIMIT 1)
"""
CHANGES = [
    (STANDING.format("tenant = 'other'"), STANDING.format("tenant = 'default'")),
    (STANDING.format("agent = 'other'"), STANDING.format("agent = 'fixer'")),
    (STANDING.format("tool = 'Page'"), STANDING.format("tool = 'Restart'")),
    (STANDING.format("tool_version = '0'"), STANDING.format("tool_version = '1'")),
    (STANDING.format("policy_digest = repeat('b', 64)"), STANDING.format("policy_digest = repeat('a', 64)")),
    (STANDING.format("run_id = 'run1'"), STANDING.format("run_id = NULL")),
    (STANDING.format("rules = '[\"other\"]'"), STANDING.format("rules = '[\"rule-require_approval\"]'")),
    (STANDING.format("match = '{\"service\": \"web\"}'"), MATCH_AGAIN),
    (STANDING.format("expires_at = now() - interval '1 s'"), STANDING.format("expires_at = now() + interval '1 h'")),
    (STANDING.format("uses = 3"), STANDING.format("uses = 0")),
    (STANDING.format("revoked_at = now()"), STANDING.format("revoked_at = NULL")),
    (STANDING.format("by = 'rita'"), STANDING.format("by = 'adam'")),
    ("UPDATE proctor.principal SET roles = '{operator}' WHERE name = 'adam'",
     "UPDATE proctor.principal SET roles = '{approver}' WHERE name = 'adam'"),
    ("UPDATE proctor.principal SET disabled_at = now() WHERE name = 'adam'",
     "UPDATE proctor.principal SET disabled_at = NULL WHERE name = 'adam'"),
]  # fmt: skip


async def test_whatever_differs_a_person_is_asked(store: PostgresStore, dsn: str) -> None:
    """Each condition is looked at in the transaction of the intent; once nothing differs, the grant answers again."""
    made = await granted(store, max_uses=3)
    await store.people.enrol(PrincipalName("rita"), frozenset({Role.APPROVER}), "token-rita")
    for change, back in CHANGES:
        with altered(dsn, change, back):
            assert "needs_approval" == await made.begin(await made.another()), change
    newer = judge(Verdict.REQUIRE_APPROVAL, OTHER_POLICY)
    obliged = [(Signed(),), (AskEachTime(),), (Quorum(count=2),), (Quorum(role="operator", count=1),)]
    for stricter in (newer, *(asking(obligations=one) for one in obliged), asking(determining="rule-at-night")):
        assert "needs_approval" == await made.begin(await made.another(), stricter)
    assert "denied" == await made.begin(await made.another(), judge(Verdict.DENY))
    assert "needs_approval" == await made.begin(await made.another(name="Page"))
    assert "needs_approval" == await made.begin(await made.another(tenant="other"))
    assert "needs_approval" == await made.begin(await made.another(requester=APPROVER.name))
    assert [0] == [one.uses for one in await store.grants.grants()]
    assert "admitted" == await made.begin(await made.another())


def asking(**fields: Any) -> Judge:
    asked_now = decision(Verdict.REQUIRE_APPROVAL).model_copy(update=fields)
    return FakeJudge(lambda _: asked_now)


async def test_a_request_that_was_made_is_decided_by_itself(store: PostgresStore) -> None:
    """A grant answers no request: neither a pending nor a denied one."""
    made = await granted(store)
    waiting = await asked(store, key="waiting")
    assert "needs_approval" == await made.begin(waiting)
    await waiting.decide("req-waiting-0-0", "deny", by=SECOND, reason="not now")
    assert "denied" == await made.begin(waiting)
    assert [0] == [one.uses for one in await store.grants.grants()]


async def test_uses_are_never_more_than_were_granted(store: PostgresStore) -> None:
    """Two runs use it one after the other; of 12 that use it at once then, 3 do, whatever the order; the others ask."""
    made = await granted(store, max_uses=5)
    assert ["admitted"] * 2 == [await made.begin(await made.another()) for _ in range(2)]
    scenes = [await made.another() for _ in range(12)]
    await warm(scenes[0])
    begun = await asyncio.gather(*(made.begin(scene) for scene in scenes))
    assert (3, 9) == (begun.count("admitted"), begun.count("needs_approval"))
    assert [5] == [one.uses for one in await store.grants.grants(live_only=False)]
    assert [] == await store.grants.grants()


async def test_a_call_uses_a_grant_once_however_often_it_is_begun(store: PostgresStore) -> None:
    """After a crash the same key is no second use: neither of an effect, nor of a read whose result was lost."""
    made = await granted(store, max_uses=1)
    effect = await made.another()
    begun = await asyncio.gather(*(store.journal.begin_effect(effect.call(), ASK) for _ in range(6)))
    assert (1, 5) == (sum(isinstance(b, Admitted) for b in begun), sum(isinstance(b, Prior) for b in begun))
    assert [1] == [one.uses for one in await store.grants.grants(live_only=False)]


async def test_a_read_that_is_begun_again_uses_its_grant_once(store: PostgresStore) -> None:
    """The worker died before the result was written: the read goes on under the use that was counted."""
    await enrol(store)
    first = await open_scene(store)
    record, (request,) = plan_of(first.run_id, Verdict.REQUIRE_APPROVAL, step=0, name="Look")
    assert request.binding is not None
    binding = request.binding.model_copy(update={"process_sha256": ApprovalProcess().digest()})
    asking = request.model_copy(update={"binding": binding, "process": ApprovalProcess()})
    await store.journal.record_plan(record, [asking])
    await approve(first, scope="agent", for_s=60, max_uses=1)
    (grant,) = await store.grants.grants()
    made = Granted(store, grant)
    scene, other = await made.another(name="Look"), await made.another(name="Look")
    for _ in range(2):
        assert isinstance(await store.journal.begin_read(scene.call(), ASK), Admitted)
    assert isinstance(await store.journal.begin_read(other.call(), ASK), Refusal)
    assert [1] == [one.uses for one in await store.grants.grants(live_only=False)]


async def test_a_grant_for_a_run_ends_with_it(store: PostgresStore) -> None:
    """Further calls of the run are covered, those of other runs ask."""
    await enrol(store)
    scene = await asked(store)
    await approve(scene, for_s=60)
    (grant,) = await store.grants.grants()
    assert scene.run_id == grant.run_id
    record, _ = plan_of(scene.run_id, Verdict.REQUIRE_APPROVAL, step=1, name="Restart")
    await store.journal.record_plan(record, [])
    assert isinstance(await store.journal.begin_effect(scene.call(1), ASK), Admitted)
    made = Granted(store, grant)
    assert "needs_approval" == await made.begin(await made.another())


async def test_a_grant_is_revoked_by_those_who_answer_for_it(store: PostgresStore) -> None:
    """Its author, the owner or an operator; anybody else is refused, on record; the first revocation stands."""
    made = await granted(store)
    with pytest.raises(NotAuthorised, match="did not give this grant"):
        await store.grants.revoke(made.grant.id, SECOND, "I do not like it")
    assert "admitted" == await made.begin(await made.another())
    ended = await store.grants.revoke(made.grant.id[:12], OWNER, "enough")
    again = await store.grants.revoke(made.grant.id, OPERATOR)
    assert (OWNER.name, ended.revoked_at) == (again.revoked_by, again.revoked_at)
    assert "needs_approval" == await made.begin(await made.another())
    kinds = [record.kind for record in await store.archive.audit(grant_run(made.grant))]
    assert (1, 1) == (kinds.count("grant_revoked"), kinds.count("grant_revocation_refused"))
    assert [] == await store.grants.grants()
    assert [ended] == await store.grants.grants(live_only=False)
    with pytest.raises(UnknownName, match="there is no grant"):
        await store.grants.grant("grant-none")


ONE = GrantTerms(for_s=60)
CAROL = Principal(name=PrincipalName("carol"), roles=frozenset())
REFUSED: list[tuple[ApprovalProcess, Principal, dict[str, Any], type[Exception], str]] = [
    (ApprovalProcess(may_grant=False), APPROVER, {"grant": ONE}, Refused, "each time"),
    (ApprovalProcess(), APPROVER, {"grant": GrantTerms(for_s=60, same=("port",))}, InvalidInput, "no argument port"),
    (ApprovalProcess(), CAROL, {"grant": ONE, "on_behalf_of": APPROVER.name}, Refused, "in the place of adam"),
    (ApprovalProcess(), APPROVER, {"grant": ONE, "word": "deny"}, InvalidInput, "only the approval"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[-1])
async def test_a_grant_that_cannot_be_given_leaves_nothing_behind(store: PostgresStore, case: tuple[Any, ...]) -> None:
    """The person is told before anything is recorded, and may still approve the call alone."""
    process, by, fields, error, reason = case
    await enrol(store)
    await store.people.enrol(CAROL.name, CAROL.roles, "token-carol")
    await store.delegations.delegate(CAROL.name, datetime.now(UTC) + timedelta(hours=1), APPROVER)
    scene = await asked(store, process)
    before = await scene.kinds()
    word = HumanDecision.model_validate({"request_id": "req-run1-0-0", "word": "approve", **fields})
    with pytest.raises(error, match=reason):
        await store.people.decide(word, by)
    assert (before, []) == (await scene.kinds(), await store.grants.grants(live_only=False))
    receipt = await store.people.decide(word.model_copy(update={"grant": None, "word": "approve"}), by)
    assert (True, "granted") == (receipt.applied, receipt.request.state)


async def test_planning_knows_the_grants_that_may_answer(store: PostgresStore, dsn: str) -> None:
    """Those of its tenant, agent and run, of people who are enrolled; none under another active policy."""
    made = await granted(store)
    await store.people.enrol(PrincipalName("rita"), frozenset({Role.APPROVER}), "token-rita")
    scene = await made.another()

    async def held() -> list[str]:
        return [one.grant.id for one in (await store.journal.plan_facts(scene.step(1))).grants]

    assert [made.grant.id] == await held()
    for change, back in (*CHANGES[:2], CHANGES[5], CHANGES[8], *CHANGES[10:12], CHANGES[13]):
        with altered(dsn, change, back):
            assert [] == await held(), change
    with psycopg.connect(dsn, autocommit=True) as connection:
        activate(connection, "of-another", "other", "b")
        activate(connection, "its-own", "fixer", "a")
        activate(connection, "of-another-again", "other", "b")
        assert [made.grant.id] == await held()
        activate(connection, "newer", "fixer", "b")
    assert [] == await held()
    assert "needs_approval" == await made.begin(await made.another())


async def test_a_grant_answers_for_no_call_that_its_author_had_a_hand_in(store: PostgresStore, dsn: str) -> None:
    """An edit of theirs counts in its step, an order of theirs at the wheel in its run, and only theirs."""
    made = await granted(store)
    edited, theirs, denied = [await asked(store, key=key) for key in ("edited", "theirs", "denied")]
    await edited.decide("req-edited-0-0", "edit", arguments={"service": "web"})
    await theirs.decide("req-theirs-0-0", "edit", by=SECOND, arguments={"service": "web"})
    await denied.decide("req-denied-0-0", "deny")

    async def is_held(of: Scene, step: int) -> bool:
        return [made.grant] == [one.grant for one in (await store.journal.plan_facts(of.step(step))).grants]

    where = [(edited, 0), (edited, 1), (theirs, 0), (denied, 0)]
    assert [False, True, True, True] == [await is_held(*one) for one in where]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO proctor.control (run_id, n, word, by, at) VALUES ('edited', 0, 'take_over', 'adam', now()), "
            "('theirs', 0, 'take_over', 'bert', now()), ('theirs', 1, 'pause', 'adam', now())"
        )
    assert [False, False, True, True] == [await is_held(*one) for one in where]


def activate(connection: psycopg.Connection, version: str, agent: str, letter: str) -> None:
    """Let a policy whose digest is all one letter be an agent's from now on."""
    connection.execute(
        "INSERT INTO proctor.policy_version (id, agent, bundle_digest, policy_digest, owner, change, summary, "
        "proposed_by, at) VALUES (%s, %s, 'x', repeat(%s, 64), 'wanda', 'tightens', '[]', 'wanda', now())",
        (version, agent, letter),
    )
    connection.execute(
        "INSERT INTO proctor.policy_activation (agent, version_id, bundle_digest, at) VALUES (%s, %s, 'x', now())",
        (agent, version),
    )
