"""Reminders of requests that wait: after three quarters of their time, before its end, once, and of open ones alone."""

import psycopg
import pytest

from proctor.contracts.decision import Verdict
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import open_scene

AGED = """
UPDATE proctor.request
SET created_at = now() - %s * interval '1 minute', expires_at = now() + %s * interval '1 minute'
"""


async def _reminded(store: PostgresStore) -> list[str | None]:
    return [one.request_id for one in await store.outbox.events(limit=500) if one.kind == "request_waiting"]


def _age(dsn: str, waited_min: float, left_min: float) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(AGED, (waited_min, left_min))


@pytest.mark.parametrize(("waited_min", "left_min", "is_told"), [(74, 26, False), (76, 24, True), (100, -0.01, False)])
async def test_a_reminder_is_neither_early_nor_late(
    store: PostgresStore, dsn: str, waited_min: float, left_min: float, *, is_told: bool
) -> None:
    """At 74 hundredths of its time nobody is told, at 76 they are, and after its end there is nothing to decide."""
    (request,) = await (await open_scene(store)).plan(Verdict.REQUIRE_APPROVAL)
    _age(dsn, waited_min, left_min)
    assert int(is_told) == await store.outbox.remind()
    assert [request.id] * is_told == await _reminded(store)


@pytest.mark.parametrize("word", ["approve", "deny"])
async def test_nobody_is_reminded_of_what_is_decided(store: PostgresStore, dsn: str, word: str) -> None:
    """Of two requests only the one that is open."""
    scene = await open_scene(store)
    decided, waits = await scene.plan(Verdict.REQUIRE_APPROVAL, Verdict.REQUIRE_APPROVAL)
    await scene.decide(decided.id, word)
    _age(dsn, 90, 10)
    assert [1, 0] == [await store.outbox.remind() for _ in range(2)]
    assert [waits.id] == await _reminded(store)
