"""What a run left in Temporal's history, over all of its continuations."""

from collections.abc import Iterator
from dataclasses import dataclass

from temporalio.api.common.v1 import Payloads
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client


@dataclass(frozen=True)
class Footprint:
    """Size of a run's history."""

    events: int
    size_bytes: int
    """As the server counts it."""
    continuations: int
    longest_events: int
    """Events of the longest single history."""
    activities: int
    """Those with events of their own; local ones have none."""
    largest_input_bytes: int
    """Largest input of an activity that the history holds."""


async def footprint(client: Client, workflow_id: str) -> Footprint:
    """Measure a workflow from its first execution to its last."""
    sizes: list[int] = []
    counts: list[int] = []
    inputs: list[int] = []
    execution: str | None = (await _first_execution(client, workflow_id)) or None
    while execution:
        handle = client.get_workflow_handle(workflow_id, run_id=execution)
        described = await handle.describe()
        sizes.append(described.raw_description.workflow_execution_info.history_size_bytes)
        events = [event async for event in handle.fetch_history_events()]
        counts.append(len(events))
        inputs.extend(_activity_inputs(events))
        execution = events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id or None
    return Footprint(sum(counts), sum(sizes), len(counts) - 1, max(counts), len(inputs), max(inputs, default=0))


async def _first_execution(client: Client, workflow_id: str) -> str:
    described = await client.get_workflow_handle(workflow_id).describe()
    return described.raw_description.workflow_execution_info.first_run_id


def _activity_inputs(events: list[HistoryEvent]) -> Iterator[int]:
    for event in events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            yield payload_bytes(event.activity_task_scheduled_event_attributes.input)


def payload_bytes(payloads: Payloads) -> int:
    """Count the data of payloads."""
    return sum(len(payload.data) for payload in payloads.payloads)
