"""What an operator sees of real runs: traces, logs, metrics, and the Temporal UI."""

import asyncio
import json
import os
import shutil
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client

from gateway.connections import Gateway, open_gateway
from proctor.connection import connect_temporal
from proctor.local import local_order, local_stack
from tests.acceptance.collector import Collector, collecting
from tests.acceptance.resolving import command
from tests.acceptance.witness import recorded
from workers.dev import DevStack

pytestmark = pytest.mark.asyncio(loop_scope="module")
AGENTS = Path(__file__).parent / "agents"
RECORDED = Path(__file__).parents[1] / "replay" / "histories"


@dataclass(frozen=True)
class Watched:
    """A stack, and everything that watches it."""

    stack: DevStack
    gateway: Gateway
    client: Client
    collector: Collector
    witness: Path

    async def call(self, *arguments: str, stdin: Any = None) -> str:
        """Call the command with tracing on; gives what it prints."""
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PROCTOR_HOME": str(self.stack.home),
            "PROCTOR_AGENTS": str(AGENTS),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url,
        }
        done = await asyncio.to_thread(command, arguments, environ, stdin)
        return done.stdout.strip()

    async def start(self, key: str, what: str, **more: Any) -> str:
        """Start a run of the prober."""
        arguments = ("run", "prober", "--input", "-", "--detach", "--idempotency-key", key)
        assert key == await self.call(*arguments, stdin={"try": what, **more})
        return key

    def metric(self, name: str, **labels: str) -> float:
        """Read a metric of the worker."""
        with urllib.request.urlopen(f"{self.stack.workers[0].health_url}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)

    def logged(self, run_id: str) -> list[dict[str, Any]]:
        """Read the worker's log lines of a run."""
        lines = self.stack.workers[0].log_path.read_text(encoding="utf-8").splitlines()
        return [line for line in map(json.loads, lines) if line.get("run_id") == run_id]

    async def request_of(self, run_id: str) -> str:
        """Wait until a run waits for a person; gives the request's id."""
        found = await eventually(lambda: self.gateway.store.people.pending(run_id))  # type: ignore[arg-type]
        return str(found[0].id)

    async def details(self, run_id: str) -> str:
        """Ask for what the Temporal UI shows as the current details."""
        shown = await self.client.get_workflow_handle(run_id).query("__temporal_workflow_metadata")
        return str(shown.current_details)

    async def listed(self, query: str) -> set[str]:
        """List runs by a filter of the Temporal UI."""
        return {found.id async for found in self.client.list_workflows(query)}


async def eventually(look: Any, patience_s: float = 60.0) -> Any:
    async with asyncio.timeout(patience_s):
        while not (found := await look()):  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.1)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    home = Path(tempfile.mkdtemp(prefix="obs-"))
    try:
        with collecting() as collector:
            environ = {
                "WITNESS": str(home / "witness.db"),
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_BSP_SCHEDULE_DELAY": "200",
            }
            async with (
                local_stack(home / "state", AGENTS, order=local_order(environ=environ)) as stack,
                open_gateway(stack.settings) as gateway,
            ):
                client = await connect_temporal(stack.endpoints.temporal)
                yield Watched(stack, gateway, client, collector, home / "witness.db")
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def test_one_trace_leads_from_the_command_to_every_activity(watched: Watched) -> None:
    """O1: gateway, workflow, plan and tool share a trace; so do the worker's log lines; history pays nothing."""
    await watched.call(
        "run", "prober", "--input", "-", "--idempotency-key", "traced", stdin={"try": "append", "times": 2}
    )
    wanted = {
        "RunWorkflow:AgentTaskWorkflow",
        "RunActivity:plan_step",
        "RunActivity:call_tool",
        "RunActivity:close_run",
    }

    async def complete() -> set[str]:
        return {
            trace_id
            for trace_id in {span.trace_id for span in watched.collector.spans if span.name == "proctor command"}
            if wanted <= {span.name for span in watched.collector.spans if span.trace_id == trace_id}
        }

    (trace_id,) = await eventually(complete)
    mine = {(span.component, span.name) for span in watched.collector.spans if span.trace_id == trace_id}
    assert ("gateway", "proctor command") in mine
    assert {("worker", name) for name in wanted} <= mine
    lines = watched.logged("traced")
    assert {"open_run", "plan_step", "call_tool", "close_run"} == {line["activity"] for line in lines}
    assert {trace_id} == {line["trace_id"] for line in lines}
    history = await watched.client.get_workflow_handle("traced").fetch_history()
    untraced = json.loads((RECORDED / "completed.json").read_text(encoding="utf-8"))
    assert len(untraced["events"]) == len(history.events), "tracing adds no event"


async def test_metrics_count_runs_calls_denials_decisions_and_kills(watched: Watched) -> None:
    """A known scenario moves each metric by what happened, and by nothing else."""
    names = {
        "proctor_runs_closed_total": {"agent": "prober"},
        "proctor_tool_calls_total": {"tool": "AppendApproved", "status": "confirmed"},
        "proctor_denials_total": {},
        "proctor_requests_decided_total": {"word": "approve"},
        "proctor_fences_total": {"scope": "run"},
    }
    before = {name: watched.metric(name, **labels) for name, labels in names.items()}
    await watched.start("counted-approved", "approved")
    await watched.start("counted-denied", "scope")
    await watched.start("counted-killed", "slow")
    request = await watched.request_of("counted-approved")
    await watched.call("approve", request, "--as", "demo.approver")

    async def begun() -> bool:
        return any(what == "begun" for key, what in recorded(watched.witness) if key.startswith("counted-killed"))

    await eventually(begun)
    await watched.call("kill", "counted-killed", "--reason", "drill")
    for run_id in ("counted-approved", "counted-denied", "counted-killed"):
        await watched.call("watch", run_id, "--timeout", "60")
    after = {name: watched.metric(name, **labels) for name, labels in names.items()}
    expected = dict(zip(names, (3, 1, 1, 1, 1), strict=True))
    assert expected == {name: after[name] - before[name] for name in names}
    for status in ("completed", "blocked", "killed"):
        assert watched.metric("proctor_runs_closed_total", agent="prober", status=status) >= 1
    assert watched.metric("proctor_ready") == 1


async def test_an_operator_sees_in_temporal_whose_turn_it_is(watched: Watched) -> None:
    """O9: what it waits for, who may decide and how; filters find it; a decision changes all of that."""
    run_id = await watched.start("seen", "approved")
    request = await watched.request_of(run_id)
    waiting = "ProctorStatus = 'waiting' AND ProctorPendingApprovals = 1"

    async def is_listed() -> bool:
        return run_id in await watched.listed(waiting)

    await eventually(is_listed)
    details = await watched.details(run_id)
    assert "AppendApproved(what='needs a person')" in details
    assert "olga.owner" in details
    assert f"proctor approve {request}" in details
    await watched.call("approve", request, "--as", "demo.approver")
    await watched.call("watch", run_id, "--timeout", "60")

    async def is_closed() -> bool:
        return run_id in await watched.listed("ProctorStatus = 'completed' AND ProctorAgent = 'prober'")

    await eventually(is_closed)
    assert run_id not in await watched.listed(waiting)
    assert "completed" in await watched.details(run_id)


async def test_every_step_is_named_in_the_history(watched: Watched) -> None:
    """The event list reads as a story: each activity, local ones included, says what it is for."""
    run_id = await watched.start("told", "append", times=1)
    await watched.call("watch", run_id, "--timeout", "60")
    history = await watched.client.get_workflow_handle(run_id).fetch_history()
    told = [event.user_metadata.summary.data.decode() for event in history.events if event.user_metadata.summary.data]
    assert any("Append(what='item 0')" in summary for summary in told)
    assert any("open the run" in summary for summary in told)
    assert any("close the run: completed" in summary for summary in told)


async def test_what_operators_see_costs_no_event_and_few_bytes(watched: Watched) -> None:
    """A step with an effect has at most 12 events; summaries and trace context add 256 bytes to it at most."""
    events, extra = [], []
    for times in (2, 12):
        run_id = await watched.start(f"sized-{times}", "append", times=times)
        await watched.call("watch", run_id, "--timeout", "60")
        history = await watched.client.get_workflow_handle(run_id).fetch_history()
        events.append(len(history.events))
        scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
        told = sum(event.user_metadata.ByteSize() for event in history.events)
        extra.append(told + sum(activity.header.ByteSize() for activity in scheduled))
    assert (events[1] - events[0]) / 10 <= 12
    assert 0 < (extra[1] - extra[0]) / 10 <= 256
