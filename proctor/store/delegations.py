"""Who decides in whose place, in Postgres."""

import secrets
from datetime import datetime, timedelta

from proctor.contracts.approving import LONGEST_DELEGATION_S, Delegation
from proctor.contracts.audit import INSTALLATION
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, NotAuthorised, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName, PrincipalName
from proctor.store.chains import append, lock_agent
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.storable import clean

_FIELDS = tuple(Delegation.model_fields)


class PostgresDelegations:
    """Implements `Delegations`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def delegate(
        self, to: PrincipalName, until: datetime, by: Principal, *, agent: AgentName | None = None, reason: str = ""
    ) -> Delegation:
        """Let somebody decide in one's own place; as the port says."""
        if to == by.name:
            raise InvalidInput("nobody stands for themselves", hint="name another person")
        if by.is_narrowed:
            raise NotAuthorised(
                f"{by.name} came in by a key with fewer roles than theirs, and a delegation hands on all of them",
                hint="use your own token",
            )
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            at: datetime = await connection.fetchval(query("now"))
            if not at < until <= at + timedelta(seconds=LONGEST_DELEGATION_S):
                days = LONGEST_DELEGATION_S // 86_400
                raise InvalidInput(f"a delegation ends in the future, and within {days} days", hint="give another date")
            standing = await connection.fetchrow(query("principal_standing"), clean(to))
            if standing is None:
                raise UnknownName(f"there is no principal {to}", hint="`proctor principals add` makes one")
            if standing["is_service"]:
                raise InvalidInput(f"{to} is a service, and services do not decide", hint="name a person")
            fields = (f"del-{secrets.token_hex(6)}", by.name, to, agent and clean(agent), clean(reason), at, until)
            made = _to_delegation(await connection.fetchrow(query("insert_delegation"), *fields))
            await _write(connection, end, "delegation_made", made, by)
        return made

    async def revoke(self, delegation_id: str, by: Principal) -> Delegation:
        """End a delegation; as the port says."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            row = await connection.fetchrow(query("delegations"), None, False, clean(delegation_id))
            if row is None:
                raise UnknownName(f"there is no delegation {delegation_id}", hint="list the delegations")
            known = _to_delegation(row)
            if by.name not in {known.principal, known.to} and Role.OWNER not in by.roles:
                raise NotAuthorised(f"{by.name} may not end this delegation", hint="either of the two, or an owner may")
            if known.revoked_at is not None:
                return known
            at = await connection.fetchval(query("now"))
            ended = _to_delegation(await connection.fetchrow(query("revoke_delegation"), known.id, at))
            await _write(connection, end, "delegation_revoked", ended, by)
        return ended

    async def delegations(self, principal: PrincipalName | None = None, *, live_only: bool = True) -> list[Delegation]:
        """List delegations, newest first."""
        name = None if principal is None else clean(principal)
        return [_to_delegation(row) for row in await self._database.rows("delegations", name, live_only, None)]


async def _write(connection: Connection, end: Row, kind: str, made: Delegation, by: Principal) -> None:
    said = made.model_dump(mode="json", exclude={"id", "reason", "revoked_at"})
    body = {**said, "delegation": made.id, "reason": summarize(made.reason), "by": by.name}
    await append(connection, INSTALLATION, end, (kind, body))


def _to_delegation(row: Row) -> Delegation:
    return Delegation.model_validate({name: row[name] for name in _FIELDS})
