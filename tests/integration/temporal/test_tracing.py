"""Tracing is set once per process, so each case runs in one of its own."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.integration.workers.worker_under_test import ROOT
from workers.embedded.temporal import EmbeddedTemporal

PROGRAM = """
import asyncio, json, sys
from datetime import timedelta
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio import activity, workflow
from temporalio.worker import Worker
from proctor.connection import connect_temporal
from proctor.settings import TemporalEndpoint
from proctor.telemetry.tracing import current_trace_id, set_up_tracing

@activity.defn
async def full() -> str | None:
    return current_trace_id()

@activity.defn
async def local() -> str | None:
    return current_trace_id()

@workflow.defn
class TracedWorkflow:
    @workflow.run
    async def run(self) -> list[str | None]:
        limit = timedelta(seconds=10)
        return [
            await workflow.execute_activity(full, start_to_close_timeout=limit),
            await workflow.execute_local_activity(local, start_to_close_timeout=limit),
        ]

async def main(address: str, mode: str) -> None:
    exporter = InMemorySpanExporter() if mode == "exporting" else None
    plugins = []
    if mode != "off":
        tracing = set_up_tracing(None, "test", exporter=exporter)
        plugins = [tracing.plugin()]
    client = await connect_temporal(TemporalEndpoint(address, "default"), plugins=plugins)
    # Names of one length in every mode, so that only the trace makes histories differ in bytes.
    name = mode.ljust(10, "x")
    async with Worker(client, task_queue=name, identity="worker", workflows=[TracedWorkflow], activities=[full, local]):
        with trace.get_tracer("test").start_as_current_span("command"):
            handle = await client.start_workflow("TracedWorkflow", id=name, task_queue=name)
            seen = await handle.result()
            root = current_trace_id()
    history = await handle.fetch_history()
    if mode == "exporting":
        tracing.flush()
    spans = [] if exporter is None else exporter.get_finished_spans()
    print(json.dumps({
        "root": root,
        "seen": seen,
        "events": len(history.events),
        "bytes": sum(event.ByteSize() for event in history.events),
        "spans": sorted({span.name for span in spans}),
        "traces": sorted({f"{span.context.trace_id:032x}" for span in spans}),
    }), flush=True)

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
"""


def run_traced(temporal: EmbeddedTemporal, mode: str, folder: Any) -> dict[str, Any]:
    program = folder / "traced.py"
    program.write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, str(program), temporal.address, mode],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.stdout, ended.stderr
    return dict(json.loads(ended.stdout))


async def test_one_trace_leads_from_the_caller_into_every_activity(temporal: EmbeddedTemporal, tmp_path: Any) -> None:
    """With an exporter, caller, workflow and both kinds of activities share one trace, and each has its span."""
    found = run_traced(temporal, "exporting", tmp_path)
    assert [found["root"]] * 2 == found["seen"]
    assert [found["root"]] == found["traces"]
    assert {"command", "RunWorkflow:TracedWorkflow", "RunActivity:full", "RunActivity:local"} <= set(found["spans"])


async def test_trace_ids_are_real_without_an_exporter_and_cost_no_event(
    temporal: EmbeddedTemporal, tmp_path: Any
) -> None:
    """Logs of activities name the caller's trace; a history has the same events as without tracing."""
    silent, off = run_traced(temporal, "silent", tmp_path), run_traced(temporal, "off", tmp_path)
    assert [silent["root"]] * 2 == silent["seen"]
    assert off["events"] == silent["events"]
    assert silent["bytes"] - off["bytes"] < 400
