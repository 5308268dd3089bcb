"""Where people are written to, and what about; in Postgres."""

from proctor.contracts.events import Addressee
from proctor.contracts.human import Role
from proctor.contracts.ids import AgentName, PrincipalName, RunId
from proctor.store.database import Database


class PostgresAddresses:
    """Implements `Addresses`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def addressees(self, agent: AgentName | None) -> list[Addressee]:
        """List enabled principals that are linked to e-mail addresses."""
        return [
            Addressee(
                principal=PrincipalName(row["name"]),
                roles=frozenset(Role(role) for role in row["roles"]),
                address=row["subject"],
                stands_in_for=tuple(PrincipalName(name) for name in row["names"]),
                roles_stood_in_for=frozenset(Role(role) for role in row["stood_roles"] if role is not None),
            )
            for row in await self._database.rows("addressees", agent)
        ]

    async def notices(self, run_id: RunId, step: int, call: int) -> dict[PrincipalName, str]:
        """Give what people are to be told of a dispatched call, by their names."""
        rows = await self._database.rows("notices_of_call", run_id, step, call)
        return {PrincipalName(row["who"]): row["text"] for row in rows}

    async def authors(self, run_id: RunId, step: int, call: int) -> frozenset[PrincipalName]:
        """Name the people who wrote a call, and so do not approve it."""
        found = await self._database.value("authors_of_call", run_id, step, call)
        return frozenset(PrincipalName(name) for name in found or ())
