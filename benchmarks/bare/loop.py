"""The bare loop on Temporal: history holds references only, which is the best that such a loop can do."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from benchmarks.moments import MomentLog
    from benchmarks.payload import digest_of, payload

QUEUE = "bare"
TIMEOUT = timedelta(seconds=60)
RETRIES = RetryPolicy(maximum_attempts=5)
KEPT_RESULTS = 20_000


@dataclass(frozen=True)
class BareTask:
    """Input of the workflow."""

    run: str
    mode: str
    """effect: tools are activities (variant A); read: tools are local activities (variant B); wait: a signal first."""
    calls: int
    done: int = 0


@dataclass(frozen=True)
class StepRef:
    """Names a step."""

    run: str
    step: int


@dataclass(frozen=True)
class Plan:
    """What the planner says: which tool, with which stored arguments."""

    tool: str
    arguments: str


@dataclass(frozen=True)
class Result:
    """Reference to a stored result."""

    digest: str
    size: int


class BareActivities:
    """Plans and calls; results stay in this process."""

    def __init__(self, moments: MomentLog) -> None:
        self._moments, self._results = moments, dict[str, bytes]()

    @activity.defn
    async def plan(self, ref: StepRef) -> Plan:
        """Propose the next call."""
        return Plan("record_item", f"{ref.run}/{ref.step}")

    @activity.defn
    async def call(self, ref: StepRef) -> Result:
        """Call the tool and keep its result by digest."""
        key = f"{ref.run}/{ref.step}"
        self._moments.note("called", key)
        content = payload(key)
        digest = digest_of(content)
        self._results[digest] = content
        while len(self._results) > KEPT_RESULTS:
            self._results.pop(next(iter(self._results)))
        return Result(digest, len(content))

    @activity.defn
    async def work_slowly(self, ref: StepRef) -> None:
        """Take half a minute, with heartbeats."""
        key = f"{ref.run}/{ref.step}"
        self._moments.note("called", key)
        try:
            for _ in range(150):
                await asyncio.sleep(0.2)
                activity.heartbeat()
        finally:
            self._moments.note("stopped", key)


@workflow.defn
class BareWorkflow:
    """Plan, call, repeat."""

    def __init__(self) -> None:
        self._released = False

    @workflow.signal
    def release(self) -> None:
        """Let a waiting run go on."""
        self._released = True

    @workflow.run
    async def run(self, task: BareTask) -> int:
        """Make the calls; a long history is handed on."""
        for step in range(task.done, task.calls):
            ref = StepRef(task.run, step)
            await workflow.execute_activity_method(
                BareActivities.plan, ref, start_to_close_timeout=TIMEOUT, retry_policy=RETRIES
            )
            if task.mode == "wait":
                await workflow.wait_condition(lambda: self._released)
            await self._call(task.mode, ref)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(replace(task, done=step + 1))
        return task.calls

    async def _call(self, mode: str, ref: StepRef) -> None:
        if mode == "read":
            await workflow.execute_local_activity_method(
                BareActivities.call, ref, start_to_close_timeout=TIMEOUT, retry_policy=RETRIES
            )
        elif mode == "slow":
            await workflow.execute_activity_method(
                BareActivities.work_slowly,
                ref,
                start_to_close_timeout=TIMEOUT,
                heartbeat_timeout=timedelta(seconds=2),
                retry_policy=RETRIES,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        else:
            await workflow.execute_activity_method(
                BareActivities.call, ref, start_to_close_timeout=TIMEOUT, retry_policy=RETRIES
            )
