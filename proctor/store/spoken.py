"""What people said on requests, from Postgres."""

from collections.abc import Sequence

from proctor.contracts.ids import RequestId
from proctor.contracts.stages import SpokenWord
from proctor.store.approvals import to_word
from proctor.store.database import Database
from proctor.store.storable import clean


class PostgresSpokenWords:
    """Implements `SpokenWords`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def words(self, request_id: RequestId) -> Sequence[SpokenWord]:
        """List every decision on a request in order."""
        return [to_word(row) for row in await self._database.rows("words", clean(request_id))]
