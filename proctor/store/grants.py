"""Standing grants on Postgres."""

from proctor.contracts.approving import Grant
from proctor.contracts.errors import NotAuthorised, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName
from proctor.store.changes import Changes
from proctor.store.database import Connection, Database
from proctor.store.granting import audit_revocation
from proctor.store.locked import LockedRun, lock_run
from proctor.store.queries import query
from proctor.store.rows import to_grant
from proctor.store.storable import clean

SHORTEST_PREFIX = 6


class PostgresGrants:
    """Implements `Grants`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def grants(self, agent: AgentName | None = None, *, live_only: bool = True) -> list[Grant]:
        """List grants, newest first."""
        return [to_grant(row) for row in await self._database.rows("standing_grants", agent, live_only)]

    async def grant(self, grant_id: str) -> Grant:
        """Find a grant by its id or a unique prefix of at least 6 characters. Raises `UnknownName`."""
        rows = await self._database.rows("standing_grants_by_prefix", clean(grant_id), SHORTEST_PREFIX)
        exact = [row for row in rows if row["id"] == grant_id]
        if len(exact or rows) != 1:
            problem = "several grants begin with" if rows else "there is no grant"
            raise UnknownName(f"{problem} {grant_id}", hint="list the grants, and name one by its id")
        return to_grant((exact or rows)[0])

    async def revoke(self, grant_id: str, by: Principal, reason: str = "") -> Grant:
        """End a grant; as the port says."""
        grant = await self.grant(grant_id)
        request = await self._database.row("request", grant.request_id)
        assert request is not None
        async with self._database.transaction() as connection:
            locked = await lock_run(connection, request["run_id"])
            objection = _objection(grant, locked, by)
            ended = grant if objection else await _end(connection, locked, grant, by, reason)
            if objection:
                changes = Changes.to(locked)
                audit_revocation(changes, grant, by, reason, refused=objection)
                await changes.write(connection)
        if objection:
            # Raised after the commit: that somebody tried stays on record.
            raise NotAuthorised(objection, hint="its author, the agent's owner or an operator ends a grant")
        return ended


async def _end(connection: Connection, locked: LockedRun, grant: Grant, by: Principal, reason: str) -> Grant:
    row = await connection.fetchrow(query("revoke_grant"), grant.id, locked.at, by.name)
    if row is None:
        (known,) = await connection.fetch(query("standing_grants_by_prefix"), grant.id, SHORTEST_PREFIX)
        return to_grant(known)
    ended, changes = to_grant(row), Changes.to(locked)
    audit_revocation(changes, ended, by, reason)
    await changes.write(connection)
    return ended


def _objection(grant: Grant, locked: LockedRun, by: Principal) -> str | None:
    if by.name in {grant.by, locked.run["owner"]} or Role.OPERATOR in by.roles:
        return None
    return f"{by.name} did not give this grant, and is neither the agent's owner nor an operator"
