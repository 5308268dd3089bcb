"""Recorded histories must replay: a run that is open while the workflow changes goes on where it was."""

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from workers.wiring import sandboxed
from workflows.agent_task import AgentTaskWorkflow
from workflows.converter import DATA_CONVERTER
from workflows.undo_run import UndoRunWorkflow

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
KINDS = {
    "completed",
    "continued-1",
    "continued-2",
    "failed_and_compensated",
    "approved",
    "denied",
    "answered",
    "killed",
    "killed_and_lost",  # of a former version, which settled in the common queue alone: goes with its `patched`
    "paused",
    "edited",
    "taken_over-1",
    "taken_over-2",
    "taken_back",
}


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


async def replay(history: dict[str, Any]) -> None:
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    workflows = [AgentTaskWorkflow, UndoRunWorkflow]
    replayer = Replayer(workflows=workflows, workflow_runner=sandboxed(), data_converter=DATA_CONVERTER)
    await replayer.replay_workflow(WorkflowHistory.from_json(started["workflowId"], history))


def test_every_kind_of_run_is_recorded() -> None:
    """A replay test over an empty folder would prove nothing."""
    assert KINDS <= {path.stem for path in HISTORIES}


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_history_replays_on_the_present_workflow(path: Path) -> None:
    """The same commands in the same order, with the worker's own sandbox."""
    await replay(read(path))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_no_history_names_the_machine_that_it_was_recorded_on(path: Path) -> None:
    """Histories are part of the project and tell of runs only."""
    assert "@" not in path.read_text(encoding="utf-8").replace("@type", "")


async def test_another_order_of_activities_is_noticed() -> None:
    """What an incompatible change would do to an open run fails here first."""
    path = next(path for path in HISTORIES if path.stem == "failed_and_compensated")
    history = read(path)
    scheduled = [
        event["activityTaskScheduledEventAttributes"]
        for event in history["events"]
        if "activityTaskScheduledEventAttributes" in event
    ]
    first = next(one for one in scheduled if one["activityType"]["name"] == "call_tool")
    first["activityType"]["name"] = "compensate"
    with pytest.raises(NondeterminismError):
        await replay(history)
