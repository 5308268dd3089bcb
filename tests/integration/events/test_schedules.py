"""Schedules on a real Temporal and a real Postgres: one run per firing, whatever crashes."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from gateway.events.firing import Firing, FiringActivities, FiringWorker, key_of_firing
from gateway.events.scheduling import Schedules, temporal_id
from proctor.connection import connect_temporal
from proctor.contracts.audit import INSTALLATION, agent_chain
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, Unavailable, UnknownName
from proctor.contracts.outside import ScheduleOrder
from proctor.contracts.run import RunRecord
from proctor.settings import TemporalEndpoint
from proctor.store.postgres import PostgresStore
from tests.integration.events.receivers import until
from tests.integration.events.scenes import OLGA, SERVICE, open_gateway
from tests.unit.gateway.fakes import FakeEngine
from workers.embedded.temporal import EmbeddedTemporal

YEARLY = {"cron": ["0 0 1 1 *"]}


def _order(name: str, timing: dict[str, Any], **fields: Any) -> ScheduleOrder:
    values = {"agent": "resolver", "tenant": "default", "principal": SERVICE.name, "goal": "look", "timing": timing}
    return ScheduleOrder.model_validate({"name": name, "input": {"service": "web"}, **values, **fields})


@contextlib.asynccontextmanager
async def _serving(worker: FiringWorker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _runs(store: PostgresStore) -> list[RunRecord]:
    return await store.archive.runs(limit=500)


async def test_each_firing_is_one_run_with_two_gateways_and_after_kill_9(
    store: PostgresStore, dsn: str, tmp_path: Path
) -> None:
    """A gateway that dies after the run was written, and before it could say so, leaves no second run behind."""
    async with EmbeddedTemporal(tmp_path / "temporal.log") as server:

        async def connect() -> Client:
            return await connect_temporal(TemporalEndpoint(server.address, "default"))

        client, engine = await connect(), FakeEngine()
        gateway = await open_gateway(store, engine, queue="q1")
        schedules = Schedules(gateway, connect)
        await schedules.create(_order("yearly", YEARLY), OLGA)
        run_id = await _fire_in_a_dying_gateway(schedules, dsn, server.address)
        assert [run_id] == [one.run_id for one in await _runs(store)]
        async with _serving(FiringWorker(gateway, connect)), _serving(FiringWorker(gateway, connect)):
            await until(lambda: run_id in engine.open, timeout_s=20)
            await schedules.create(_order("often", {"every_s": 1}), OLGA)
            await until(lambda: _many(store, 4), timeout_s=20)
            paused = await schedules.pause("often", OLGA, "enough")
            assert ("paused", "olga: enough") == (paused.state, paused.note)
            await _settled(client)
            runs = await _runs(store)
            fired = (await schedules.show("often")).fired
            assert fired + 1 == len(runs)
            await _deleted(schedules, client)
    first = runs[-1]
    assert (SERVICE.name, "look", "") == (first.requester, first.goal, first.input_source)
    kinds = [one.kind for one in await store.archive.audit(agent_chain(INSTALLATION)) if "schedule" in one.kind]
    expected = ["created", "triggered", "created", "paused", "deleted", "created", "deleted"]
    assert expected == [one.removeprefix("schedule_") for one in kinds]
    assert ["unknown"] == [one.state for one in await schedules.list()]


async def _fire_in_a_dying_gateway(schedules: Schedules, dsn: str, address: str) -> str:
    dying = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.events.firing_gateway", dsn, address, "q1"),
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
    )
    assert dying.stdout is not None
    await schedules.trigger("yearly", OLGA)
    run_id = (await dying.stdout.readline()).decode().strip()
    assert -9 == await dying.wait()
    return run_id


async def _many(store: PostgresStore, count: int) -> bool:
    return len(await _runs(store)) >= count


async def _settled(client: Client) -> None:
    """Wait until every firing that began has ended."""

    async def none_open() -> bool:
        query = "WorkflowType = 'SubmitScheduledWorkflow' AND ExecutionStatus = 'Running'"
        return (await client.count_workflows(query)).count == 0

    await asyncio.sleep(1.2)
    await until(none_open)


async def _deleted(schedules: Schedules, client: Client) -> None:
    await schedules.delete("often", OLGA)
    with pytest.raises(UnknownName):
        await schedules.show("often")
    assert ["yearly"] == [one.schedule.name for one in await schedules.list()]
    with pytest.raises(InvalidInput, match="does not take"):
        await schedules.create(_order("broken", {"cron": ["every full moon"]}), OLGA)
    assert ["yearly"] == [one.schedule.name for one in await schedules.list()]
    await client.get_schedule_handle(temporal_id("yearly")).delete()
    assert ["missing"] == [one.state for one in await schedules.list()]
    mended = await schedules.create(_order("yearly", YEARLY), OLGA)
    assert ("running", 1) == (mended.state, mended.next_at[0].month)
    with pytest.raises(Refused):
        await schedules.create(_order("yearly", {"every_s": 60}), OLGA)


async def test_what_a_firing_begins_is_what_the_store_says(store: PostgresStore) -> None:
    """A message on the queue names a schedule and a time, and can neither choose an agent nor an input."""
    gateway = await open_gateway(store)
    firing = FiringActivities(gateway)
    order = _order("yearly", YEARLY)
    await store.beginnings.put_schedule(order, OLGA)
    one = Firing.model_validate({"schedule": "yearly", "at": "2026-01-01T00:00:00.25Z"})
    run_ids = [await ActivityEnvironment().run(firing.submit_scheduled, one) for _ in range(2)]
    assert ["sched-yearly-20260101T000000250Z"] * 2 == run_ids == [key_of_firing(one)] * 2
    assert {"service": "web"} == await store.archive.content((await store.archive.run(run_ids[0])).input_digest)
    await store.beginnings.delete_schedule("yearly", OLGA)
    with pytest.raises(Exception, match="no schedule"):
        await ActivityEnvironment().run(firing.submit_scheduled, one)


async def test_schedules_are_made_by_owners_for_services_with_an_input_that_fits(store: PostgresStore) -> None:
    """And never when Temporal is away: a row without a schedule would fire nothing and look as if it did."""

    async def away() -> Client:
        raise Unavailable("Temporal does not answer")

    gateway = await open_gateway(store)
    schedules = Schedules(gateway, away)
    with pytest.raises(InvalidInput, match="does not fit"):
        await schedules.create(_order("bad", YEARLY, input={}), OLGA)
    with pytest.raises(NotAuthorised):
        await schedules.create(_order("bad", YEARLY, agent="nobody"), SERVICE)
    with pytest.raises(Unavailable):
        await schedules.create(_order("good", YEARLY), OLGA)
    assert [] == await schedules.list()
    with pytest.raises(NotAuthorised):
        await store.beginnings.put_schedule(_order("good", YEARLY), SERVICE)
    with pytest.raises(NotAuthorised):
        await store.beginnings.put_schedule(_order("good", YEARLY, principal=OLGA.name), OLGA)
    for timing in ({}, {"cron": ["* * * * *"], "every_s": 5}):
        with pytest.raises(ValueError, match="either"):
            _order("bad", timing)
