"""Messages of chats that were taken up, in Postgres."""

import hashlib

from proctor.store.database import Database


class PostgresSeenMessages:
    """Implements `SeenMessages`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def is_new(self, source: str, key: str, keep_s: float) -> bool:
        """Remember a message for so long; False when it was remembered before. Raises `Unavailable`."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        return bool(await self._database.value("note_message", source, digest, keep_s))
