"""`python -m benchmarks approvals`: altered approvals, and races of approve and deny, on a Postgres of their own."""

from pathlib import Path
from typing import Any

from benchmarks.approvals.mutations import executions
from benchmarks.approvals.races import race_many
from benchmarks.approvals.subjects import ONE_PERSON, TWO_SIGNED, approved, opened_store
from benchmarks.figures import Figure, Goal
from benchmarks.scale import Scale
from proctor.contracts.human import RequestState
from proctor.store.database import Database
from proctor.store.migrate import migrate
from workers.embedded.postgres import EmbeddedPostgres

NONE = Goal(0, "at_most")
WAYS: dict[str, list[dict[str, Any]]] = {"one person": ONE_PERSON, "two who sign": TWO_SIGNED}


async def measure_approvals(folder: Path, scale: Scale) -> list[Figure]:
    """Alter approved requests, and let people contradict each other."""
    server = EmbeddedPostgres(durable=False)
    try:
        dsn = server.start(folder / "data")
        migrate(dsn)
        return [*await _altered(dsn, folder, scale.alterations), *await _races(dsn, scale.races)]
    finally:
        server.stop()


async def _altered(dsn: str, folder: Path, each: int) -> list[Figure]:
    figures: list[Figure] = []
    database = await Database.connect(dsn, min_size=1, max_size=1)
    async with opened_store(dsn) as store:
        for name, obligations in WAYS.items():
            subject = await approved(store, folder, name.replace(" ", "-"), obligations)
            found = await executions(subject, database, each=each)
            cases = sum(tried for tried, _ in found.values())
            carried_out = sum(number for _, number in found.values())
            figures.append(_figure(f"{name}: altered in {len(found)} fields", "cases", cases))
            figures.append(_figure(f"{name}: carried out", "calls", carried_out, NONE))
    await database.close()
    return figures


async def _races(dsn: str, number: int) -> list[Figure]:
    async with opened_store(dsn) as store:
        races = await race_many(store, number)
    denied = sum(race.state is RequestState.DENIED for race in races)
    return [
        _figure("approve and deny at once", "races", len(races)),
        _figure("of them denied in the end", "races", denied),
        _figure("without exactly one winner on record", "races", sum(not race.is_sound for race in races), NONE),
    ]


def _figure(name: str, unit: str, value: float, goal: Goal | None = None) -> Figure:
    return Figure("approvals", name, unit, "proctor", (value,), goal)
