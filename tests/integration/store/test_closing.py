"""Runs come to an end, once."""

import asyncio

import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.errors import UnknownName
from proctor.contracts.ids import AgentName, RunId
from proctor.contracts.kill import Receipt
from proctor.contracts.run import RunStatus
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import open_scene


async def test_a_run_is_closed_once(store: PostgresStore) -> None:
    """The first ending stands, with its head; the receipt is in the store."""
    scene = await open_scene(store)
    await scene.plan(Verdict.REQUIRE_APPROVAL)
    run, head = await store.journal.close_run(scene.run_id, RunStatus.FAILED, "bound")
    assert (run, head) == await store.journal.close_run(scene.run_id, RunStatus.COMPLETED, "late")
    assert (RunStatus.FAILED, "bound", 1) == (run.status, run.status_reason, run.steps)
    assert run.closed_at is not None
    (closed,) = [record for record in await store.archive.audit(scene.run_id) if record.kind == "run_closed"]
    assert head.hash == closed.hash
    receipt = Receipt.model_validate(await store.archive.content(closed.body["receipt"]))
    assert ("failed", await store.kills.receipt(scene.run_id)) == (receipt.status, receipt)


async def test_closing_withdraws_what_nobody_needs_to_decide_any_more(store: PostgresStore) -> None:
    """Pending requests leave the list; a decision on one comes too late."""
    scene = await open_scene(store)
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
    await store.journal.close_run(scene.run_id, RunStatus.CANCELLED, "")
    assert [] == await store.people.pending()
    assert "withdrawn" == (await store.people.request(request.id)).state
    assert not (await scene.decide(request.id, "approve")).applied


async def test_following_ends_with_the_run_and_misses_nothing(store: PostgresStore) -> None:
    """Whoever follows sees every record in order, the last included."""
    scene = await open_scene(store)

    async def follow() -> list[str]:
        return [record.kind async for record in store.archive.follow(scene.run_id)]

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.05)
    await scene.plan(Verdict.ALLOW)
    await store.journal.close_run(scene.run_id, RunStatus.COMPLETED, "done")
    assert await scene.kinds() == await following
    assert ["run_closed"] == [record.kind async for record in store.archive.follow(scene.run_id, 3)]


async def test_runs_are_listed_newest_first(store: PostgresStore) -> None:
    """Lists filter by agent and by being open."""
    for key in ("a", "b", "c"):
        await open_scene(store, key)
    await store.journal.close_run((await store.archive.runs())[0].run_id, RunStatus.COMPLETED, "")
    assert ["c", "b"] == [run.run_id for run in await store.archive.runs(limit=2)]
    assert ["b", "a"] == [run.run_id for run in await store.archive.runs(open_only=True)]
    assert [] == await store.archive.runs(agent=AgentName("other"))
    ghost = RunId("ghost")
    for lookup in (store.archive.run(ghost), store.archive.recorded_head(ghost), store.kills.receipt(ghost)):
        with pytest.raises(UnknownName):
            await lookup
    with pytest.raises(UnknownName, match="nothing is recorded on agent:@traffic yet"):
        await store.archive.recorded_head(RunId("agent:@traffic"))
