"""Compensations: for effects that happened, once each (rule 4)."""

import asyncio

import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Admitted, Prior, Refusal
from proctor.contracts.errors import Corrupted
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.run import RunStatus
from proctor.contracts.tool import Confirmed, Failed, Unknown
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, OPERATOR, OWNER, Scene, open_scene, warm


async def _confirmed(store: PostgresStore, name: str = "Restart") -> Scene:
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, name=name)
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Confirmed(result={"old": 1}), final=True)
    return scene


def _status(begun: object) -> str:
    assert isinstance(begun, Refusal)
    return begun.report.status


async def _compensation(store: PostgresStore) -> str:
    (line,) = (await store.kills.receipt("run1")).lines  # type: ignore[arg-type]
    return line.compensation


async def test_an_effect_is_taken_back_once(store: PostgresStore) -> None:
    """Of many attempts one is admitted; after it is confirmed, none."""
    scene = await _confirmed(store)
    assert "none" == await _compensation(store)
    await warm(scene)
    begun = await asyncio.gather(*(store.journal.begin_compensation(scene.call()) for _ in range(10)))
    assert 1 == sum(isinstance(answer, Admitted) for answer in begun)
    assert 9 == sum(isinstance(answer, Prior) for answer in begun)
    report = await store.journal.settle_compensation(scene.call(), Confirmed(), final=False)
    assert report == await store.journal.settle_compensation(scene.call(), Failed(error="late"), final=True)
    assert "confirmed" == _status(await store.journal.begin_compensation(scene.call()))
    assert "confirmed" == _status(await store.journal.retry_compensation(scene.call()))
    assert "done" == await _compensation(store)
    kinds = await scene.kinds()
    assert (1, 1) == (kinds.count("compensation_intended"), kinds.count("compensation_confirmed"))


async def test_what_never_happened_is_not_taken_back(store: PostgresStore) -> None:
    """Neither an effect that was not begun nor one that failed."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    assert "failed" == _status(await store.journal.begin_compensation(scene.call()))
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Failed(error="no"), final=True)
    assert "failed" == _status(await store.journal.begin_compensation(scene.call()))
    assert "not_needed" == await _compensation(store)
    assert "compensation_intended" not in await scene.kinds()


@pytest.mark.parametrize("settled", [True, False])
async def test_what_may_have_happened_is_a_persons_to_settle(store: PostgresStore, settled: bool) -> None:
    """An unknown effect, or one whose answer was lost, is not taken back on a guess."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    await store.journal.begin_effect(scene.call(), ALLOW)
    if not settled:
        begun = await store.journal.begin_compensation(scene.call())
        assert isinstance(begun, Prior)
        assert (True, "intent") == (begun.is_of_call, begun.standing.state)
    await store.journal.settle_effect(scene.call(), Unknown(error="lost"), final=True)
    assert "unknown" == _status(await store.journal.begin_compensation(scene.call()))
    assert "unknown" == _status(await store.journal.begin_compensation(scene.call()))
    (item,) = await store.people.pending(scene.run_id)
    assert "unknown_outcome" == item.kind
    await scene.decide(item.id, "happened", OWNER)
    assert isinstance(await store.journal.begin_compensation(scene.call()), Admitted)


async def test_a_failed_compensation_is_an_open_item_with_an_owner(store: PostgresStore) -> None:
    """It is never done until the owner says that it was done by hand, deadlines or not."""
    scene = await _confirmed(store)
    await store.journal.begin_compensation(scene.call())
    busy = Failed(error="busy", retryable=True)
    assert "failed" == (await store.journal.settle_compensation(scene.call(), busy, final=False)).status
    assert isinstance(await store.journal.begin_compensation(scene.call()), Prior)
    assert Admitted(attempt=2) == await store.journal.retry_compensation(scene.call())
    report = await store.journal.settle_compensation(scene.call(), busy, final=True)
    assert report.request_id is not None
    _, _ = await store.journal.close_run(scene.run_id, RunStatus.FAILED, "compensation failed")
    receipt = await store.kills.receipt(scene.run_id)
    assert ("failed", (report.request_id,)) == (receipt.lines[0].compensation, receipt.open_items)
    decided = await scene.decide(report.request_id, "happened", OWNER)
    assert (True, "answered") == (decided.applied, decided.request.state)
    receipt = await store.kills.receipt(scene.run_id)
    assert ("done", ()) == (receipt.lines[0].compensation, receipt.open_items)


async def test_a_freezing_fence_holds_compensations_and_a_compensating_one_lets_them_through(
    store: PostgresStore,
) -> None:
    """The kill says whether effects are taken back."""
    scene = await _confirmed(store)
    order = KillOrder(scope=KillScope.RUN, value="run1", actor=OPERATOR.name, reason="drill", mode="compensate")
    await store.kills.raise_fence(order, OPERATOR)
    freeze = await store.kills.raise_fence(
        order.model_copy(update={"mode": "freeze", "scope": KillScope.TOOL, "value": "Rollback"}), OPERATOR
    )
    assert "fenced" == _status(await store.journal.begin_compensation(scene.call()))
    await store.kills.release(freeze.epoch, OPERATOR.model_copy(update={"name": "otto"}))
    assert isinstance(await store.journal.begin_compensation(scene.call()), Admitted)


@pytest.mark.parametrize(
    ("scope", "value", "is_newer", "is_held"),
    [
        (KillScope.TOOL, "Rollback", False, True),
        (KillScope.TOOL, "Rollback", True, True),
        (KillScope.TOOL, "Restart", False, False),
        (KillScope.TOOL, "Restart", True, True),
        (KillScope.TOOL, "Page", True, False),
        (KillScope.RUN, "run1", False, False),
        (KillScope.RUN, "run1", True, True),
    ],
)
async def test_who_orders_that_a_run_be_taken_back_lifts_what_was_frozen_before_but_for_the_tool_that_does_it(
    store: PostgresStore, *, scope: KillScope, value: str, is_newer: bool, is_held: bool
) -> None:
    """A tool that was killed is not called; a freeze after the order holds again."""
    scene = await _confirmed(store)
    await store.journal.close_run(scene.run_id, RunStatus.COMPLETED, "done")
    order = KillOrder(scope=scope, value=value, actor=OPERATOR.name, reason="drill", mode="freeze")
    if not is_newer:
        await store.kills.raise_fence(order, OPERATOR)
    await store.undoing.order_undo(scene.run_id, OPERATOR, "it was wrong")
    if is_newer:
        await store.kills.raise_fence(order, OPERATOR)
    begun = await store.journal.begin_compensation(scene.call())
    assert is_held == (isinstance(begun, Refusal) and begun.report.status == "fenced")
    assert is_held != isinstance(begun, Admitted)


async def test_a_tool_without_compensation_is_not_possible_to_take_back(store: PostgresStore) -> None:
    """The receipt says so, and asking for it is a bug of the caller."""
    scene = await _confirmed(store, name="Page")
    assert "not_possible" == await _compensation(store)
    with pytest.raises(Corrupted):
        await store.journal.begin_compensation(scene.call())
