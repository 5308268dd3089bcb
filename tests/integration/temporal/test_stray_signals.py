"""Signals that nobody meant, on a real server: the workflow alone, over activities of our own."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from proctor.contracts.decision import Verdict
from proctor.contracts.ids import RequestId, RunId, ToolName
from proctor.contracts.run import Ending, OpenedRun, RequestRef, RequestStanding, RunOutcome, RunStart
from proctor.contracts.steps import CallRef, CallReport, PlannedCall, StepPlan, StepRef
from proctor.contracts.tool import Effect
from proctor.contracts.wire import REQUEST_DECIDED, RequestDecided
from tests.unit.workflows.opened import opened_run
from workers.embedded.temporal import EmbeddedTemporal
from workers.search_attributes import register_search_attributes
from workflows.agent_task import AgentTaskWorkflow
from workflows.converter import DATA_CONVERTER
from workflows.state import TaskStart

EARLY = 60
REQUEST = RequestId("req-1")
RUN = RunId("strayed")


class ImpatientTemporal(EmbeddedTemporal):
    """A server that suggests to continue as new early."""

    def _arguments(self) -> Iterator[str]:
        yield from super()._arguments()
        yield from ("--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={EARLY}")


class FakeActivities:
    """Activities by their names, over one row: whether the request is granted."""

    def __init__(self) -> None:
        self.state, self.looks, self.calls = "pending", 0, 0

    @activity.defn
    async def open_run(self, start: RunStart) -> OpenedRun:
        return opened_run()

    @activity.defn
    async def plan_step(self, ref: StepRef) -> StepPlan:
        if ref.step:
            return StepPlan(step=ref.step, kind="final", outcome="completed")
        call = PlannedCall(
            call=0,
            tool=ToolName("Act"),
            effect=Effect.WRITE,
            verdict=Verdict.REQUIRE_APPROVAL,
            fingerprint="f" * 16,
            request_id=REQUEST,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
        return StepPlan(step=0, kind="calls", calls=(call,))

    @activity.defn
    async def read_request(self, ref: RequestRef) -> RequestStanding:
        self.looks += 1
        return RequestStanding(state=self.state)

    @activity.defn
    async def call_tool(self, ref: CallRef) -> CallReport:
        self.calls += 1
        return CallReport(status="confirmed")

    @activity.defn
    async def close_run(self, ending: Ending) -> RunOutcome:
        return RunOutcome(status=ending.status)

    def all(self) -> list[Any]:
        return [self.open_run, self.plan_step, self.read_request, self.call_tool, self.close_run]


async def send(handle: WorkflowHandle[Any, Any], request_id: str, decision: str) -> None:
    message = RequestDecided(decision_id=decision, request_id=RequestId(request_id))
    await handle.signal(REQUEST_DECIDED, message)


async def fresh_history(handle: WorkflowHandle[Any, Any], first: str) -> None:
    while (await handle.describe()).run_id == first:  # noqa: ASYNC110 - the server tells nobody of it
        await asyncio.sleep(0.1)


async def test_stray_signals_change_nothing_and_never_keep_a_history_from_ending(tmp_path: Path) -> None:
    """Early, forged, stale, doubled and late ones: the row alone decides, and the call is made once.

    Signals for requests that the run does not wait for lengthen its history; it goes on in a fresh one all the same.
    """
    async with ImpatientTemporal(tmp_path / "temporal.log") as temporal:
        client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
        await register_search_attributes(client)
        fakes = FakeActivities()
        parts: dict[str, Any] = {"workflows": [AgentTaskWorkflow], "activities": fakes.all()}
        async with Worker(client, task_queue=RUN, workflow_runner=UnsandboxedWorkflowRunner(), **parts):
            start = TaskStart(run_id=RUN)
            handle = await client.start_workflow(AgentTaskWorkflow.run, start, id=RUN, task_queue=RUN)
            await send(handle, REQUEST, "dec-early")
            first = (await handle.describe()).run_id
            for number in range(EARLY + EARLY // 2):
                await send(handle, f"req-stale-{number % 7}", f"dec-{number}")
            async with asyncio.timeout(10):
                await fresh_history(handle, first)
            for _ in range(2):
                await send(handle, REQUEST, "dec-forged")
            await asyncio.sleep(0.5)
            assert (0, True) == (fakes.calls, fakes.looks > 0)
            fakes.state = "granted"
            for _ in range(2):
                await send(handle, REQUEST, "dec-real")
            await asyncio.wait_for(client.get_workflow_handle(RUN).result(), 20)
            assert 1 == fakes.calls
            with pytest.raises(RPCError, match="completed"):
                await send(handle, REQUEST, "dec-late")
