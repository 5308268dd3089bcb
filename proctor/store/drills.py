"""Drills of the kill switch, in Postgres."""

from collections.abc import Sequence

from proctor.contracts.drilling import Drill, DrillReport
from proctor.store.database import Database
from proctor.store.queries import query
from proctor.store.storable import clean


class PostgresDrills:
    """Implements `Drills`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def claim(self, holder: str, every_s: float, lease_s: float) -> bool:
        """Take the next drill for `holder`, if one is due and nobody has it."""
        return bool(await self._database.value("claim_drill", holder, every_s, lease_s))

    async def record(self, report: DrillReport) -> Drill:
        """Keep what a drill measured. Append-only."""
        values = (report.by, report.run_id, report.passed, report.fence_s, report.stopped_s, report.closed_s)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("insert_drill"), *values, clean(report.note))
        assert row is not None
        return Drill.model_validate(dict(row))

    async def newest(self, limit: int = 20) -> Sequence[Drill]:
        """List drills, newest first."""
        rows = await self._database.rows("drills", False, limit)
        return [Drill.model_validate(dict(row)) for row in rows]

    async def last_success(self) -> Drill | None:
        """Give the newest drill that passed."""
        row = await self._database.row("drills", True, 1)
        return None if row is None else Drill.model_validate(dict(row))
