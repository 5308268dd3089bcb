"""A schedule of Temporal fires: a small workflow submits the run, once per firing, whatever crashes in between."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

with workflow.unsafe.imports_passed_through():
    from activities.beating import beating
    from activities.boundary import speaks_temporal
    from gateway.admission import submit
    from gateway.agents import load_agent
    from gateway.connections import Gateway
    from proctor.contracts.base import Contract
    from proctor.contracts.run import TaskRequest

SCHEDULED_TYPE = "SubmitScheduledWorkflow"
SUBMIT = "submit_scheduled"
SCHEDULED_AT = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
CONCURRENT = 8
DRAIN_S = 5.0
_SUBMITTING = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
    maximum_attempts=120,
)
"""About two hours: a firing outlives an outage of the store, and then fails where operators see it."""


class Firing(Contract):
    """One firing of a schedule. It names what to begin; what that is, the store says."""

    schedule: str
    at: datetime


class ScheduledStart(Contract):
    """Input of the workflow."""

    schedule: str


@workflow.defn(name=SCHEDULED_TYPE)
class SubmitScheduledWorkflow:
    """Submits the run of one firing."""

    @workflow.run
    async def run(self, start: ScheduledStart) -> str:
        """Give the id of the run. The time that the schedule meant, and not ours, names the firing."""
        at = workflow.info().typed_search_attributes.get(SCHEDULED_AT) or workflow.info().start_time
        run_id: str = await workflow.execute_activity(
            SUBMIT,
            Firing(schedule=start.schedule, at=at),
            result_type=str,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=3),
            retry_policy=_SUBMITTING,
            summary=f"submit the run of {start.schedule}",
        )
        return run_id


@dataclass(frozen=True)
class FiringActivities:
    """What the workflow asks of the world."""

    gateway: Gateway

    @activity.defn(name=SUBMIT)
    @speaks_temporal
    async def submit_scheduled(self, firing: Firing) -> str:
        """Submit the run of a firing as the schedule's service; the same firing again is the same run."""
        async with beating():
            opened = await self.gateway.store.beginnings.schedule(firing.schedule)
            schedule = opened.schedule
            request = TaskRequest(
                agent=schedule.agent,
                input=schedule.input,
                goal=schedule.goal,
                requester=schedule.principal,
                tenant=schedule.tenant,
                idempotency_key=key_of_firing(firing),
            )
            done = await submit(
                request,
                load_agent(self.gateway.catalog, schedule.agent),
                by=opened.principal,
                admissions=self.gateway.store.admissions,
                engine=self.gateway.engine,
                changes=self.gateway.changes,
            )
            return done.record.run_id


def key_of_firing(firing: Firing) -> str:
    """Derive the idempotency key of a firing's run, to the millisecond."""
    at = firing.at.astimezone(UTC)
    return f"sched-{firing.schedule}-{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z"


def queue_of(task_queue: str) -> str:
    """Name the queue that gateways serve beside the workers of `task_queue`."""
    return f"{task_queue}-gateway"


@dataclass(frozen=True)
class FiringWorker:
    """A companion that serves schedules in every gateway."""

    gateway: Gateway
    connect: Callable[[], Awaitable[Client]]
    name: str = "schedules"

    async def run(self) -> None:
        """Serve until cancelled. Raises `Unavailable` when Temporal does not answer at the start."""
        worker = Worker(
            await self.connect(),
            task_queue=queue_of(self.gateway.settings.task_queue),
            workflows=[SubmitScheduledWorkflow],
            activities=[FiringActivities(self.gateway).submit_scheduled],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=CONCURRENT,
            graceful_shutdown_timeout=timedelta(seconds=DRAIN_S),
        )
        await worker.run()
