"""Public keys of approvers, in Postgres."""

from datetime import datetime, timedelta

from proctor.contracts.approving import KEY_RESTS_S, ApproverKey, key_text
from proctor.contracts.audit import INSTALLATION
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.human import Principal, Role, Signature
from proctor.contracts.ids import PrincipalName
from proctor.store.approvals import to_key
from proctor.store.chains import append, lock_agent
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.signatures import is_signed, key_id_of
from proctor.store.storable import clean

ENROLMENT = "enrolment"


class PostgresApproverKeys:
    """Implements `ApproverKeys`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def enrol(self, principal: PrincipalName, public_key: str, label: str = "") -> ApproverKey:
        """Register a key for whoever sets up the installation; it counts at once."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            return await _keep(connection, end, principal, public_key, label, vouched_by=ENROLMENT)

    async def add(
        self, public_key: str, by: Principal, *, label: str = "", introduced: Signature | None = None
    ) -> ApproverKey:
        """Register a key of one's own; as the port says."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            older = None if introduced is None else await _introducing(connection, introduced, public_key, by)
            if introduced is None or older is not None:
                return await _keep(connection, end, by.name, public_key, label, vouched_by=older)
            tried = {"key": key_id_of(public_key), "principal": by.name, "introduced_by": clean(introduced.key_id)}
            await append(connection, INSTALLATION, end, ("key_refused", tried))
        # Raised after the commit: that somebody tried stays on record.
        raise NotAuthorised(
            f"no key of {by.name} that counts has signed this one",
            hint="sign it with an older key of yours, or add it without: then it counts after a day",
        )

    async def vouch(self, key_id: str, by: Principal) -> ApproverKey:
        """Let another person's new key count from now on; as the port says."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            key = to_key(await _find(connection, key_id))
            if Role.OWNER not in by.roles or by.name == key.principal:
                raise NotAuthorised(f"{by.name} may not vouch for this key", hint="another person who is an owner may")
            if key.revoked_at is not None:
                raise Refused(f"the key {key.id} is revoked", hint="make another one")
            at = await connection.fetchval(query("now"))
            if key.valid_from <= at:
                return key
            await _write(connection, end, "key_vouched_for", key, by=by.name)
            return to_key(await connection.fetchrow(query("vouch_for_key"), key.id, at, by.name))

    async def revoke(self, key_id: str, by: Principal) -> ApproverKey:
        """End a key; as the port says."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            key = to_key(await _find(connection, key_id))
            if by.name != key.principal and Role.OWNER not in by.roles:
                raise NotAuthorised(f"{by.name} may not revoke a key of {key.principal}", hint="an owner may")
            if key.revoked_at is not None:
                return key
            await _write(connection, end, "key_revoked", key, by=by.name)
            at = await connection.fetchval(query("now"))
            return to_key(await connection.fetchrow(query("revoke_approver_key"), key.id, at))

    async def keys(self, principal: PrincipalName | None = None, *, live_only: bool = True) -> list[ApproverKey]:
        """List keys, oldest first."""
        name = None if principal is None else clean(principal)
        return [to_key(row) for row in await self._database.rows("approver_keys", name, live_only)]


async def _introducing(connection: Connection, introduced: Signature, public_key: str, by: Principal) -> str | None:
    """Give the id of the person's key that signed the new one, if it counts; None otherwise."""
    row = await connection.fetchrow(query("approver_key"), clean(introduced.key_id))
    if row is None:
        return None
    key, at = to_key(row), await connection.fetchval(query("now"))
    counts = key.principal == by.name and key.valid_from <= at and key.revoked_at is None
    text = key_text(public_key, by.name)
    return key.id if counts and is_signed(text, introduced.value, key.public_key) else None


async def _keep(
    connection: Connection, end: Row, principal: PrincipalName, public_key: str, label: str, *, vouched_by: str | None
) -> ApproverKey:
    key_id = key_id_of(public_key)
    known = await connection.fetchrow(query("approver_key"), key_id)
    if known is not None:
        return _same(to_key(known), principal)
    if await connection.fetchrow(query("principal_by_name"), clean(principal)) is None:
        raise UnknownName(f"there is no principal {principal}", hint="`proctor principals add` makes one")
    at: datetime = await connection.fetchval(query("now"))
    counts_from = at if vouched_by else at + timedelta(seconds=KEY_RESTS_S)
    fields = (key_id, principal, public_key, clean(label), at, counts_from, vouched_by)
    key = to_key(await connection.fetchrow(query("insert_approver_key"), *fields))
    await _write(connection, end, "key_added", key, by=principal)
    return key


def _same(key: ApproverKey, principal: PrincipalName) -> ApproverKey:
    if key.principal != principal or key.revoked_at is not None:
        whose = "revoked" if key.principal == principal else "another principal's"
        raise Refused(f"the key {key.id} is {whose}", hint="make another one")
    return key


async def _find(connection: Connection, key_id: str) -> Row:
    row = await connection.fetchrow(query("approver_key"), clean(key_id))
    if row is None:
        raise UnknownName(f"there is no key {key_id}", hint="list the keys, and name one by its id")
    return row


async def _write(connection: Connection, end: Row, kind: str, key: ApproverKey, *, by: str) -> None:
    said = {"key": key.id, "principal": key.principal, "public_key": key.public_key, "vouched_by": key.vouched_by}
    await append(connection, INSTALLATION, end, (kind, {**said, "valid_from": key.valid_from, "by": by}))
