"""Where runs begin."""

import asyncio

import psycopg
import pytest

from proctor.contracts.errors import Fenced, IdempotencyConflict, InvalidInput, OversizeInput, Refused
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.run import MAX_INPUT_BYTES, RunStatus
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import BUNDLE, OPERATOR, POLICY, SECOND_OPERATOR, open_scene, task, warm


async def test_same_key_and_request_give_the_same_run(store: PostgresStore) -> None:
    """A repeated request never starts a second run."""
    first, is_new = await store.admissions.admit(task("k1"), BUNDLE)
    again, is_new_again = await store.admissions.admit(task("k1"), BUNDLE)
    assert (True, False) == (is_new, is_new_again)
    assert first == again
    assert RunStatus.ACCEPTED is first.status


async def test_concurrent_requests_with_one_key_start_one_run(store: PostgresStore) -> None:
    """Whoever loses the race for a key gets the winner's run, not an error."""
    await warm(await open_scene(store, "other"))
    admitted = await asyncio.gather(*(store.admissions.admit(task("k1"), BUNDLE) for _ in range(20)))
    assert 1 == sum(is_new for _, is_new in admitted)
    assert ["run_accepted"] == [record.kind for record in await store.archive.audit(admitted[0][0].run_id)]


async def test_same_key_for_another_request_conflicts(store: PostgresStore) -> None:
    """A key stands for one request only."""
    await store.admissions.admit(task("k1"), BUNDLE)
    with pytest.raises(IdempotencyConflict):
        await store.admissions.admit(task("k1", input={"alert": "other"}), BUNDLE)


async def test_same_key_of_two_tenants_names_two_runs(store: PostgresStore) -> None:
    """Keys belong to tenants."""
    ours, _ = await store.admissions.admit(task("k1"), BUNDLE)
    theirs, is_new = await store.admissions.admit(task("k1", tenant="acme"), BUNDLE)
    assert is_new
    assert "acme~k1" == theirs.run_id != ours.run_id


@pytest.mark.parametrize(
    ("scope", "value"), [(KillScope.ALL, ""), (KillScope.AGENT, "fixer"), (KillScope.TENANT, "default")]
)
async def test_a_fence_closes_admission(store: PostgresStore, scope: KillScope, value: str) -> None:
    """Under a fence nothing new is accepted, and what was accepted before is still found."""
    before, _ = await store.admissions.admit(task("before"), BUNDLE)
    order = KillOrder(scope=scope, value=value, actor=OPERATOR.name, reason="drill", mode="freeze")
    fence = await store.kills.raise_fence(order, OPERATOR)
    with pytest.raises(Fenced):
        await store.admissions.admit(task("after"), BUNDLE)
    assert (before, False) == await store.admissions.admit(task("before"), BUNDLE)
    await store.kills.release(fence.epoch, SECOND_OPERATOR)
    assert (await store.admissions.admit(task("after"), BUNDLE))[1]


async def test_oversize_input_is_refused(store: PostgresStore) -> None:
    """An input beyond the limit leaves nothing behind."""
    with pytest.raises(OversizeInput):
        await store.admissions.admit(task("k1", input="x" * MAX_INPUT_BYTES), BUNDLE)
    assert [] == await store.archive.runs()


async def test_a_key_with_a_separator_is_refused(store: PostgresStore) -> None:
    """Keys become parts of ids and headers."""
    with pytest.raises(InvalidInput):
        await store.admissions.admit(task("a/b"), BUNDLE)


async def test_an_agent_without_an_owner_does_not_run(store: PostgresStore) -> None:
    """Every run has one accountable person (G2)."""
    ownerless = BUNDLE.model_copy(update={"manifest": BUNDLE.manifest.model_copy(update={"owner": ""})})
    with pytest.raises(Refused):
        await store.admissions.admit(task("k1"), ownerless)


async def test_accepted_runs_that_never_started_are_found(store: PostgresStore, dsn: str) -> None:
    """A caller that crashed between the row and the workflow loses nothing."""
    await store.admissions.admit(task("lost"), BUNDLE)
    await open_scene(store, "opened")
    assert [] == await store.admissions.unstarted(60)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.run SET created_at = now() - interval '2 minutes'")
    assert ["lost"] == await store.admissions.unstarted(60)


async def test_opening_twice_gives_what_was_pinned_first(store: PostgresStore) -> None:
    """A retried `open_run` does not pin another policy."""
    scene = await open_scene(store)
    first = await store.journal.open_run(scene.run_id, lambda _: POLICY)
    again = await store.journal.open_run(scene.run_id, lambda _: pytest.fail("the policy is pinned"))
    assert first == again
    assert POLICY == (await store.archive.run(scene.run_id)).policy_digest
    assert ["run_accepted", "run_opened"] == await scene.kinds()
