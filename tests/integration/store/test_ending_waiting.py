"""A kill that freezes ends in the store what only waits, and nothing else (ADR 12)."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from proctor.contracts.audit import find_breaks
from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Admitted
from proctor.contracts.human import HumanRequest, RequestKind, RequestState
from proctor.contracts.kill import Fence, KillOrder
from proctor.contracts.planning import QuestionProposal
from proctor.contracts.run import RunStatus
from proctor.contracts.steps import PlanRecord, StepPlan
from proctor.contracts.tool import Confirmed, Failed, Unknown
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import (
    ALLOW,
    ASK,
    OPERATOR,
    SECOND_OPERATOR,
    Scene,
    open_scene,
    plan_of,
    propose,
)

Arrange = Callable[[Scene], Awaitable[object]]
BUSY_AND_ASKED = (Verdict.ALLOW, Verdict.REQUIRE_APPROVAL)


async def _freeze(store: PostgresStore, mode: str = "freeze", scope: str = "all", value: str = "") -> Fence:
    order = {"scope": scope, "value": value, "actor": OPERATOR.name, "reason": "drill", "mode": mode}
    return await store.kills.raise_fence(KillOrder.model_validate(order), OPERATOR)


async def _wait_for_approval(scene: Scene) -> HumanRequest:
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
    return request


async def _wait_after_an_effect(scene: Scene) -> None:
    await scene.plan(*BUSY_AND_ASKED)
    await scene.store.journal.begin_effect(scene.call(), ALLOW)
    await scene.store.journal.settle_effect(scene.call(), Confirmed(), final=True)


async def _wait_after_a_question_at_dispatch(scene: Scene) -> None:
    await scene.plan(Verdict.ALLOW)
    await scene.store.journal.begin_effect(scene.call(), ASK)


async def wait_for_an_answer(scene: Scene) -> None:
    """Let the run ask a person something in its first step."""
    request = await _other_request(scene, RequestKind.QUESTION)
    record = PlanRecord(
        run_id=scene.run_id,
        step=0,
        proposal=propose(QuestionProposal(question="which?")),
        decisions=(),
        plan=StepPlan(step=0, kind="question", request_id=request.id),
    )
    await scene.store.journal.record_plan(record, [request])


async def _wait_for_budget(scene: Scene) -> None:
    request = await _other_request(scene, RequestKind.BUDGET)
    halt = StepPlan(step=0, kind="over_budget", request_id=request.id)
    await scene.store.journal.record_halt(halt, scene.step(), request)


async def _other_request(scene: Scene, kind: RequestKind) -> HumanRequest:
    _, (request,) = plan_of(scene.run_id, Verdict.REQUIRE_APPROVAL, step=0)
    details = {"question": "which?"}
    return request.model_copy(update={"kind": kind, "binding": None, "process": None, "details": details})


WAITING: list[Arrange] = [
    _wait_for_approval,
    _wait_after_an_effect,
    _wait_after_a_question_at_dispatch,
    wait_for_an_answer,
    _wait_for_budget,
]


async def _plan_only(scene: Scene) -> None:
    await scene.plan(Verdict.ALLOW)


async def _call_before_it_not_begun(scene: Scene) -> None:
    await scene.plan(*BUSY_AND_ASKED)


async def _effect_under_way(scene: Scene) -> None:
    await scene.plan(*BUSY_AND_ASKED)
    await scene.store.journal.begin_effect(scene.call(), ALLOW)


async def _effect_of_another_step_under_way(scene: Scene) -> None:
    await scene.plan(Verdict.ALLOW)
    await scene.store.journal.begin_effect(scene.call(), ALLOW)
    await scene.plan(Verdict.REQUIRE_APPROVAL, step=1)


async def _outcome_of_another_step_unknown(scene: Scene) -> None:
    await scene.plan(Verdict.ALLOW)
    await scene.store.journal.begin_effect(scene.call(), ALLOW)
    await scene.store.journal.settle_effect(scene.call(), Unknown(error="lost"), final=True)
    await scene.plan(Verdict.REQUIRE_APPROVAL, step=1)


async def _attempt_in_another_step_failed(scene: Scene) -> None:
    await scene.plan(Verdict.ALLOW)
    await scene.store.journal.begin_effect(scene.call(), ALLOW)
    await scene.store.journal.settle_effect(scene.call(), Failed(error="busy", retryable=True), final=False)
    await scene.plan(Verdict.REQUIRE_APPROVAL, step=1)


async def _taking_back_has_failed(scene: Scene) -> None:
    await scene.plan(Verdict.ALLOW)
    await scene.store.journal.begin_effect(scene.call(), ALLOW)
    await scene.store.journal.settle_effect(scene.call(), Confirmed(), final=True)
    await scene.store.journal.begin_compensation(scene.call())
    await scene.store.journal.settle_compensation(scene.call(), Failed(error="no"), final=True)


async def _granted(scene: Scene) -> None:
    await scene.decide((await _wait_for_approval(scene)).id, "approve")


async def _a_later_step_planned(scene: Scene) -> None:
    await _wait_for_approval(scene)
    await scene.plan(Verdict.ALLOW, step=1)


async def _somebody_at_the_wheel(scene: Scene) -> None:
    await _wait_for_approval(scene)
    _write(scene, "UPDATE proctor.run SET driver = 'olga' WHERE run_id = %s")


async def _stopping_already(scene: Scene) -> None:
    await _wait_for_approval(scene)
    await scene.store.journal.acknowledge_cancel(scene.run_id)


AT_WORK: list[Arrange] = [
    _plan_only,
    _call_before_it_not_begun,
    _effect_under_way,
    _effect_of_another_step_under_way,
    _outcome_of_another_step_unknown,
    _attempt_in_another_step_failed,
    _taking_back_has_failed,
    _granted,
    _a_later_step_planned,
    _somebody_at_the_wheel,
    _stopping_already,
]


def _write(scene: Scene, statement: str) -> None:
    with psycopg.connect(_dsn[0], autocommit=True) as connection:
        connection.execute(statement, (scene.run_id,))


_dsn: list[str] = []


@pytest.fixture(autouse=True)
def _database(dsn: str) -> None:
    _dsn[:] = [dsn]


async def test_what_only_waits_is_ended_and_what_works_is_left_to_its_workflow(store: PostgresStore) -> None:
    """Whatever a person is asked: one look under the lock tells; a call that has begun is followed to its end."""
    waiting = [await open_scene(store, f"waits{n}") for n in range(len(WAITING))]
    at_work = [await open_scene(store, f"works{n}") for n in range(len(AT_WORK))]
    for arrange, scene in zip(WAITING + AT_WORK, waiting + at_work, strict=True):
        await arrange(scene)
    fence = await _freeze(store)
    asked = [scene.run_id for scene in waiting + at_work]
    expected = {scene.run_id for scene in waiting}
    assert expected == await store.kills.waiting(asked)
    assert expected == set(await store.kills.end_waiting(asked))
    assert {} == await store.kills.end_waiting(asked)
    assert {scene.run_id for scene in at_work} == await store.archive.still_open(asked)
    for receipt in await store.kills.receipts([scene.run_id for scene in waiting]):
        assert (RunStatus.KILLED, fence.epoch) == (receipt.status, receipt.epoch)
        assert {"confirmed"} >= {line.fate for line in receipt.lines}


async def test_run_ended_so_has_the_audit_of_any_other_end(store: PostgresStore) -> None:
    """Stopped and closed, chained and with its receipt; its request is withdrawn; a late decision changes nothing."""
    scene, twin = await open_scene(store), await open_scene(store, "twin")
    request = await _wait_for_approval(scene)
    await _wait_for_approval(twin)
    fence = await _freeze(store)
    outcome = (await store.kills.end_waiting([scene.run_id]))[scene.run_id]
    await store.journal.acknowledge_cancel(twin.run_id)
    await store.journal.close_run(twin.run_id, RunStatus.KILLED, outcome.reason)
    records, others = await store.archive.audit(scene.run_id), await store.archive.audit(twin.run_id)
    assert [(one.kind, one.body.keys()) for one in others] == [(one.kind, one.body.keys()) for one in records]
    assert outcome.head is not None
    assert [] == find_breaks(scene.run_id, records, [outcome.head])
    assert (records[-1].n, records[-1].hash) == (outcome.head.n, outcome.head.hash)
    assert outcome.head == await store.archive.recorded_head(scene.run_id)
    assert f"drill (by {OPERATOR.name}, epoch {fence.epoch})" == outcome.reason
    closed = records[-1].body
    assert [request.id] == closed["withdrawn"]
    stored = await store.archive.content(closed["receipt"])
    assert (await store.kills.receipt(scene.run_id)).model_dump(mode="json") == stored
    assert RequestState.WITHDRAWN is (await store.people.request(request.id)).state
    assert not (await scene.decide(request.id, "approve")).applied


async def test_nothing_begins_in_a_run_ended_so_even_after_its_fence_is_lifted(store: PostgresStore) -> None:
    """Its workflow may live on for a while, where Temporal could not be reached."""
    scene = await open_scene(store)
    await _wait_for_approval(scene)
    fence = await _freeze(store)
    await store.kills.end_waiting([scene.run_id])
    await store.kills.release(fence.epoch, SECOND_OPERATOR)
    begun = await store.journal.begin_effect(scene.call(), ALLOW)
    assert not isinstance(begun, Admitted)
    assert "withdrawn" == (await store.journal.read_request(scene.ask_about(f"req-{scene.run_id}-0-0"))).state


async def test_only_a_freezing_fence_over_the_run_ends_it_so(store: PostgresStore) -> None:
    """A run that is to be taken back, or that no fence covers, is not ended here."""
    scene = await open_scene(store)
    await open_scene(store, "other")
    await _wait_for_approval(scene)
    for mode, scope, value in (
        ("compensate", "all", ""),
        ("freeze", "agent", "other"),
        ("freeze", "tenant", "x"),
        ("freeze", "tool", "Page"),
        ("freeze", "run", "other"),
    ):
        fence = await _freeze(store, mode, scope, value)
        assert {} == await store.kills.end_waiting([scene.run_id]), (mode, scope)
        await store.kills.release(fence.epoch, SECOND_OPERATOR)
    await store.kills.release((await _freeze(store)).epoch, SECOND_OPERATOR)
    assert {} == await store.kills.end_waiting([scene.run_id]), "the fence was lifted"


async def test_every_scope_ends_what_it_covers(store: PostgresStore) -> None:
    """A tool's kill ends the runs that wait to use it."""
    for scope, value in (("run", "run0"), ("agent", "fixer"), ("tenant", "default"), ("tool", "Restart"), ("all", "")):
        scene = await open_scene(store, value if scope == "run" else f"of-{scope}")
        await _wait_for_approval(scene)
        fence = await _freeze(store, "freeze", scope, value)
        assert {scene.run_id} == set(await store.kills.end_waiting([scene.run_id])), scope
        await store.kills.release(fence.epoch, SECOND_OPERATOR)


async def test_run_that_somebody_writes_about_is_passed_over(store: PostgresStore, dsn: str) -> None:
    """Nobody waits for it: what is being written may be the beginning of something."""
    held, free = await open_scene(store, "held"), await open_scene(store, "free")
    for scene in (held, free):
        await _wait_for_approval(scene)
    await _freeze(store)
    with psycopg.connect(dsn) as writer:
        writer.execute("SELECT 1 FROM proctor.run WHERE run_id = %s FOR NO KEY UPDATE", (held.run_id,))
        assert {free.run_id} == set(await store.kills.end_waiting([held.run_id, free.run_id]))


async def test_races_between_beginnings_and_ends_have_one_winner(store: PostgresStore) -> None:
    """Approved and begun, or ended: never both, whatever the order in which they arrive."""
    scenes = [await open_scene(store, f"run{n}") for n in range(40)]
    requests = [await _wait_for_approval(scene) for scene in scenes]
    for scene in scenes:
        await _freeze(store, "freeze", "run", scene.run_id)

    async def approve(scene: Scene, request: HumanRequest) -> bool:
        return bool((await scene.decide(request.id, "approve")).applied)

    approving = [asyncio.create_task(approve(*pair)) for pair in zip(scenes, requests, strict=True)]
    await approving[0]
    ended = await store.kills.end_waiting([scene.run_id for scene in scenes])
    approved = await asyncio.gather(*approving)
    assert [scene.run_id in ended for scene in scenes] == [not applied for applied in approved]
    for scene in scenes:
        head = await store.archive.recorded_head(scene.run_id)
        assert [] == find_breaks(scene.run_id, await store.archive.audit(scene.run_id), [head])
