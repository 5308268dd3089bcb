"""Where calls go, and that none waits for ever (rule 9)."""

from typing import Any

from activities.options import POOL_PATIENCE, UNDO_FIRST, acting, compensating, runs_locally
from proctor.contracts.decision import Verdict
from proctor.contracts.ids import ToolName
from proctor.contracts.steps import PlannedCall
from proctor.contracts.tool import Effect


def call(effect: Effect = Effect.WRITE, **fields: Any) -> PlannedCall:
    """Make a planned call."""
    made = {"call": 0, "tool": ToolName("Act"), "effect": effect, "verdict": Verdict.ALLOW, "fingerprint": "f"}
    return PlannedCall.model_validate(made | fields)


def test_call_of_a_pool_waits_for_its_workers_for_a_bounded_time() -> None:
    """A pool that nobody serves fails the call in the end, and hangs no run."""
    options = acting(call(pool="slow"), "proctor")
    assert ("proctor-slow", POOL_PATIENCE) == (options["task_queue"], options["schedule_to_start_timeout"])


def test_call_without_a_pool_stays_in_the_queue_of_its_run() -> None:
    """And says nothing of it, so that history stays as small as it was."""
    assert not {"task_queue", "schedule_to_start_timeout", "priority"} & acting(call(), "proctor").keys()


def test_read_of_a_pool_is_not_done_in_the_worker_of_the_run() -> None:
    """Else a class of tools that hangs would hold workflow tasks, which no pool keeps apart."""
    assert runs_locally(call(Effect.READ))
    assert not runs_locally(call(Effect.READ, pool="slow"))


def test_what_is_taken_back_goes_first() -> None:
    """Before what is still to be done, in any backlog."""
    assert UNDO_FIRST is compensating("undo")["priority"]
    assert 1 == UNDO_FIRST.priority_key
