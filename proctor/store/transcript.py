"""What happened in a run so far, in Postgres."""

from collections.abc import Sequence

from proctor.contracts.ids import RunId
from proctor.contracts.planning import Observation
from proctor.store.database import Database
from proctor.store.rows import to_observation


class PostgresTranscript:
    """Implements `Transcript` for one run."""

    def __init__(self, database: Database, run_id: RunId) -> None:
        """Take the database and the run."""
        self._database, self._run_id = database, run_id

    async def latest(self, nodes: Sequence[str]) -> dict[str, Observation]:
        """Give the newest entry, not a proposal, of each named node that has one."""
        rows = await self._database.rows("transcript_latest", self._run_id, list(nodes))
        return {row["node"]: to_observation(row) for row in rows}

    async def newest(self) -> Observation | None:
        """Give the newest entry that is not a proposal."""
        row = await self._database.row("transcript_newest", self._run_id)
        return None if row is None else to_observation(row)

    async def since(self, n: int) -> list[Observation]:
        """Give every entry from position `n` on, in order."""
        return [to_observation(row) for row in await self._database.rows("transcript_since", self._run_id, n)]

    async def all(self) -> list[Observation]:
        """Give every entry in order. Cost grows with the run."""
        return [to_observation(row) for row in await self._database.rows("transcript_all", self._run_id)]
