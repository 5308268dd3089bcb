"""Beginning a call where a breaker is open or there is no room: after fences and policy, before any intent."""

import psycopg

from proctor.contracts.decision import Decision, FiredRule, Verdict
from proctor.contracts.dispatching import Admitted, Refusal, Waiting
from proctor.contracts.ids import EffectKey, ToolName, effect_key
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.tool import Confirmed, Failed
from proctor.contracts.traffic import (
    BREAKER_ASK_PERSON,
    BREAKER_OPEN,
    BreakerRule,
    BreakerState,
    CallEnd,
    Lane,
    RateLimit,
)
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, DENY, OPERATOR, POLICY, FakeJudge, Scene, open_scene
from tests.integration.store.test_grants import granted

LANE = Lane(tool=ToolName("Restart"), tenant="default", concurrency=1, breaker=BreakerRule(failures=1))
PLAIN = LANE.model_copy(update={"concurrency": None})
OTHER = EffectKey("other/0/0")
IN_LANE = FakeJudge(ALLOW, lane=LANE)


async def planned(store: PostgresStore, name: str = "Restart") -> Scene:
    """Open a run with one planned call."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, name=name)
    return scene


async def test_call_that_finds_no_room_has_no_intent(store: PostgresStore) -> None:
    """It begins once there is room, as if it had not asked before, and holds that until its end is told."""
    scene = await planned(store)
    held = await store.traffic.enter(LANE, OTHER)
    before = await scene.kinds()
    assert isinstance(await store.journal.begin_effect(scene.call(), IN_LANE), Waiting)
    assert before == await scene.kinds()
    await store.traffic.leave(LANE, OTHER, held.turn, CallEnd.ANSWERED)
    begun = await store.journal.begin_effect(scene.call(), IN_LANE)
    assert isinstance(begun, Admitted)
    assert not (await store.traffic.enter(LANE, OTHER)).admitted
    await store.traffic.leave(LANE, effect_key(scene.run_id, 0, 0), begun.turn, CallEnd.ANSWERED)
    assert (await store.traffic.enter(LANE, OTHER)).admitted


async def test_fence_and_policy_come_before_room(store: PostgresStore) -> None:
    """What they stop is told so, and takes neither room nor a place in a bucket."""
    scene = await planned(store)
    once = LANE.model_copy(update={"rate_limit": RateLimit(calls=1, per_s=3600)})
    denied = await store.journal.begin_effect(scene.call(), FakeJudge(DENY, lane=once))
    assert isinstance(denied, Refusal)
    other = await open_scene(store, "run2")
    await other.plan(Verdict.ALLOW)
    order = KillOrder(scope=KillScope.RUN, value="run2", actor=OPERATOR.name, reason="stop", mode="freeze")
    await store.kills.raise_fence(order, OPERATOR)
    for begin in (store.journal.begin_effect, store.journal.begin_read):
        fenced = await begin(other.call(), FakeJudge(ALLOW, lane=once))
        assert isinstance(fenced, Refusal)
        assert "fenced" == fenced.report.status
    assert (await store.traffic.enter(once, OTHER)).admitted


async def test_call_without_limits_asks_for_nothing_until_its_breaker_stirs(store: PostgresStore) -> None:
    """A success is told to a breaker that counts a failure, and a probe takes a turn."""
    scene = await planned(store)
    read = FakeJudge(ALLOW, lane=PLAIN.model_copy(update={"breaker": BreakerRule(failures=2)}))
    quiet = await store.journal.begin_read(scene.call(), read)
    await store.traffic.leave(read.lane or PLAIN, OTHER, 0, CallEnd.FAULT, "down")
    stirred = await store.journal.begin_read(scene.call(), read)
    assert [Admitted(attempt=1), Admitted(attempt=1, is_watched=True)] == [quiet, stirred]


async def test_call_that_is_held_back_has_failed_and_was_not_denied(store: PostgresStore) -> None:
    """The planner is told; the goal stays free, for the breaker may be closed when it tries again."""
    scene = await planned(store)
    shut = Decision(
        verdict=Verdict.DENY, determining=BREAKER_OPEN, reason="it is open", advice="wait", policy_digest=POLICY
    )
    for _ in range(2):
        begun = await store.journal.begin_effect(scene.call(), FakeJudge(lambda _: shut, lane=PLAIN))
        assert isinstance(begun, Refusal)
        assert "failed" == begun.report.status
    (told,) = [one for one in await store.archive.observations(scene.run_id) if one.kind == "failure"]
    assert {"error": "it is open; wait", "rule": BREAKER_OPEN} == told.content
    assert 1 == (await scene.kinds()).count("call_held_back")
    assert () == (await store.journal.plan_facts(scene.step(1))).denied_goals


async def test_grant_does_not_answer_for_an_open_breaker(store: PostgresStore, dsn: str) -> None:
    """Whoever gave it knew nothing of the outage; and a call that waits for room uses none up."""
    made = await granted(store, max_uses=2)
    scene = await made.another("run2")
    held = await store.traffic.enter(LANE, OTHER)
    ask = Decision(
        verdict=Verdict.REQUIRE_APPROVAL, determining="rule-require_approval", reason="", policy_digest=POLICY
    )
    assert "waiting" == await made.begin(scene, FakeJudge(lambda _: ask, lane=LANE))
    assert [0] == [one.uses for one in await store.grants.grants()]
    fired = (FiredRule(id=BREAKER_ASK_PERSON, effect="require_approval", reason="open"),)
    outage = ask.model_copy(update={"fired": fired})
    await store.traffic.leave(LANE, OTHER, held.turn, CallEnd.ANSWERED)
    with psycopg.connect(dsn) as connection:  # as one that was given in an earlier outage
        connection.execute(
            "UPDATE proctor.standing_grant SET rules = rules::jsonb || to_jsonb(%s::text)", [BREAKER_ASK_PERSON]
        )
    assert "needs_approval" == await made.begin(scene, FakeJudge(lambda _: outage, lane=LANE))
    other = await made.another("run3")
    assert "admitted" == await made.begin(other, FakeJudge(lambda _: ask, lane=LANE))
    assert [1] == [one.uses for one in await store.grants.grants()]


async def test_compensation_waits_and_in_the_end_is_its_owners(store: PostgresStore) -> None:
    """It is never sent to what is out of order, and never forgotten: its failure is an open item."""
    scene = await planned(store)
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Confirmed(result={}), final=True)
    back = Lane(tool=ToolName("Rollback"), tenant="default", patience_s=30)
    await store.traffic.set_breaker("tool:Rollback", BreakerState.OPEN, "olga", "they migrate")
    waiting = await store.journal.begin_compensation(scene.call(), back)
    assert isinstance(waiting, Waiting)
    report = await store.journal.settle_compensation(scene.call(), Failed(error=waiting.passage.reason), final=True)
    assert ("failed", True) == (report.status, report.request_id is not None)
    (line,) = (await store.kills.receipt(scene.run_id)).lines
    assert "failed" == line.compensation
