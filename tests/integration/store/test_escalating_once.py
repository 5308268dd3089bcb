"""An escalation that is due is made exactly once, whoever looks, however often and at the same time."""

import asyncio
from datetime import timedelta

import psycopg

from proctor.contracts.ids import RequestId
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import Scene
from tests.integration.store.test_governed_runs import REQUEST
from tests.integration.store.test_standing_in import escalated


async def _made(store: PostgresStore, scene: Scene) -> list[tuple[list[str], int]]:
    told = [one.body for one in await store.archive.audit(scene.run_id) if one.kind == "approval_escalated"]
    return [(body["to"], body["n"]) for body in told]


async def _look(store: PostgresStore, scene: Scene, *, times: int = 1) -> None:
    await asyncio.gather(*(store.journal.read_request(scene.ask_about(REQUEST)) for _ in range(times)))


async def test_a_later_escalation_does_not_make_the_earlier_one_again(store: PostgresStore, dsn: str) -> None:
    """Each is on record once, in its order, and then there is none left."""
    scene = await escalated(store, dsn)
    for _ in range(2):
        await _look(store, scene)
    assert [(["olga"], 0)] == await _made(store, scene)
    with psycopg.connect(dsn) as connection:
        older = "UPDATE proctor.request SET created_at = created_at - %s, next_at = next_at - %s"
        connection.execute(older, [timedelta(hours=1)] * 2)
    for _ in range(2):
        await _look(store, scene)
    assert [(["olga"], 0), (["otto"], 1)] == await _made(store, scene)
    request = await store.people.request(RequestId(REQUEST))
    assert (2, None) == (request.escalated, request.next_at)


async def test_those_who_look_at_the_same_time_make_it_once(store: PostgresStore, dsn: str) -> None:
    """Each reads the request after it holds the run's lock."""
    scene = await escalated(store, dsn, after_s=3700)
    await _look(store, scene, times=8)
    assert [(["olga"], 0), (["otto"], 1)] == await _made(store, scene)
