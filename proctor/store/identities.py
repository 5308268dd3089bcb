"""Who principals are in other systems, in Postgres."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from proctor.contracts.audit import INSTALLATION
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.identity_ports import Identity, OtherSystem
from proctor.contracts.ids import PrincipalName
from proctor.store.chains import append, lock_agent
from proctor.store.database import Database
from proctor.store.queries import query
from proctor.store.rows import Row

_FIELDS = tuple(Identity.model_fields)
_FORMS: Final[Mapping[OtherSystem, tuple[re.Pattern[str], str]]] = {
    "slack": (re.compile(r"[A-Z0-9]+/[A-Z0-9]+"), "workspace and user: T0123ABCD/U0456EFGH"),
    "matrix": (re.compile(r"@[^\s:]+:\S+"), "@maria:example.org"),
    "email": (re.compile(r"[^\s@]+@[^\s@]+"), "maria@example.org"),
    "oidc": (
        re.compile(r"https?://\S+ \S.*"),
        "the issuer's address, a space, and its subject: https://id.example.org 1f0c",
    ),
}
"""What a subject looks like there. Another one would be kept, and nobody would ever come in by it."""


class PostgresIdentities:
    """Implements `Identities`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def principal_of(self, system: OtherSystem, subject: str) -> Principal | None:
        """Give the enabled principal that a subject is linked to; None: nobody."""
        if not _is_plain(subject):
            return None
        row = await self._database.row("principal_by_identity", system, _normal(system, subject))
        if row is None:
            return None
        return Principal(name=row["name"], roles=frozenset(Role(role) for role in row["roles"]))

    async def link(self, system: OtherSystem, subject: str, principal: PrincipalName, by: Principal) -> Identity:
        """Link a subject; as the port says."""
        if Role.OWNER not in by.roles:
            raise NotAuthorised(f"{by.name} may not say who somebody is elsewhere", hint="an owner may")
        if not _is_plain(subject):
            raise InvalidInput("the subject holds characters that cannot be seen", hint="copy it from the other system")
        known = _normal(system, subject)
        form, example = _FORMS[system]
        if form.fullmatch(known) is None:
            raise InvalidInput(f"{subject} is nobody's name in {system}", hint=f"write {example}")
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            if not _is_plain(principal) or not await connection.fetchrow(query("principal_standing"), principal):
                raise UnknownName(f"there is no principal {principal}", hint="`proctor principals add` makes one")
            row = await connection.fetchrow(query("insert_identity"), system, known, principal, by.name)
            if row is None:
                found = _to_identity(await connection.fetchrow(query("identities"), None, system, known))
                if found.principal != principal:
                    raise Refused(f"{system} {known} is {found.principal} already", hint="unlink it first")
                return found
            said = {"system": system, "subject": known, "principal": principal, "by": by.name}
            await append(connection, INSTALLATION, end, ("identity_linked", said))
            return _to_identity(row)

    async def unlink(self, system: OtherSystem, subject: str, by: Principal) -> Identity:
        """Take a link away; as the port says."""
        known = _normal(system, subject)
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            row = await connection.fetchrow(query("identities"), None, system, known) if _is_plain(known) else None
            if row is None or (row["principal"] != by.name and not by.roles & {Role.OWNER, Role.AUDITOR}):
                raise UnknownName(f"nobody is {system} {subject}", hint="`proctor principals links` lists them")
            if row["principal"] != by.name and Role.OWNER not in by.roles:
                raise NotAuthorised(f"{by.name} may not unlink {row['principal']}", hint="an owner may")
            await connection.execute(query("delete_identity"), system, known)
            said = {"system": system, "subject": known, "principal": row["principal"], "by": by.name}
            await append(connection, INSTALLATION, end, ("identity_unlinked", said))
            return _to_identity(row)

    async def identities(self, principal: PrincipalName | None = None) -> Sequence[Identity]:
        """List links, of one principal or of all."""
        if principal is not None and not _is_plain(principal):
            return []
        return [_to_identity(row) for row in await self._database.rows("identities", principal, None, None)]


def _normal(system: OtherSystem, subject: str) -> str:
    """Give the one way to write a subject: the case of addresses says nothing, that of everything else does."""
    return subject.lower() if system == "email" else subject


def _is_plain(subject: str) -> bool:
    return subject.isprintable()


def _to_identity(row: Row) -> Identity:
    return Identity.model_validate({name: row[name] for name in _FIELDS})
