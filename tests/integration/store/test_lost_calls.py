"""Calls whose worker was lost, and whose run is stopped before another attempt: settled, then taken back (rule 2)."""

from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.acting import ActingActivities
from activities.bench import PolicyShelf
from proctor.contracts.decision import Verdict
from proctor.contracts.ids import ToolName
from proctor.contracts.steps import CallReport
from proctor.contracts.tool import (
    CompensationRule,
    Confirmed,
    Effect,
    Failed,
    Idempotency,
    ToolContract,
    ToolInvocation,
    ToolOutcome,
)
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, BUNDLE, POLICY, Scene, task

RESTART = ToolContract(
    name=ToolName("Restart"),
    input_schema={"type": "object", "additionalProperties": True},
    effect=Effect.WRITE,
    timeout_s=0.01,
    idempotency=Idempotency.READ_BACK,
    probe=ToolName("Look"),
    compensation=CompensationRule(tool=ToolName("Rollback")),
)
OTHERS = tuple(tool for tool in BUNDLE.tools if tool.name != RESTART.name)


class FakeTools:
    """Has a probe that answers as told, and notes what was called."""

    def __init__(self, found: ToolOutcome) -> None:
        self._found, self.called = found, list[str]()

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        self.called.append(f"{contract.name} {invocation.key}")
        return self._found if contract.is_read else Confirmed(result={})

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        return ()


async def _lost(store: PostgresStore, **schemas: dict[str, Any]) -> Scene:
    """Leave an intent without an outcome, as a worker that was lost does; `schemas` are of the arguments of tools."""
    known = [tool.model_copy(update={"input_schema": schemas.get(tool.name, tool.input_schema)}) for tool in OTHERS]
    run, _ = await store.admissions.admit(task("run1"), BUNDLE.model_copy(update={"tools": (RESTART, *known)}))
    await store.journal.open_run(run.run_id, lambda _: POLICY)
    scene = Scene(store, run.run_id)
    await scene.plan(Verdict.ALLOW)
    await store.journal.begin_effect(scene.call(), ALLOW)
    return scene


async def _compensate(scene: Scene, tools: FakeTools) -> CallReport:
    activities = ActingActivities(scene.store.journal, tools, PolicyShelf(), scene.store.traffic)
    return await ActivityEnvironment().run(activities.compensate, scene.call())


async def test_lost_call_that_happened_is_taken_back(store: PostgresStore) -> None:
    """The probe knows the key: the call is confirmed, then undone, and nobody is asked."""
    scene, tools = await _lost(store), FakeTools(Confirmed(result={"happened": True}))
    assert "confirmed" == (await _compensate(scene, tools)).status
    assert ["Look run1/0/0", "Rollback run1/0/0/undo"] == tools.called
    assert [] == await store.people.pending(scene.run_id)


async def test_compensation_whose_arguments_do_not_fit_is_not_sent(store: PostgresStore) -> None:
    """They are filled from what the effect's tool answered, which no policy judged: a person is asked instead."""
    scene, tools = (
        await _lost(store, Rollback={"properties": {"id": {"type": "integer"}}, "required": ["id"]}),
        FakeTools(Confirmed(result={"happened": True, "id": "1; drop"})),
    )
    report = await _compensate(scene, tools)
    assert ("failed", True) == (report.status, '"id" is missing' in report.summary)
    assert ["Look run1/0/0"] == tools.called


async def test_lost_call_that_did_not_happen_is_not_taken_back(store: PostgresStore) -> None:
    """The probe does not know the key: there is nothing to undo."""
    scene, tools = await _lost(store), FakeTools(Confirmed(result={"happened": False}))
    assert "failed" == (await _compensate(scene, tools)).status
    assert ["Look run1/0/0"] == tools.called
    assert [] == await store.people.pending(scene.run_id)


async def test_lost_call_that_the_probe_cannot_tell_of_is_a_persons_to_settle(store: PostgresStore) -> None:
    """It is not taken back on a guess."""
    scene, tools = await _lost(store), FakeTools(Failed(error="down"))
    assert "unknown" == (await _compensate(scene, tools)).status
    assert ["Look run1/0/0"] == tools.called
    assert ["unknown_outcome"] == [item.kind for item in await store.people.pending(scene.run_id)]
