"""How tools were used, as the ledger has it; and which version a run keeps."""

from pathlib import Path

from gateway.agents import load_agent
from proctor.contracts.decision import Verdict
from proctor.contracts.ids import RunId, ToolName
from proctor.contracts.tool import Confirmed, Failed, ToolOutcome, Unknown
from proctor.documents.catalog import FileAgentCatalog
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, POLICY, open_scene, task
from tests.unit.tool_catalog.shelf import Project

HOUR_S = 3600.0


async def test_usage_counts_what_was_carried_out_and_how_it_ended(store: PostgresStore) -> None:
    """Effects, reads and compensations; not what policy denied or what is only planned."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, Verdict.ALLOW, Verdict.ALLOW, Verdict.DENY)
    ends: list[ToolOutcome] = [Confirmed(result={"id": 1}), Failed(error="no"), Unknown(error="lost")]
    for call, outcome in enumerate(ends):
        await store.journal.begin_effect(scene.call(call=call), ALLOW)
        await store.journal.settle_effect(scene.call(call=call), outcome, final=True)
    await scene.plan(Verdict.ALLOW, Verdict.ALLOW, step=1, name="Look")
    await store.journal.record_read(scene.call(1, 0), Confirmed(result={"state": "up"}))
    await store.journal.begin_compensation(scene.call())
    await store.journal.settle_compensation(scene.call(), Confirmed(result=None), final=True)
    found = {one.tool: one for one in await store.tool_use.usage(HOUR_S)}
    assert {"Restart": (3, 1, 1), "Look": (1, 0, 0), "Rollback": (1, 0, 0)} == {
        name: (one.calls, one.failed, one.unknown) for name, one in found.items()
    }
    restart = found[ToolName("Restart")]
    assert ("fixer", "default") == (restart.agent, restart.tenant)
    assert restart.last_used is not None
    assert restart.last_used == restart.last_failed
    assert restart.median_s is not None
    assert found[ToolName("Look")].median_s is None
    assert ["Look"] == [one.tool for one in await store.tool_use.usage(HOUR_S, ToolName("Look"))]
    assert [] == await store.tool_use.usage(0)


async def test_run_keeps_the_version_that_it_was_admitted_with(store: PostgresStore, tmp_path: Path) -> None:
    """The catalog moves on under a run that is under way; the run does not."""
    project = Project(tmp_path)
    path = project.shelve("GetOrder", "1", more="  timeout_s: 3\n")
    project.lock()
    project.agent("GetOrder")
    catalog = FileAgentCatalog(tmp_path / "agents")
    old, _ = await store.admissions.admit(task("old", agent="helper"), load_agent(catalog, "helper"))
    project.shelve("GetOrder", "2", more="  timeout_s: 9\n")
    path.unlink()
    project.lock()
    new, _ = await store.admissions.admit(task("new", agent="helper"), load_agent(catalog, "helper"))
    kept = []
    for run_id in (old.run_id, new.run_id):
        await store.journal.open_run(RunId(run_id), lambda _: POLICY)
        pinned = (await store.archive.run(RunId(run_id))).bundle_digest
        assert pinned is not None
        contract = (await store.journal.bundle(pinned)).tool(ToolName("GetOrder"))
        assert contract is not None
        kept.append((contract.version, contract.timeout_s))
    assert [("1", 3.0), ("2", 9.0)] == kept
