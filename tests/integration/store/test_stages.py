"""Approvals that take several people: stages in order, roles, early versions."""

import json
from typing import Any

import psycopg
import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Refusal
from proctor.contracts.errors import InvalidInput, NotAuthorised
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.obligations import Obligation, Quorum, Signed, Stage, Stages
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ASK, OPERATOR, OWNER, FakeJudge, Scene, open_scene, plan_of
from tests.integration.store.test_governed_runs import REQUEST, judged, obliged

FINANCE = Stages(stages=(Stage(name="desk", count=2), Stage(name="finance", role="owner")))


def person(name: str, *roles: Role) -> Principal:
    """Make a person; an approver unless told otherwise."""
    return Principal(name=PrincipalName(name), roles=frozenset(roles or {Role.APPROVER}))


ADAM, ANNA, BOTH = person("adam"), person("anna"), person("both", Role.APPROVER, Role.OWNER)


async def asked(store: PostgresStore, *obligations: Obligation) -> Scene:
    """Ask for an approval that takes this."""
    scene = await open_scene(store)
    await judged(scene, obliged(Verdict.REQUIRE_APPROVAL, *obligations))
    return scene


async def dispatch(scene: Scene, *live: Obligation, call: int = 0) -> str:
    """Begin the call as policy wants it now: `admitted`, or the status of the refusal."""
    judge = FakeJudge(lambda _: obliged(Verdict.REQUIRE_APPROVAL, *live))
    begun = await scene.store.journal.begin_effect(scene.call(0, call), judge)
    return begun.report.status if isinstance(begun, Refusal) else "admitted"


async def say(scene: Scene, who: Principal, word: str = "approve", **fields: Any) -> tuple[bool, str]:
    """Decide; gives whether it was applied, and the note."""
    receipt = await scene.decide(REQUEST, word, who, **fields)
    return receipt.applied, receipt.note


async def refused(scene: Scene, who: Principal, why: str, word: str = "approve", **fields: Any) -> None:
    """Expect that somebody may not decide, and that the attempt stays on record."""
    before = (await scene.kinds()).count("decision_refused")
    with pytest.raises(NotAuthorised, match=why):
        await scene.decide(REQUEST, word, who, **fields)
    assert before + 1 == (await scene.kinds()).count("decision_refused")


async def test_stages_are_filled_in_order_by_different_people(store: PostgresStore) -> None:
    """Who cannot fill the stage that is asked now is refused with who can; nobody counts in two stages."""
    scene = await asked(store, FINANCE)
    await refused(scene, person("fin", Role.OWNER), r"asked now: 0 of 2 approvers \(desk\)")
    assert (True, "1 of 2 approvers (desk), then 0 of 1 owner (finance)") == await say(scene, BOTH)
    assert (False, "both has approved it already") == await say(scene, BOTH)
    assert (True, "0 of 1 owner (finance)") == await say(scene, ADAM)
    assert (False, "both has approved it already") == await say(scene, BOTH)
    assert "needs_approval" == await dispatch(scene, FINANCE)
    assert (True, "applied") == await say(scene, OWNER)
    assert "admitted" == await dispatch(scene, FINANCE)
    words = await store.words.words((await store.people.request(REQUEST)).id)
    assert [True, False, True, False, True] == [one.applied for one in words if one.by != "fin"]


@pytest.mark.parametrize("stage", [0, 1])
async def test_a_no_at_any_stage_ends_the_request(store: PostgresStore, stage: int) -> None:
    """Whoever may decide may deny, whichever stage is asked; the approvals before it count for nothing."""
    scene = await asked(store, FINANCE)
    for who in (ADAM, ANNA)[: 2 * stage]:
        await scene.decide(REQUEST, "approve", who)
    assert (True, "applied") == await say(scene, person("fin", Role.OWNER), "deny")
    assert not (await say(scene, OWNER))[0]
    assert "denied" == await dispatch(scene, FINANCE)


async def test_who_asked_fills_no_stage(store: PostgresStore) -> None:
    """Whatever the roles; and who has none of the asked ones does not even deny."""
    scene = await asked(store, FINANCE)
    for word in ("approve", "deny"):
        await refused(scene, person("rita", *Role), "asked for this run", word)
        await refused(scene, OPERATOR, "role that is asked|neither an approver", word)


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (FINANCE, "admitted"),
        (Stages(stages=(*FINANCE.stages, Stage(name="board", role="operator"))), "needs_approval"),
        (Quorum(count=4), "needs_approval"),
        (Signed(), "needs_approval"),
    ],
)
async def test_a_live_policy_that_asks_for_more_asks_again(
    store: PostgresStore, live: Obligation, expected: str
) -> None:
    """What was given is held against what is asked for at dispatch."""
    scene = await asked(store, FINANCE)
    for who in (ADAM, ANNA, OWNER):
        await scene.decide(REQUEST, "approve", who)
    assert expected == await dispatch(scene, live)
    if expected != "admitted":
        assert "withdrawn" == (await store.people.request(REQUEST)).state
        (anew,) = await store.people.pending(scene.run_id)
        assert anew.process is not None
        assert anew.id != REQUEST


async def early(store: PostgresStore, dsn: str, quorum: list[dict[str, Any]] | None) -> Scene:
    """Ask as the version before did: no process, and a quorum where it took several people."""
    scene = await open_scene(store)
    record, requests = plan_of(scene.run_id, Verdict.REQUIRE_APPROVAL, step=0)
    (request,) = requests
    assert request.binding is not None
    binding = request.binding.model_copy(update={"process_sha256": None})
    await store.journal.record_plan(record, [request.model_copy(update={"process": None, "binding": binding})])
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.request SET quorum = %s", [None if quorum is None else json.dumps(quorum)])
    return scene


@pytest.mark.parametrize("who", [ADAM, OWNER])
async def test_a_request_of_an_early_version_takes_one_person(store: PostgresStore, dsn: str, who: Principal) -> None:
    """Approved before or after the update, it holds as long as policy asks for no more."""
    scene = await early(store, dsn, None)
    assert (True, "applied") == await say(scene, who)
    with psycopg.connect(dsn) as connection:  # as such a version recorded it
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE proctor.decision SET roles = '{}'")
    assert "admitted" == await dispatch(scene)


async def test_a_quorum_of_an_early_version_is_counted_in_any_order(store: PostgresStore, dsn: str) -> None:
    """As it was when it was asked for; one person too few is too few."""
    scene = await early(store, dsn, [{"count": 2, "role": "approver"}, {"count": 1, "role": "owner"}])
    owner = person("olaf", Role.OWNER)
    assert (True, "0 of 2 approvers") == await say(scene, owner)
    assert (True, "1 of 2 approvers") == await say(scene, ADAM)
    assert "needs_approval" == await dispatch(scene)
    assert (True, "applied") == await say(scene, ANNA)
    assert "admitted" == await dispatch(scene)


async def test_a_word_that_does_not_fit_is_not_even_recorded(store: PostgresStore) -> None:
    """Arguments belong to edits, grants to approvals, and both must say something."""
    scene = await asked(store, Quorum(count=2))
    terms = {"for_s": 60}
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("approve", {"arguments": {"a": 1}}, "belong to an edit"),
        ("edit", {}, "all arguments"),
        ("edit", {"arguments": {"a": 2**60}}, "canonical JSON"),
        ("edit", {"arguments": {"a": "\x00"}}, "kept exactly"),
        ("edit", {"arguments": {"a": "x" * 300_000}}, "bytes"),
        ("deny", {"grant": terms}, "only the approval"),
    ]
    for word, fields, why in wrong:
        with pytest.raises(InvalidInput, match=why):
            await scene.decide(REQUEST, word, ADAM, **fields)
    assert [] == list(await store.words.words((await store.people.request(REQUEST)).id))
    assert "needs_approval" == (await _begun(scene))


async def _begun(scene: Scene) -> str:
    begun = await scene.store.journal.begin_effect(scene.call(), ASK)
    assert isinstance(begun, Refusal)
    return begun.report.status
