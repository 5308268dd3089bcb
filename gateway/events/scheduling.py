"""Schedules: the row says what begins, Temporal's schedule says when, and is seen in its UI."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError, RPCStatusCode

from gateway.agents import load_agent
from gateway.connections import Gateway
from gateway.events.firing import SCHEDULED_TYPE, ScheduledStart, queue_of
from gateway.events.hooks import needs_owner
from proctor.contracts.base import Contract
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.human import Principal
from proctor.contracts.outside import Schedule as ScheduleRow
from proctor.contracts.outside import ScheduleOrder, Timing
from proctor.contracts.schemas import problems

RPC_TIMEOUT = timedelta(seconds=5)
NEXT_SHOWN = 3


class ScheduleStanding(Contract):
    """A schedule with what Temporal says of it."""

    schedule: ScheduleRow
    state: Literal["running", "paused", "missing", "unknown"]
    """`missing`: Temporal does not have it: create it again. `unknown`: Temporal does not answer."""
    note: str = ""
    next_at: tuple[datetime, ...] = ()
    fired: int = 0


def temporal_id(name: str) -> str:
    """Name Temporal's schedule; the workflow of a firing is this and the time."""
    return f"proctor-schedule-{name}"


@dataclass(frozen=True)
class Schedules:
    """What people do with schedules. Making and deleting needs the role owner, the rest operator or owner; audited."""

    gateway: Gateway
    connect: Callable[[], Awaitable[Client]]

    async def create(self, order: ScheduleOrder, by: Principal) -> ScheduleStanding:
        """Make a schedule; the same order again mends what is missing of it.

        Raises:
            NotAuthorised: `by` is not an owner, or the principal is not a service.
            InvalidInput: the timing or the input cannot be used; `UnknownName`; `Refused` when the name is in use.
            Unavailable: the store or Temporal do not answer; when Temporal does not, nothing fires: create it again.

        """
        needs_owner(by)
        manifest = load_agent(self.gateway.catalog, order.agent).manifest
        if found := problems(manifest.input_schema, order.input):
            raise InvalidInput(f"the input does not fit agent {order.agent}: {'; '.join(found)}")
        async with _answering():
            client = await self.connect()
        row = await self.gateway.store.beginnings.put_schedule(order, by)
        try:
            async with _answering():
                with suppress(ScheduleAlreadyRunningError):
                    await client.create_schedule(temporal_id(order.name), self._schedule(row), rpc_timeout=RPC_TIMEOUT)
        except InvalidInput:
            await self.gateway.store.beginnings.delete_schedule(order.name, by)
            raise
        return await self.show(order.name)

    async def list(self) -> Sequence[ScheduleStanding]:
        """List schedules by name, also while Temporal is away."""
        return [await self._standing(row) for row in await self.gateway.store.beginnings.schedules()]

    async def show(self, name: str) -> ScheduleStanding:
        """Show a schedule. Raises `UnknownName`."""
        return await self._standing((await self.gateway.store.beginnings.schedule(name)).schedule)

    async def pause(self, name: str, by: Principal, reason: str = "") -> ScheduleStanding:
        """Fire no more until it is resumed."""
        await self.gateway.store.beginnings.note_schedule(name, "paused", by)
        async with self._handle(name) as handle:
            await handle.pause(note=summarize(f"{by.name}: {reason or 'paused'}"), rpc_timeout=RPC_TIMEOUT)
        return await self.show(name)

    async def resume(self, name: str, by: Principal, reason: str = "") -> ScheduleStanding:
        """Fire again from now on; what was missed while it was paused is left out."""
        await self.gateway.store.beginnings.note_schedule(name, "resumed", by)
        async with self._handle(name) as handle:
            await handle.unpause(note=summarize(f"{by.name}: {reason or 'resumed'}"), rpc_timeout=RPC_TIMEOUT)
        return await self.show(name)

    async def trigger(self, name: str, by: Principal) -> ScheduleStanding:
        """Fire once now, paused or not."""
        await self.gateway.store.beginnings.note_schedule(name, "triggered", by)
        async with self._handle(name) as handle:
            await handle.trigger(rpc_timeout=RPC_TIMEOUT)
        return await self.show(name)

    async def delete(self, name: str, by: Principal) -> ScheduleRow:
        """End a schedule: from the row on nothing begins by it, also where Temporal does not hear of it."""
        row = await self.gateway.store.beginnings.delete_schedule(name, by)
        async with self._handle(name) as handle:
            try:
                await handle.delete(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
        return row

    def _schedule(self, row: ScheduleRow) -> Schedule:
        return Schedule(
            action=ScheduleActionStartWorkflow(
                SCHEDULED_TYPE,
                ScheduledStart(schedule=row.name),
                id=temporal_id(row.name),
                task_queue=queue_of(self.gateway.settings.task_queue),
                static_summary=summarize(f"{row.agent} by schedule {row.name}", 150),
            ),
            spec=_spec(row.timing),
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=timedelta(seconds=row.timing.catch_up_s)
            ),
        )

    async def _standing(self, row: ScheduleRow) -> ScheduleStanding:
        try:
            async with self._handle(row.name) as handle:
                found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        except Unavailable as error:
            is_missing = isinstance(error.__cause__, RPCError) and error.__cause__.status is RPCStatusCode.NOT_FOUND
            return ScheduleStanding(schedule=row, state="missing" if is_missing else "unknown", note=error.message)
        return _shown(row, found)

    @asynccontextmanager
    async def _handle(self, name: str) -> AsyncIterator[ScheduleHandle]:
        async with _answering():
            yield (await self.connect()).get_schedule_handle(temporal_id(name))


def _shown(row: ScheduleRow, found: ScheduleDescription) -> ScheduleStanding:
    state = found.schedule.state
    return ScheduleStanding(
        schedule=row,
        state="paused" if state.paused else "running",
        note=state.note or "",
        next_at=tuple(found.info.next_action_times[:NEXT_SHOWN]),
        fired=found.info.num_actions,
    )


def _spec(timing: Timing) -> ScheduleSpec:
    every = [] if timing.every_s is None else [ScheduleIntervalSpec(every=timedelta(seconds=timing.every_s))]
    return ScheduleSpec(cron_expressions=list(timing.cron), intervals=every, time_zone_name=timing.timezone)


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            raise InvalidInput(f"Temporal does not take this schedule: {summarize(error.message)}") from error
        raise Unavailable(
            f"Temporal does not answer: {summarize(error.message)} ({error.status.name})",
            hint="`proctor doctor` says more",
        ) from error
