"""Keys of programs, in Postgres."""

import hmac
from collections.abc import Sequence

import asyncpg

from proctor.contracts.audit import INSTALLATION
from proctor.contracts.errors import InvalidInput, NotAuthorised, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.identity_ports import ApiKey, NewApiKey
from proctor.contracts.ids import PrincipalName
from proctor.store.chains import append, lock_agent
from proctor.store.database import Database
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.storable import clean

_FIELDS = tuple(ApiKey.model_fields)
_NOBODY = "0" * 64
"""Compared with when there is no such key, so that the answer takes as long."""


class PostgresApiKeys:
    """Implements `ApiKeys`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def create(self, key: NewApiKey, by: Principal) -> ApiKey:
        """Keep a new key; as the port says."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            _check_maker(key, by, await connection.fetchrow(query("principal_standing"), clean(key.principal)))
            fields = (key.id, key.principal, key.secret_sha256, sorted(key.roles), clean(key.label), by.name)
            try:
                row = await connection.fetchrow(query("insert_api_key"), *fields, float(key.for_s), by.key_until)
            except asyncpg.UniqueViolationError as error:
                raise InvalidInput(f"there is a key {key.id} already", hint="make it again") from error
            made = _to_key(row)
            said = {"key": made.id, "principal": made.principal, "roles": sorted(made.roles), "by": by.name}
            await append(
                connection, INSTALLATION, end, ("api_key_created", {**said, "until": made.expires_at.isoformat()})
            )
            return made

    async def authenticate(self, key_id: str, secret_sha256: str) -> Principal:
        """Give the principal of a live key; as the port says."""
        row = await self._database.row("api_key_for_entry", clean(key_id))
        is_right = hmac.compare_digest(_NOBODY if row is None else row["secret_sha256"], secret_sha256)
        if row is None or not is_right or not row["is_live"]:
            raise NotAuthorised(
                "this API key lets nobody in", hint="it may have expired or been revoked: make a new one"
            )
        if row["is_stale"]:
            await self._database.value("note_api_key_use", key_id)
        whole = frozenset(Role(role) for role in row["principal_roles"])
        roles = frozenset(Role(role) for role in row["roles"]) & whole
        return Principal(name=row["name"], roles=roles, is_narrowed=roles != whole, key_until=row["expires_at"])

    async def keys(self, principal: PrincipalName | None = None) -> Sequence[ApiKey]:
        """List keys, newest first, of one principal or of all."""
        who = None if principal is None else clean(principal)
        return [_to_key(row) for row in await self._database.rows("api_keys", who, None)]

    async def revoke(self, key_id: str, by: Principal) -> ApiKey:
        """End a key at once; as the port says."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            row = await connection.fetchrow(query("api_keys"), None, clean(key_id))
            if row is None or (row["principal"] != by.name and not by.roles & {Role.OWNER, Role.AUDITOR}):
                raise UnknownName(f"there is no API key {key_id}", hint="`proctor api-keys ls` lists them")
            if row["principal"] != by.name and Role.OWNER not in by.roles:
                raise NotAuthorised(f"{by.name} may not revoke keys of {row['principal']}", hint="its owner may")
            if row["revoked_at"] is not None:
                return _to_key(row)
            ended = _to_key(await connection.fetchrow(query("revoke_api_key"), key_id, by.name))
            said = {"key": ended.id, "principal": ended.principal, "by": by.name}
            await append(connection, INSTALLATION, end, ("api_key_revoked", said))
            return ended


def _check_maker(key: NewApiKey, by: Principal, standing: Row | None) -> None:
    """Let people make keys for themselves, and owners for services: never a key that acts as somebody else."""
    is_own = key.principal == by.name
    if not is_own and Role.OWNER not in by.roles:
        raise NotAuthorised(f"{by.name} may not make keys for others", hint="an owner may, for services")
    if standing is None:
        raise UnknownName(f"there is no principal {key.principal}", hint="`proctor principals add` makes one")
    if not is_own and not standing["is_service"]:
        raise NotAuthorised(
            f"{key.principal} is a person, who alone makes their keys",
            hint="`proctor principals add NAME --service` makes a service",
        )
    # By whoever holds a narrow key, no wider one can be made.
    most = by.roles if is_own else frozenset(Role(role) for role in standing["roles"])
    if not key.roles or not key.roles <= most:
        raise InvalidInput(
            f"a key of {key.principal} can have the roles {', '.join(sorted(most)) or 'none'}", hint="name some of them"
        )


def _to_key(row: Row) -> ApiKey:
    return ApiKey.model_validate({name: row[name] for name in _FIELDS})
