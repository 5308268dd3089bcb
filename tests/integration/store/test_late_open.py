"""What comes after its run has ended: a workflow, a plan, a call that a person wrote."""

import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.errors import Refused
from proctor.contracts.run import RunStatus
from proctor.contracts.steps import StepPlan
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import BUNDLE, POLICY, Scene, open_scene, plan_of, task
from tests.integration.store.test_people_at_the_wheel import edited, judged


async def test_ended_run_is_never_opened_again(store: PostgresStore) -> None:
    """A kill that closed an accepted run holds, though the run's workflow starts after it."""
    run, _ = await store.admissions.admit(task("late"), BUNDLE)
    await store.journal.close_run(run.run_id, RunStatus.KILLED, "killed before it began")
    with pytest.raises(Refused, match="has ended already: killed"):
        await store.journal.open_run(run.run_id, lambda _: POLICY)
    assert RunStatus.KILLED is (await store.archive.run(run.run_id)).status


async def _closed(scene: Scene) -> list[str]:
    await scene.store.journal.close_run(scene.run_id, RunStatus.KILLED, "killed meanwhile")
    return await scene.kinds()


@pytest.mark.parametrize("is_read_before", [False, True])
async def test_a_plan_that_a_model_made_meanwhile_asks_nobody(store: PostgresStore, *, is_read_before: bool) -> None:
    """Nothing of it is recorded, also not that there is no money for it, so that the end stays the newest record."""
    scene = await open_scene(store)
    if is_read_before:
        await store.journal.plan_facts(scene.step())
    record, requests = plan_of(scene.run_id, Verdict.REQUIRE_APPROVAL, step=0)
    kinds = await _closed(scene)
    halt = StepPlan(step=0, kind="over_budget", request_id=requests[0].id)
    assert "fenced" == (await store.journal.record_plan(record, requests)).kind
    assert "fenced" == (await store.journal.record_halt(halt, scene.step(), requests[0])).kind
    assert ([], kinds) == (await store.people.pending(), await scene.kinds())


async def test_a_call_that_a_person_wrote_meanwhile_asks_nobody(store: PostgresStore) -> None:
    """The edit stays on record as it was made."""
    scene, ref = await edited(store)
    edit = await store.journal.edit_to_judge(ref)
    kinds = await _closed(scene)
    with pytest.raises(Refused, match="has ended: killed"):
        await store.journal.record_edit(ref, edit, judged(edit, Verdict.REQUIRE_APPROVAL), edit.request)
    assert kinds == await scene.kinds()
