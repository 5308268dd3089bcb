"""Drills on record: one process makes each, and none is made before its time."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from proctor.contracts.drilling import DrillReport
from proctor.contracts.ids import PrincipalName
from proctor.store.postgres import PostgresStore

HOUR = 3600.0
REPORT = DrillReport(by=PrincipalName("proctor.drill"), passed=True, fence_s=0.01, stopped_s=0.1, closed_s=0.5)


@pytest.fixture
def due(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.drill_lease SET until = '-infinity'")


async def test_first_drill_leaves_time_to_start_workers(store: PostgresStore, dsn: str) -> None:
    """A fresh installation has no worker yet, and an alarm about that helps nobody."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT until - pg_postmaster_start_time() FROM proctor.drill_lease").fetchone()
        connection.execute("UPDATE proctor.drill_lease SET until = clock_timestamp() + interval '9 minutes'")
    assert row is not None
    assert timedelta(minutes=10) <= row[0]
    assert not await store.drills.claim("a", HOUR, 60)


async def test_one_of_many_gateways_makes_a_drill(store: PostgresStore, due: None) -> None:
    """All ask at once; one is told yes, and the others while it drills are not."""
    claims = await asyncio.gather(*(store.drills.claim(f"gateway-{n}", HOUR, 60) for n in range(10)))
    assert 1 == sum(claims)
    assert not await store.drills.claim("late", HOUR, 60)


async def test_next_drill_is_made_when_the_interval_is_over(store: PostgresStore, due: None) -> None:
    """A drill by hand counts too; a lost gateway's claim ends."""
    assert await store.drills.claim("lost", HOUR, 0.05)
    await asyncio.sleep(0.1)
    assert await store.drills.claim("other", HOUR, 0.05)
    await store.drills.record(REPORT)
    await asyncio.sleep(0.1)
    assert not await store.drills.claim("other", HOUR, 60)
    assert await store.drills.claim("other", 0.01, 60)


async def test_drills_are_told_newest_first_and_the_last_success_apart(store: PostgresStore) -> None:
    """A failed drill does not hide when the switch last worked."""
    assert (None, []) == (await store.drills.last_success(), await store.drills.newest())
    passed = await store.drills.record(REPORT)
    failed = await store.drills.record(DrillReport(by=PrincipalName("olga"), passed=False, note="no worker"))
    assert [failed, passed] == await store.drills.newest()
    assert passed == await store.drills.last_success()
