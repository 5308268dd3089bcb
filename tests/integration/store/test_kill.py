"""No effect whose intent is after an acknowledged kill (rule 3)."""

import asyncio
import threading

import pytest

from proctor.contracts.decision import Decision, Verdict
from proctor.contracts.dispatching import Admitted, LiveFacts, Prior, Refusal
from proctor.contracts.errors import NotAuthorised, UnknownName
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope
from proctor.contracts.run import RunStatus
from proctor.contracts.tool import Confirmed, Failed, Unknown
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import (
    ALLOW,
    APPROVER,
    OPERATOR,
    SECOND_OPERATOR,
    FakeJudge,
    Scene,
    open_scene,
)

SCOPES = [
    (KillScope.RUN, "run1"),
    (KillScope.AGENT, "fixer"),
    (KillScope.TOOL, "Restart"),
    (KillScope.TENANT, "default"),
    (KillScope.ALL, ""),
]


async def _kill(store: PostgresStore, scope: KillScope, value: str = "", *, mode: str = "freeze") -> Fence:
    order = KillOrder.model_validate(
        {"scope": scope, "value": value, "actor": OPERATOR.name, "reason": "drill", "mode": mode}
    )
    return await store.kills.raise_fence(order, OPERATOR)


def _status(begun: object) -> str:
    assert isinstance(begun, Refusal)
    return begun.report.status


@pytest.mark.parametrize(("scope", "value"), SCOPES)
async def test_a_fence_stops_every_new_intent_in_its_scope(store: PostgresStore, scope: KillScope, value: str) -> None:
    """First attempts and further ones are refused until a second person releases the fence."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, Verdict.ALLOW)
    await store.journal.begin_effect(scene.call(), ALLOW)
    fence = await _kill(store, scope, value)
    assert "fenced" == _status(await store.journal.begin_effect(scene.call(0, 1), ALLOW))
    assert isinstance(await store.journal.begin_effect(scene.call(), ALLOW), Prior)
    assert "fenced" == _status(await store.journal.retry_effect(scene.call()))
    assert [scene.run_id] == await store.kills.covered(fence)
    assert (fence if scope is not KillScope.TOOL else None) == (await store.journal.plan_facts(scene.step(1))).fence
    await store.kills.release(fence.epoch, SECOND_OPERATOR)
    assert isinstance(await store.journal.begin_effect(scene.call(0, 1), ALLOW), Admitted)
    told = [
        one.body for one in await store.archive.audit(scene.run_id) if one.kind in {"fence_raised", "fence_released"}
    ]
    noted = [
        {"epoch": fence.epoch, "by": one.name, "reason": "drill", "mode": "freeze"}
        for one in (OPERATOR, SECOND_OPERATOR)
    ]
    assert (noted if scope is KillScope.RUN else []) == told


@pytest.mark.parametrize(
    ("scope", "value"),
    [(KillScope.RUN, "run2"), (KillScope.AGENT, "x"), (KillScope.TOOL, "Page"), (KillScope.TENANT, "x")],
)
async def test_a_fence_elsewhere_stops_nothing_here(store: PostgresStore, scope: KillScope, value: str) -> None:
    """A kill has a scope."""
    scene = await open_scene(store)
    await open_scene(store, "run2")
    await scene.plan(Verdict.ALLOW)
    fence = await _kill(store, scope, value)
    assert scene.run_id not in await store.kills.covered(fence)
    assert isinstance(await store.journal.begin_effect(scene.call(), ALLOW), Admitted)


async def test_a_kill_of_a_tool_covers_the_runs_that_are_about_to_use_it(store: PostgresStore) -> None:
    """Planned, waiting for a person, under way or of unknown outcome: covered. Used before and over with: not."""
    planned, waiting, under_way, unknown, over, elsewhere = [await open_scene(store, f"run{n}") for n in range(6)]
    for scene in (planned, under_way, unknown, over):
        await scene.plan(Verdict.ALLOW)
    await waiting.plan(Verdict.REQUIRE_APPROVAL)
    for scene in (under_way, unknown, over):
        await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(unknown.call(), Unknown(error="lost"), final=True)
    await store.journal.settle_effect(over.call(), Confirmed(), final=True)
    fence = await _kill(store, KillScope.TOOL, "Restart")
    expected = {scene.run_id for scene in (planned, waiting, under_way, unknown)}
    assert expected == set(await store.kills.covered(fence))
    assert {elsewhere.run_id, over.run_id}.isdisjoint(await store.kills.covered(fence))
    await store.kills.release(fence.epoch, SECOND_OPERATOR)
    await store.journal.begin_compensation(over.call())
    assert [over.run_id] == await store.kills.covered(await _kill(store, KillScope.TOOL, "Rollback"))


async def test_calls_without_an_outcome_are_named_when_a_run_has_stopped(store: PostgresStore) -> None:
    """The newest first; what has its outcome, surely failed, or was never begun is not lost."""
    scene = await open_scene(store)
    await scene.plan(*[Verdict.ALLOW] * 5)
    for call in range(4):
        await store.journal.begin_effect(scene.call(0, call), ALLOW)
    await store.journal.settle_effect(scene.call(0, 1), Confirmed(), final=True)
    await store.journal.settle_effect(scene.call(0, 2), Failed(error="503", retryable=True), final=False)
    assert [3, 0] == [ref.call for ref in await store.journal.lost_calls(scene.run_id)]
    standings = [await store.journal.effect_standing(scene.call(0, call)) for call in range(5)]
    assert ["intent", None, "attempt_failed", "intent", None] == [standing and standing.state for standing in standings]


async def test_targets_that_were_never_seen_are_known_as_such(store: PostgresStore) -> None:
    """A misspelt name can be told from one that has no open run right now."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    assert [True] * 5 == [await store.kills.knows(scope, value) for scope, value in SCOPES]
    assert [False] * 4 == [await store.kills.knows(scope, "x") for scope, _ in SCOPES[:4]]


async def test_receipts_of_many_runs_are_those_of_each(store: PostgresStore) -> None:
    """One look at the ledger gives for each run what a look at it alone gives, in the order asked for."""
    scenes = [await open_scene(store, f"run{n}") for n in range(3)]
    for scene in scenes[:2]:
        await scene.plan(Verdict.ALLOW)
        await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scenes[0].call(), Unknown(error="lost"), final=True)
    asked = [scenes[1].run_id, scenes[2].run_id, scenes[0].run_id]
    one_by_one = [await store.kills.receipt(run_id) for run_id in asked]
    assert one_by_one == await store.kills.receipts([*asked, RunId("nobody")])
    assert [1, 0, 1] == [len(receipt.lines) for receipt in one_by_one]
    assert [0, 0, 1] == [len(receipt.open_items) for receipt in one_by_one]


async def test_no_intent_commits_after_the_fence_under_load(store: PostgresStore, dsn: str) -> None:
    """Hundreds of attempts race a kill: each intent is before the fence, and each answer after it a refusal."""
    scenes = [await open_scene(store, f"run{number}") for number in range(20)]
    for scene in scenes:
        await scene.plan(*[Verdict.ALLOW] * 16)
    begun = asyncio.Event()

    async def attempt(scene: Scene, call: int) -> bool:
        answer = await store.journal.begin_effect(scene.call(0, call), ALLOW)
        begun.set()
        return isinstance(answer, Admitted)

    gateway = await PostgresStore.connect(dsn, max_size=1)
    attempts = [asyncio.create_task(attempt(scene, call)) for call in range(16) for scene in scenes]
    await begun.wait()
    fence = await _kill(gateway, KillScope.ALL)
    await gateway.close()
    under_way = {task for task in attempts if not task.done()}
    admitted = await asyncio.gather(*attempts)
    records = [record for scene in scenes for record in await store.archive.audit(scene.run_id)]
    intents = [record for record in records if record.kind == "effect_intended"]
    assert sum(admitted) == len(intents)
    assert under_way, "the kill came after everything: the race was not run"
    assert [] == [record for record in intents if record.at >= fence.raised_at]
    assert [] == [record for record in intents if record.body["epoch"] >= fence.epoch]


async def test_a_fence_waits_for_intents_that_are_being_written(store: PostgresStore, dsn: str) -> None:
    """The kill is acknowledged only when no earlier look at the fences can still lead to an intent."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    looked, acknowledged, fences = threading.Event(), threading.Event(), list[Fence]()

    async def kill() -> None:
        gateway = await PostgresStore.connect(dsn, max_size=1)
        await asyncio.to_thread(looked.wait)
        fences.append(await _kill(gateway, KillScope.ALL))
        acknowledged.set()
        await gateway.close()

    def slow(facts: LiveFacts) -> Decision:
        looked.set()
        assert not acknowledged.wait(1.0), "acknowledged while an intent was being decided"
        return ALLOW(facts)

    killing = threading.Thread(target=lambda: asyncio.run(kill()))
    killing.start()
    begun = await store.journal.begin_effect(scene.call(), FakeJudge(slow))
    await asyncio.to_thread(killing.join)
    assert isinstance(begun, Admitted)
    (intent,) = [r for r in await store.archive.audit(scene.run_id) if r.kind == "effect_intended"]
    assert intent.at < fences[0].raised_at


async def test_release_needs_a_second_person(store: PostgresStore) -> None:
    """Whoever raised a fence does not lift it; neither does somebody without the role."""
    fence = await _kill(store, KillScope.ALL)
    for person in (OPERATOR, APPROVER):
        with pytest.raises(NotAuthorised):
            await store.kills.release(fence.epoch, person)
    assert [fence] == await store.kills.active()
    released = await store.kills.release(fence.epoch, SECOND_OPERATOR)
    assert (SECOND_OPERATOR.name, []) == (released.released_by, await store.kills.active())
    assert released == await store.kills.release(fence.epoch, SECOND_OPERATOR)
    with pytest.raises(UnknownName):
        await store.kills.release(999, SECOND_OPERATOR)


async def test_a_kill_needs_the_role(store: PostgresStore) -> None:
    """An approver cannot stop the house."""
    order = KillOrder(scope=KillScope.ALL, actor=APPROVER.name, reason="no", mode="freeze")
    with pytest.raises(NotAuthorised):
        await store.kills.raise_fence(order, APPROVER)
    assert [] == await store.kills.active()


async def test_epochs_grow_with_every_kill(store: PostgresStore) -> None:
    """The order of fences is the order of their epochs."""
    fences = await asyncio.gather(*(_kill(store, KillScope.AGENT, f"a{n}") for n in range(10)))
    by_epoch = sorted(fences, key=lambda fence: fence.epoch)
    assert by_epoch == sorted(fences, key=lambda fence: fence.raised_at)
    assert by_epoch == await store.kills.active()


async def test_a_cancelled_run_learns_which_fence_stopped_it(store: PostgresStore) -> None:
    """A freezing fence goes before a compensating one; the run is marked once."""
    scene = await open_scene(store)
    await _kill(store, KillScope.RUN, scene.run_id, mode="compensate")
    freezing = await _kill(store, KillScope.ALL)
    for _ in range(2):
        assert freezing == await store.journal.acknowledge_cancel(scene.run_id)
    run = await store.archive.run(scene.run_id)
    assert (RunStatus.STOPPING, "drill") == (run.status, run.status_reason)
    assert 1 == (await scene.kinds()).count("run_stopping")


async def test_a_cancel_in_temporal_raises_a_fence_of_its_own(store: PostgresStore) -> None:
    """However a run is cancelled, no intent follows; concurrent acknowledgements share one fence."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    fences = await asyncio.gather(*(store.journal.acknowledge_cancel(scene.run_id) for _ in range(5)))
    assert 1 == len({fence.epoch for fence in fences})
    assert ("run", "temporal", "compensate") == (fences[0].scope, fences[0].actor, fences[0].mode)
    assert "fenced" == _status(await store.journal.begin_effect(scene.call(), ALLOW))


async def test_the_receipt_tells_what_a_kill_could_not_stop(store: PostgresStore) -> None:
    """Finished before, finished anyway, in flight: each effect by its name."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, Verdict.ALLOW, Verdict.ALLOW, Verdict.ALLOW)
    for call in range(3):
        await store.journal.begin_effect(scene.call(0, call), ALLOW)
    await store.journal.settle_effect(scene.call(0, 0), Confirmed(), final=True)
    fence = await _kill(store, KillScope.RUN, scene.run_id)
    await store.journal.acknowledge_cancel(scene.run_id)
    await store.journal.settle_effect(scene.call(0, 1), Confirmed(), final=True)
    with pytest.raises(UnknownName, match="there is no run"):
        await store.kills.receipt(RunId("run2"))
    receipt = await store.kills.receipt(scene.run_id)
    lines = {line.key: (line.fate, line.after_fence) for line in receipt.lines}
    expected = {"run1/0/0": ("confirmed", False), "run1/0/1": ("confirmed", True), "run1/0/2": ("in_flight", True)}
    assert (expected, fence.epoch) == (lines, receipt.epoch)
