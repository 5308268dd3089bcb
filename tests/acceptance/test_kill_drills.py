"""Drills of the kill switch on the running product: measured, recorded, and loud when something is too slow."""

import asyncio
import json
from collections.abc import AsyncIterator

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from gateway.connections import Gateway, open_gateway
from gateway.drill_schedule import DrillMetrics, DrillSchedule
from gateway.drilling import DRILLER, DrillLimits, drill
from proctor.contracts.drilling import DRILL_TENANT
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.run import RunStatus
from proctor.settings import Settings
from tests.acceptance.conftest import ROOT, Product


@pytest.fixture
async def gateway(product: Product) -> AsyncIterator[Gateway]:
    async with open_gateway(Settings.load(product.environ, ROOT)) as opened:
        yield opened


def test_drill_by_hand_prints_what_it_measured(product: Product) -> None:
    """The installed command: a worker's tool is stopped, the run closed, its fence lifted, all of it recorded."""
    done = product.call("drill", "-o", "json")
    made = json.loads(done.stdout)
    assert (done.returncode, made["passed"], made["by"], made["note"]) == (0, True, "operator", ""), done.stderr
    assert 0 < made["fence_s"] <= made["stopped_s"] <= made["closed_s"] < 10
    assert made["stopped_s"] <= 1.5
    shown = product.ask("show", made["run_id"])
    assert ("killed", DRILL_TENANT) == (shown["status"], shown["tenant"])
    assert [("failed", True)] == [
        (x["fate"], x["after_fence"]) for x in product.ask("receipt", made["run_id"])["lines"]
    ]
    assert made["run_id"] not in [fence["value"] for fence in product.ask("fences")]
    assert made["n"] in [one["n"] for one in product.ask("drill", "--list")]


def test_drill_needs_somebody_who_may_kill(product: Product) -> None:
    """It stops only its own run, but it is a kill."""
    assert 4 == product.call("drill", "--as", "demo.approver").returncode


async def test_drill_that_is_too_slow_fails_and_says_which_phase(gateway: Gateway) -> None:
    """Recorded all the same: a record of passed drills alone would prove nothing."""
    made = await drill(gateway, DRILLER, DrillLimits(stopped_s=0.0001))
    assert (False, True) == (made.passed, "stopping the tool took" in made.note)
    assert "closing" not in made.note
    assert made == (await gateway.store.drills.newest(1))[0]


async def test_drill_whose_run_comes_to_nothing_fails_and_leaves_nothing_open(gateway: Gateway) -> None:
    """As without a worker: the run is killed all the same."""
    made = await drill(gateway, DRILLER, DrillLimits(begin_s=0))
    assert (False, True) == (made.passed, "is there a worker?" in made.note)
    assert made.run_id is not None
    async with asyncio.timeout(30):
        while (await gateway.store.archive.run(made.run_id)).status is not RunStatus.KILLED:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.1)


async def test_schedule_drills_when_one_is_due_and_shows_what_is_on_record(product: Product, gateway: Gateway) -> None:
    """One gateway drills; every gateway exports phases, the last success, and how often drills are to be made."""
    database_url = Settings.load(product.environ, ROOT).endpoints().database_url
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE proctor.drill_lease SET until = '-infinity'")
    first, second = CollectorRegistry(), CollectorRegistry()
    schedules = [DrillSchedule(gateway, DrillMetrics(registry), every_s=0.001) for registry in (first, second)]
    made = [await schedule.look() for schedule in schedules]
    assert [True, False] == [one is not None for one in made]
    assert made[0] is not None
    for registry in (first, second):
        shown = {phase: registry.get_sample_value("proctor_kill_drill_seconds", {"phase": phase}) for phase in
                 ("fence", "stopped", "closed")}  # fmt: skip
        assert {"fence": made[0].fence_s, "stopped": made[0].stopped_s, "closed": made[0].closed_s} == shown
        last = registry.get_sample_value("proctor_kill_drill_last_success_timestamp")
        assert made[0].at.timestamp() == last


async def test_nobody_without_the_role_drills(gateway: Gateway) -> None:
    """Nothing is started for them."""
    before = await gateway.store.drills.newest(1)
    with pytest.raises(NotAuthorised):
        await drill(gateway, Principal(name=PrincipalName("eve"), roles=frozenset({Role.APPROVER})))
    assert before == await gateway.store.drills.newest(1)
