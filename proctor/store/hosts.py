"""The audit of hosts, in Postgres: one chain for each."""

from typing import Any

from proctor.contracts.host_ports import host_chain
from proctor.store.chains import append, lock_agent
from proctor.store.database import Database


class PostgresHostRecord:
    """Implements `HostRecord`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def record_sandbox(self, host: str, *, holds: bool, body: dict[str, Any]) -> None:
        """Append what a proof of the sandbox came to; as the port says."""
        chain = host_chain(host)
        kind = "sandbox_proved" if holds else "sandbox_escaped"
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, chain)
            await append(connection, chain, end, (kind, {"host": host, **body}))
