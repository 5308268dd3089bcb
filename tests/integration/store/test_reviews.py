"""Reviews, the evidence that they give, and the levels that fall on a breach."""

import asyncio
from typing import Any

import psycopg
import pytest

from proctor.contracts.audit import agent_chain
from proctor.contracts.canonical import digest_json
from proctor.contracts.decision import RAISED_RISK, Decision, RecordedDecision, Verdict
from proctor.contracts.dispatching import Admitted, LiveFacts
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.governing import Cell, CellLevel, Evidence, Review, ReviewVerdict
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName, PrincipalName, ToolName
from proctor.contracts.manifest import Autonomy
from proctor.contracts.obligations import ReviewAfter
from proctor.contracts.tool import Confirmed, Failed, Risk, Unknown
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import (
    ALLOW,
    APPROVER,
    ARGUMENTS,
    BUNDLE,
    DENY,
    OPERATOR,
    OWNER,
    POLICY,
    REQUESTER,
    FakeJudge,
    Scene,
    decision,
    open_scene,
    plan_of,
)

FIXER, RESTART = AgentName("fixer"), ToolName("Restart")
AGREE, DISAGREE, HARMFUL = ReviewVerdict
SUGGESTED = Decision(
    verdict=Verdict.DENY, determining="autonomy-suggest", reason="a person carries it out", policy_digest=POLICY
)
WATCHED = Decision(
    verdict=Verdict.ALLOW,
    determining="permit",
    reason="reviewed after",
    obligations=(ReviewAfter(),),
    policy_digest=POLICY,
)


async def decided(scene: Scene, *decisions: Decision, step: int = 0, risk: str | None = "low") -> None:
    """Record a step with these decisions."""
    record, requests = plan_of(scene.run_id, *(one.verdict for one in decisions), step=step)
    facts: dict[str, Any] = {} if risk is None else {RAISED_RISK: risk}
    made = tuple(
        RecordedDecision(call=n, decision=one, arguments_digest=digest_json(ARGUMENTS), facts=facts)
        for n, one in enumerate(decisions)
    )
    await scene.store.journal.record_plan(record.model_copy(update={"decisions": made}), requests)


async def carried_out(scene: Scene, step: int = 0) -> Review:
    """Carry out a watched effect; gives its review."""
    await decided(scene, WATCHED, step=step)
    assert isinstance(await scene.store.journal.begin_effect(scene.call(step), ALLOW), Admitted)
    await scene.store.journal.settle_effect(scene.call(step), Confirmed(result=step), final=True)
    return (await scene.store.autonomy.reviews(FIXER))[-1]


async def evidence(store: PostgresStore, risk: Risk = Risk.LOW) -> Evidence:
    """Collect what speaks for the cell."""
    return await store.autonomy.evidence(FIXER, RESTART, risk)


def level(to: Autonomy, kind: str = "demotion", **cell: str) -> CellLevel:
    """Make a level of a cell, by default of Restart at low risk."""
    return CellLevel.model_validate(
        {
            "agent": FIXER,
            "cell": {"tool": "Restart", "risk": "low", **cell},
            "level": to,
            "kind": kind,
            "declared": Autonomy.SUPERVISED,
            "by": OWNER.name,
            "reason": "drill",
            "at": "2020-01-01T00:00:00Z",
        }
    )


async def test_what_a_person_is_to_carry_out_is_put_up_for_review(store: PostgresStore) -> None:
    """A suggestion executes nothing, and waits for what a person says of it."""
    scene = await open_scene(store)
    await decided(scene, SUGGESTED, decision(Verdict.DENY), WATCHED)
    (review,) = await store.autonomy.reviews()
    assert ("suggestion", 0, 0, "Restart", Risk.LOW) == (
        review.kind,
        review.step,
        review.call,
        review.tool,
        review.risk,
    )
    assert ("fixer", REQUESTER, "default", digest_json(ARGUMENTS)) == (
        review.agent,
        review.requester,
        review.tenant,
        review.arguments_digest,
    )
    assert [] == await store.autonomy.reviews(AgentName("other"))


async def test_a_call_that_comes_to_be_suggested_at_dispatch_is_reviewed_too(store: PostgresStore) -> None:
    """A level that fell in between leaves the call to a person as well."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    await store.journal.begin_effect(scene.call(), FakeJudge(lambda _: SUGGESTED))
    assert ["suggestion"] == [review.kind for review in await store.autonomy.reviews()]


async def test_a_supervised_effect_is_reviewed_once_it_happened(store: PostgresStore) -> None:
    """Only then: neither an intent nor a failure is there to be looked at."""
    scene = await open_scene(store)
    await decided(scene, WATCHED, WATCHED)
    for call in (0, 1):
        await store.journal.begin_effect(scene.call(0, call), ALLOW)
    assert [] == await store.autonomy.reviews()
    await store.journal.settle_effect(scene.call(0, 1), Failed(error="no"), final=True)
    for _ in range(2):
        await store.journal.settle_effect(scene.call(), Confirmed(), final=True)
    assert [("afterwards", 0)] == [(review.kind, review.call) for review in await store.autonomy.reviews()]


async def test_a_review_asked_for_at_dispatch_survives_a_lost_worker(store: PostgresStore) -> None:
    """The obligation stands with the intent, so that a later attempt and a person's word keep it."""
    scene = await open_scene(store)
    await decided(scene, decision(Verdict.ALLOW), decision(Verdict.ALLOW), risk=None)
    for call in (0, 1):
        await store.journal.begin_effect(scene.call(0, call), FakeJudge(lambda _: WATCHED))
    await store.journal.retry_effect(scene.call())
    await store.journal.settle_effect(scene.call(), Confirmed(), final=True)
    report = await store.journal.settle_effect(scene.call(0, 1), Unknown(error="lost"), final=True)
    await scene.decide(str(report.request_id), "happened", OWNER)
    reviews = await store.autonomy.reviews()
    assert [("afterwards", 0), ("afterwards", 1)] == [(review.kind, review.call) for review in reviews]
    assert {Risk.HIGH} == {review.risk for review in reviews}


async def test_a_decision_on_an_approval_is_evidence(store: PostgresStore) -> None:
    """Approve agrees, deny disagrees; of a call that is decided twice the last word counts; silence is none."""
    scene = await open_scene(store)
    ask = decision(Verdict.REQUIRE_APPROVAL)
    await decided(scene, ask, ask, ask)
    for call, words in enumerate((["approve"], ["approve", "deny"], [])):
        for word in words:
            await scene.decide(f"req-run1-0-{call}", word, reason="so")
    assert (AGREE, DISAGREE) == (await evidence(store)).verdicts
    assert [] == await store.autonomy.reviews()
    everything = await store.autonomy.reviews(open_only=False)
    assert [("approval", APPROVER.name, "so")] * 3 == [(one.kind, one.by, one.reason) for one in everything]


async def test_one_call_is_one_sample(store: PostgresStore) -> None:
    """An effect that was approved and looked at afterwards speaks once, with the last word."""
    scene = await open_scene(store)
    asked = WATCHED.model_copy(update={"verdict": Verdict.REQUIRE_APPROVAL})
    await decided(scene, asked)
    await scene.decide("req-run1-0-0", "approve")
    await store.journal.begin_effect(scene.call(), FakeJudge(lambda _: asked))
    await store.journal.settle_effect(scene.call(), Confirmed(), final=True)
    (review,) = await store.autonomy.reviews()
    await store.autonomy.review(review.id, DISAGREE, APPROVER, "too much")
    assert (DISAGREE,) == (await evidence(store)).verdicts


async def test_evidence_is_of_its_cell_in_order_since_the_level_changed(store: PostgresStore) -> None:
    """Another tier is another cell; a change of level begins anew, of a wider cell too, with calls made after it."""
    scene = await open_scene(store)
    reviews = [await carried_out(scene, step) for step in range(4)]
    for review, verdict in zip(reversed(reviews), (AGREE, DISAGREE, AGREE), strict=False):
        await store.autonomy.review(review.id, verdict, APPROVER, "")
    found = await evidence(store)
    assert ((AGREE, DISAGREE, AGREE), 0, None) == (found.verdicts, found.open_incidents, found.since)
    assert () == (await evidence(store, Risk.HIGH)).verdicts
    await store.autonomy.set_level(level(Autonomy.APPROVAL_REQUIRED, tool="*", risk="*"))
    assert () == (await evidence(store)).verdicts
    later = await carried_out(scene, 4)
    for review, verdict in ((later, DISAGREE), (reviews[0], AGREE)):
        await store.autonomy.review(review.id, verdict, APPROVER, "")
    assert (DISAGREE,) == (await evidence(store)).verdicts


async def test_open_incidents_are_those_that_nobody_has_settled(store: PostgresStore) -> None:
    """Unknown outcomes and failed compensations of the tool; not of another."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, Verdict.ALLOW)
    await scene.plan(Verdict.ALLOW, step=1, name="Page")
    unknown = []
    for ref in (scene.call(), scene.call(1)):
        await store.journal.begin_effect(ref, ALLOW)
        unknown.append(await store.journal.settle_effect(ref, Unknown(error="lost"), final=True))
    assert 1 == (await evidence(store)).open_incidents
    await store.journal.begin_effect(scene.call(0, 1), ALLOW)
    await store.journal.settle_effect(scene.call(0, 1), Confirmed(), final=True)
    await store.journal.begin_compensation(scene.call(0, 1))
    await store.journal.settle_compensation(scene.call(0, 1), Failed(error="no"), final=True)
    assert 2 == (await evidence(store)).open_incidents
    await scene.decide(str(unknown[0].request_id), "not_happened", OWNER)
    assert 1 == (await evidence(store)).open_incidents


async def test_a_verdict_is_given_once(store: PostgresStore) -> None:
    """Of ten at the same time one stands, and the run's trail tells of it."""
    scene = await open_scene(store)
    review = await carried_out(scene)
    verdicts = await asyncio.gather(
        *(store.autonomy.review(review.id, AGREE, APPROVER, "good") for _ in range(10)), return_exceptions=True
    )
    assert 9 == sum(isinstance(one, Refused) for one in verdicts)
    (found,) = await store.autonomy.reviews(open_only=False)
    assert (AGREE, APPROVER.name, "good") == (found.verdict, found.by, found.reason)
    assert 1 == (await scene.kinds()).count("review_recorded")
    with pytest.raises(UnknownName):
        await store.autonomy.review("rev-nothing", AGREE, APPROVER, "")
    assert found == (await store.autonomy.reviews(open_only=False))[0]


@pytest.mark.parametrize(
    "person",
    [
        Principal(name=REQUESTER, roles=frozenset(Role)),
        OPERATOR,
        Principal(name=PrincipalName("nobody"), roles=frozenset()),
    ],
)
async def test_who_may_not_review_is_refused_on_record(store: PostgresStore, person: Principal) -> None:
    """The requester speaks neither for nor against the agent that served him."""
    scene = await open_scene(store)
    review = await carried_out(scene)
    with pytest.raises(NotAuthorised):
        await store.autonomy.review(review.id, HARMFUL, person, "")
    assert [review] == await store.autonomy.reviews()
    assert ((), [], "review_refused") == (
        (await evidence(store)).verdicts,
        await store.autonomy.history(FIXER),
        (await scene.kinds())[-1],
    )


async def test_harm_lowers_the_cell_one_level_at_once(store: PostgresStore) -> None:
    """Again and again, down to where a person does it; what is told later begins anew."""
    scene = await open_scene(store)
    expected = [Autonomy.APPROVAL_REQUIRED, Autonomy.SUGGEST, Autonomy.SUGGEST]
    for step, lowered in enumerate(expected):
        review = await carried_out(scene, step)
        await store.autonomy.review(review.id, HARMFUL, OWNER, "it deleted the wrong one")
        (newest, *_) = await store.autonomy.history(FIXER)
        assert (lowered, "demotion", Autonomy.SUPERVISED, Cell(tool=RESTART, risk=Risk.LOW), OWNER.name) == (
            newest.level,
            newest.kind,
            newest.declared,
            newest.cell,
            newest.by,
        )
    assert () == (await evidence(store)).verdicts
    assert 3 == (await scene.kinds()).count("autonomy_demoted")


async def test_harm_after_a_promotion_falls_from_there(store: PostgresStore) -> None:
    """One level below where the cell was, not below what the manifest says."""
    scene = await open_scene(store)
    review = await carried_out(scene)
    await store.autonomy.set_level(level(Autonomy.AUTONOMOUS, "promotion"), seen=await evidence(store))
    await store.autonomy.review(review.id, HARMFUL, APPROVER, "")
    assert Autonomy.SUPERVISED is (await store.autonomy.history(FIXER))[0].level


async def test_a_compensation_that_fails_for_good_lowers_the_cell(store: PostgresStore) -> None:
    """What was said to be reversible was not; an attempt that may be tried again is no breach yet."""
    scene = await open_scene(store)
    await decided(scene, decision(Verdict.ALLOW))
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Confirmed(result=1), final=True)
    await store.journal.begin_compensation(scene.call())
    busy = Failed(error="busy", retryable=True)
    await store.journal.settle_compensation(scene.call(), busy, final=False)
    assert [] == await store.autonomy.history(FIXER)
    for _ in range(2):
        await store.journal.settle_compensation(scene.call(), busy, final=True)
    (lowered,) = await store.autonomy.history(FIXER)
    assert (Autonomy.APPROVAL_REQUIRED, RESTART, "low", "proctor") == (
        lowered.level,
        lowered.cell.tool,
        lowered.cell.risk,
        lowered.by,
    )


async def test_a_failed_effect_lowers_nothing(store: PostgresStore) -> None:
    """Failing is no breach."""
    scene = await open_scene(store)
    await decided(scene, WATCHED, WATCHED)
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Failed(error="no"), final=True)
    await store.journal.begin_effect(scene.call(0, 1), DENY)
    assert ((), []) == (await store.autonomy.levels(FIXER), await store.autonomy.history(FIXER))


async def test_levels_are_facts_with_the_plan_and_at_dispatch(store: PostgresStore) -> None:
    """From the commit on; the database's clock gives their time."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    await store.autonomy.set_level(level(Autonomy.APPROVAL_REQUIRED))
    await store.autonomy.set_level(level(Autonomy.SUGGEST, tool="*", risk="*").model_copy(update={"agent": "other"}))
    (live,), seen = await store.autonomy.levels(FIXER), list[LiveFacts]()
    assert (Autonomy.APPROVAL_REQUIRED, True) == (live.level, live.at.year > 2020)

    def look(facts: LiveFacts) -> Decision:
        seen.append(facts)
        return decision(Verdict.ALLOW)

    await store.journal.begin_effect(scene.call(), FakeJudge(look))
    facts = await store.journal.plan_facts(scene.step(1))
    assert ((live,), (live,)) == (facts.cells, seen[0].cells)
    assert {"Restart": Autonomy.APPROVAL_REQUIRED} == facts.demotions == seen[0].demotions
    assert ["autonomy_demoted"] == [r.kind for r in await store.archive.audit(agent_chain(FIXER))]


async def test_live_levels_are_all_that_a_level_can_follow_from(store: PostgresStore) -> None:
    """Of each cell the newest promotion, and the newest demotion to each level: those under a promotion too."""
    for to in (Autonomy.SUGGEST, Autonomy.APPROVAL_REQUIRED, Autonomy.SUGGEST):
        await store.autonomy.set_level(level(to))
    for to in (Autonomy.APPROVAL_REQUIRED, Autonomy.SUPERVISED):
        await store.autonomy.set_level(level(to, "promotion"), seen=await evidence(store))
    await store.autonomy.set_level(level(Autonomy.APPROVAL_REQUIRED, risk="*"))
    live = await store.autonomy.levels(FIXER)
    expected = [
        ("low", "demotion", "approval_required"),
        ("low", "demotion", "suggest"),
        ("low", "promotion", "supervised"),
        ("*", "demotion", "approval_required"),
    ]
    assert expected == [(one.cell.risk, one.kind, one.level) for one in live]
    assert 6 == len(await store.autonomy.history(FIXER))


async def test_a_promotion_rests_on_evidence_that_still_stands(store: PostgresStore) -> None:
    """A breach in between is never promoted over, nor is a promotion without evidence recorded."""
    scene = await open_scene(store)
    review = await carried_out(scene)
    seen = await evidence(store)
    await store.autonomy.review(review.id, HARMFUL, APPROVER, "")
    for stale in (seen, None):
        with pytest.raises(Refused):
            await store.autonomy.set_level(level(Autonomy.AUTONOMOUS, "promotion"), seen=stale)
    assert ["demotion"] == [one.kind for one in await store.autonomy.history(FIXER)]


async def test_a_breach_and_a_promotion_at_the_same_time_leave_the_breach_on_top(store: PostgresStore) -> None:
    """Whichever commits first: the promotion finds other evidence, or the demotion falls from it."""
    for n in range(6):
        scene = await open_scene(store, f"run{n}")
        review, seen = await carried_out(scene), await evidence(store)
        await asyncio.gather(
            store.autonomy.set_level(level(Autonomy.AUTONOMOUS, "promotion"), seen=seen),
            store.autonomy.review(review.id, HARMFUL, APPROVER, ""),
            return_exceptions=True,
        )
        assert "demotion" == (await store.autonomy.history(FIXER))[0].kind


@pytest.mark.parametrize("table", ["cell_level", "review", "review_verdict"])
async def test_nobody_changes_what_levels_rest_on(store: PostgresStore, dsn: str, table: str) -> None:
    """Neither history, nor reviews, nor verdicts."""
    review = await carried_out(await open_scene(store))
    await store.autonomy.review(review.id, HARMFUL, APPROVER, "")
    for change in ("UPDATE proctor.{} SET n = DEFAULT", "DELETE FROM proctor.{}", "TRUNCATE proctor.{} CASCADE"):
        with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(change.format(table))


def test_the_bundle_of_these_tests_declares_supervised() -> None:
    """What the demotions above fall from."""
    assert Autonomy.SUPERVISED is BUNDLE.manifest.autonomy_for(RESTART, Risk.LOW)
