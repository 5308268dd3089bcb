"""The audit trail in the database: it comes back as written, and what is done to it is found."""

import asyncio

import psycopg
import pytest

from proctor.contracts.audit import find_breaks
from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Admitted
from proctor.contracts.run import RunStatus
from proctor.contracts.tool import Confirmed
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, Scene, open_scene

SUPERUSER = "SET session_replication_role = replica"
"""Switches triggers off: only whoever owns the server can."""
SWAPPED = """
    UPDATE proctor.audit SET n = CASE n WHEN 3 THEN 104 ELSE 103 END WHERE n IN (3, 4);
    UPDATE proctor.audit SET n = n - 100 WHERE n > 100
"""
SLIPPED_IN = """
    INSERT INTO proctor.audit
    SELECT run_id, n + 1, at, 'slipped_in', body, hash, hash FROM proctor.audit ORDER BY n DESC LIMIT 1
"""


async def _lived(store: PostgresStore) -> Scene:
    scene = await open_scene(store, input={"float": 1e300, "small": 5e-324, "name": "Zoë ☕\x00"})
    await scene.plan(Verdict.ALLOW, Verdict.REQUIRE_APPROVAL)
    assert isinstance(await store.journal.begin_effect(scene.call(), ALLOW), Admitted)
    await store.journal.settle_effect(scene.call(), Confirmed(result=0.1 + 0.2), final=True)
    await scene.decide("req-run1-0-1", "deny", reason="nul\x00 and ☕ and \u2028")
    await store.journal.close_run(scene.run_id, RunStatus.COMPLETED, "done")
    return scene


async def _breaks(scene: Scene) -> list[str]:
    head = await scene.store.archive.recorded_head(scene.run_id)
    assert head is not None
    return find_breaks(scene.run_id, await scene.store.archive.audit(scene.run_id), [head])


async def test_a_chain_read_back_proves_itself(store: PostgresStore) -> None:
    """Floats, money, unicode and times come back so that every hash holds."""
    scene = await _lived(store)
    assert [] == await _breaks(scene)
    assert {"float": 1e300, "small": 5e-324, "name": "Zoë ☕\x00"} == (
        await store.journal.plan_facts(scene.step())
    ).input


async def test_concurrent_writers_keep_one_chain(store: PostgresStore) -> None:
    """Calls that settle at the same time do not fork the chain."""
    scene = await open_scene(store)
    await scene.plan(*[Verdict.ALLOW] * 16)

    async def live(call: int) -> None:
        await store.journal.begin_effect(scene.call(0, call), ALLOW)
        await store.journal.settle_effect(scene.call(0, call), Confirmed(result=call), final=True)

    await asyncio.gather(*(live(call) for call in range(16)))
    assert [] == await _breaks(scene)
    assert 16 == (await scene.kinds()).count("effect_confirmed")
    entries = await store.archive.observations(scene.run_id)
    assert list(range(17)) == [entry.n for entry in entries]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE proctor.audit SET body = '{}' WHERE n = 3",
        "UPDATE proctor.audit SET at = at + interval '1 microsecond' WHERE n = 3",
        "DELETE FROM proctor.audit WHERE n = 3",
        "DELETE FROM proctor.audit WHERE n = (SELECT max(n) FROM proctor.audit)",
        "DELETE FROM proctor.audit",
        SWAPPED,
        SLIPPED_IN,
    ],
    ids=["edit", "time", "delete", "truncate", "empty", "reorder", "insert"],
)
async def test_tampering_is_found(store: PostgresStore, dsn: str, tampering: str) -> None:
    """Even the server's owner cannot change the trail unseen, the newest record included."""
    scene = await _lived(store)
    with psycopg.connect(dsn) as connection:
        connection.execute(SUPERUSER)
        for statement in tampering.split(";"):
            connection.execute(statement)
    assert await _breaks(scene)


async def test_audit_bodies_hold_no_content(store: PostgresStore) -> None:
    """References, decisions and summaries: arguments, results and input stay in the content store (rule 10)."""
    scene = await _lived(store)
    text = "".join(record.model_dump_json() for record in await store.archive.audit(scene.run_id))
    for content in ("café", "0.30000000000000004", "Zoë", "mend it"):
        assert content not in text
