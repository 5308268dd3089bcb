"""How much a person's yes grants."""

from decimal import Decimal

from proctor.contracts.human import RequestKind
from proctor.contracts.steps import StepPlan
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import BUNDLE, approval, open_scene


async def test_a_granted_budget_pays_for_the_next_plan(store: PostgresStore) -> None:
    """A yes that could not pay for one step would be asked for again at once."""
    scene = await open_scene(store)
    now = (await store.archive.run(scene.run_id)).created_at
    request = approval(scene.run_id, (0, 0), "Restart", now, now.replace(year=now.year + 1)).model_copy(
        update={"id": "req-dear", "kind": RequestKind.BUDGET, "binding": None, "details": {"needs_usd": "7.25"}}
    )
    await store.journal.record_halt(StepPlan(step=0, kind="over_budget", request_id=request.id), scene.step(), request)
    await scene.decide("req-dear", "approve")
    base = BUNDLE.manifest.bounds.max_cost_usd
    assert base + Decimal("7.25") == (await store.journal.plan_facts(scene.step())).budget_extension_usd
