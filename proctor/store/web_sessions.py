"""Sessions of the approval page, in Postgres."""

from typing import Any

from proctor.contracts.audit import INSTALLATION
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.session_ports import (
    FRESH_S,
    IDLE_S,
    SESSION_S,
    SIGN_IN_S,
    BegunSignIn,
    Credential,
    SignIn,
    WebSession,
)
from proctor.store.chains import append, lock_agent
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import Row


class PostgresWebSessions:
    """Implements `WebSessions`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def open(
        self, principal: PrincipalName, credential: Credential, secret_sha256: str, *, is_fresh: bool = True
    ) -> WebSession:
        """Begin a session; as the port says."""
        async with self._database.transaction() as connection:
            fields = (secret_sha256, principal, credential.kind, credential.reference, SESSION_S, is_fresh)
            await connection.execute(query("insert_web_session"), *fields)
            row = await _live(connection, secret_sha256)
            if row is None:
                raise NotAuthorised("this credential lets nobody in any more", hint="sign in again")
            await _audit(connection, "session_opened", by=principal, credential=credential.kind)
            return _to_session(row)

    async def find(self, secret_sha256: str) -> WebSession | None:
        """Give a live session; as the port says."""
        row = await self._database.row("web_session", secret_sha256, IDLE_S, FRESH_S)
        if row is None:
            return None
        if row["is_stale"]:
            await self._database.value("see_web_session", secret_sha256)
        return _to_session(row)

    async def refresh(self, secret_sha256: str, proof_sha256: str | None = None) -> WebSession | None:
        """Note that the credential was entered again; as the port says."""
        async with self._database.transaction() as connection:
            if await _live(connection, secret_sha256) is None:
                return None
            await connection.execute(query("refresh_web_session"), secret_sha256, proof_sha256)
            row = await _live(connection, secret_sha256)
            if row is None:
                return None
            await _audit(connection, "session_refreshed", by=row["principal"])
            return _to_session(row)

    async def spend_proof(self, secret_sha256: str, proof_sha256: str) -> bool:
        """Use up the proof of a session; as the port says."""
        return await self._database.value("spend_web_proof", secret_sha256, proof_sha256, FRESH_S) is not None

    async def begin_sign_in(self, sign_in: SignIn, secret_sha256: str) -> None:
        """Keep a sign-in that a browser begins; as the port says."""
        fields = (secret_sha256, sign_in.after, sign_in.session_sha256, sign_in.is_again, SIGN_IN_S)
        await self._database.value("begin_sign_in", *fields)

    async def take_sign_in(self, secret_sha256: str) -> BegunSignIn | None:
        """Give a sign-in and forget it; as the port says."""
        row = await self._database.row("take_sign_in", secret_sha256, SIGN_IN_S)
        if row is None or not row["is_live"]:
            return None
        return BegunSignIn(
            after=row["after_path"],
            session_sha256=row["session_sha256"],
            is_again=row["is_again"],
            begun_at=row["begun_at"],
        )

    async def end(self, secret_sha256: str) -> None:
        """End a session; as the port says."""
        async with self._database.transaction() as connection:
            whose = await connection.fetchval(query("end_web_session"), secret_sha256)
            if whose is not None:
                await _audit(connection, "session_ended", by=whose)


async def _live(connection: Connection, secret_sha256: str) -> Row | None:
    return await connection.fetchrow(query("web_session"), secret_sha256, IDLE_S, FRESH_S)


async def _audit(connection: Connection, kind: str, **said: Any) -> None:
    await append(connection, INSTALLATION, await lock_agent(connection, INSTALLATION), (kind, said))


def _to_session(row: Row) -> WebSession:
    whole = frozenset(Role(role) for role in row["principal_roles"])
    roles = whole & frozenset(Role(role) for role in row["roles"]) if row["credential"] == "api_key" else whole
    return WebSession(
        principal=Principal(name=row["principal"], roles=roles, is_narrowed=roles != whole),
        credential=Credential(kind=row["credential"], reference=row["reference"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        is_fresh=row["is_fresh"],
    )
