"""A full-text corpus, in Postgres."""

from collections.abc import Sequence
from typing import Any

from proctor.contracts.errors import InvalidInput
from proctor.store.database import Database
from proctor.store.storable import clean

_FIELDS = ("id", "title", "body")


class PostgresKnowledge:
    """Implements `Knowledge`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def search(self, query: str, limit: int) -> list[dict[str, Any]]:
        """Find documents with all words of the query, or, when there are none, with any; best first."""
        rows = await self._database.rows("search_documents", clean(query), limit)
        return [{**dict(row), "updated_at": row["updated_at"].isoformat()} for row in rows]

    async def load(self, documents: Sequence[dict[str, str]]) -> int:
        """Add or replace documents; gives how many changed. Raises `InvalidInput`."""
        by_id: dict[str, dict[str, str]] = {}
        for document in documents:
            missing = [name for name in _FIELDS if not isinstance(document.get(name), str)]
            if missing:
                raise InvalidInput(f"a document lacks {', '.join(missing)}", hint="give id, title and body as text")
            by_id[document["id"]] = {name: clean(document[name]) for name in _FIELDS}
        return int(await self._database.value("load_documents", list(by_id.values())))
