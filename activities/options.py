"""Time-outs and retries of every activity, in one place. All of them are bounded (rule 9)."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityCancellationType

from activities.dispatch import LATE_ANSWER_MARGIN_S, SETTLING_PATIENCE_S, STOPPING_GRACE_S
from proctor.contracts.canonical import summarize
from proctor.contracts.steps import CallRef, PlannedCall
from proctor.contracts.wire import pool_queue

THROUGH_AN_OUTAGE = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=60,
)
"""For what only needs the store: about nine minutes, then the run fails with the reason."""

SPARE_ATTEMPTS = 40
"""Attempts beyond a tool's own, for lost workers and an absent store. The ledger counts the tool's own attempts."""

HEARTBEAT_TIMEOUT = timedelta(seconds=5)
"""A lost worker is noticed within this time."""


POOL_PATIENCE = timedelta(minutes=15)
"""How long a call waits for a worker of its pool; then it fails, instead of hanging on a pool that nobody serves."""

SETTLING_POOL_PATIENCE = timedelta(seconds=10)
"""How long a run that stops waits for a worker of a pool; the one that was lost may have been the last of them."""

UNDO_FIRST = Priority(priority_key=1)
"""What is to be taken back goes before what is to be done; everything else has Temporal's default, 3 of 5."""


class ActivityOptions(TypedDict, total=False):
    """Keyword arguments of `workflow.execute_activity`."""

    task_queue: str
    schedule_to_start_timeout: timedelta
    priority: Priority
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType
    summary: str


class LocalActivityOptions(TypedDict, total=False):
    """Keyword arguments of `workflow.execute_local_activity`."""

    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    summary: str


def store_call(summary: str) -> LocalActivityOptions:
    """For a short conversation with the store; `summary` says what for."""
    return {
        "start_to_close_timeout": timedelta(seconds=20),
        "retry_policy": THROUGH_AN_OUTAGE,
        "summary": summarize(summary),
    }


def local_planning() -> LocalActivityOptions:
    """For a planner that computes and does not wait. Its name says all that a summary would, in each step."""
    return {"start_to_close_timeout": timedelta(seconds=30), "retry_policy": THROUGH_AN_OUTAGE}


def model_planning(timeout_s: float, summary: str) -> ActivityOptions:
    """For a planner that waits for a model; `timeout_s` bounds all its requests, repairs included."""
    return {
        "start_to_close_timeout": timedelta(seconds=timeout_s + 30),
        "heartbeat_timeout": HEARTBEAT_TIMEOUT,
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(seconds=1),
            backoff_coefficient=2.0,
            maximum_interval=timedelta(seconds=30),
            maximum_attempts=12,
        ),
        "summary": summary,
    }


def reading(call: PlannedCall) -> LocalActivityOptions:
    """For a read: the tool's own attempts happen inside."""
    # Each pause may be as long as the interval allows, where a service asks for it.
    pauses = (call.retry.max_attempts - 1) * max(call.retry.max_interval_s, call.retry.initial_interval_s)
    total = call.timeout_s * call.retry.max_attempts + pauses + 10
    return {
        "start_to_close_timeout": timedelta(seconds=total),
        "retry_policy": THROUGH_AN_OUTAGE,
        "summary": call.summary,
    }


def acting(call: PlannedCall, task_queue: str) -> ActivityOptions:
    """For an effect. The workflow waits until a cancelled activity has really stopped.

    `task_queue` is the workflow's; a call of a pool goes to that of its pool, and waits there for a bounded time.
    """
    room = call.timeout_s + LATE_ANSWER_MARGIN_S
    queue: ActivityOptions = {}
    if call.pool:
        queue = {"task_queue": pool_queue(task_queue, call.pool), "schedule_to_start_timeout": POOL_PATIENCE}
    return {
        **queue,
        "start_to_close_timeout": timedelta(seconds=3 * room + SETTLING_PATIENCE_S + STOPPING_GRACE_S + 10),
        "heartbeat_timeout": HEARTBEAT_TIMEOUT,
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(seconds=call.retry.initial_interval_s),
            backoff_coefficient=call.retry.backoff,
            maximum_interval=timedelta(seconds=max(call.retry.max_interval_s, call.retry.initial_interval_s)),
            maximum_attempts=call.retry.max_attempts + SPARE_ATTEMPTS,
        ),
        "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        "summary": call.summary,
    }


def compensating(summary: str) -> ActivityOptions:
    """For taking an effect back: the compensation's own contract bounds each attempt inside."""
    return {
        "start_to_close_timeout": timedelta(hours=1),
        "heartbeat_timeout": HEARTBEAT_TIMEOUT,
        "retry_policy": THROUGH_AN_OUTAGE,
        "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        "priority": UNDO_FIRST,
        "summary": summary,
    }


def settling(ref: CallRef, task_queue: str, pool: str = "") -> ActivityOptions:
    """For finding out what became of a lost call: in the common queue, or, for a few tries, in that of its pool."""
    common = compensating(f"settle step {ref.step}, call {ref.call}")
    if not pool:
        return common
    return {
        **common,
        "task_queue": pool_queue(task_queue, pool),
        "schedule_to_start_timeout": SETTLING_POOL_PATIENCE,
        "retry_policy": RetryPolicy(maximum_attempts=3),  # a worker of before does not know how
    }


def runs_locally(call: PlannedCall) -> bool:
    """Whether a call is a read short enough for a local activity; a longer one would hold the workflow task.

    One of a pool never is: its workers do it.
    """
    return call.effect == "read" and not call.pool and call.timeout_s <= 30  # noqa: PLR2004 - named by this function
