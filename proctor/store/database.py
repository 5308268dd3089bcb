"""Connections to Postgres: pooled, with one meaning for every way in which it can fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from pydantic_core import from_json

from proctor.contracts.errors import Unavailable
from proctor.store.queries import query
from proctor.store.revisions import known_revisions
from proctor.store.storable import encode_rows

if TYPE_CHECKING:
    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
else:
    Connection = PoolConnectionProxy  # generic in its stubs alone
APP_ROLE = "proctor_app"
CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0
MIGRATE_HINT = "run `proctor migrate`"

_DOWN = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
)
"""What passes when one comes back later: the server is away, starting, full, or picked us as a deadlock's victim."""


@asynccontextmanager
async def speaks_unavailable() -> AsyncIterator[None]:
    """Raise `Unavailable` for everything that means that Postgres does not answer for now; no error quotes a row."""
    try:
        yield
    except _DOWN as error:
        if isinstance(error, asyncpg.InterfaceError) and type(error) is not asyncpg.InterfaceError:
            raise  # its subclasses tell of our own mistakes, such as an argument of the wrong type
        raise Unavailable(
            f"Postgres does not answer: {' '.join(str(error).split()) or type(error).__name__}",
            hint="check that it runs, and PGHOST or DATABASE_URL",
        ) from error
    except asyncpg.PostgresError as error:
        error.detail = None  # it quotes the row: that would stand in logs, spans and Temporal's history
        raise


class Database:
    """A pool of connections that act as `proctor_app`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        """Take a pool; `Database.connect` makes one."""
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str, *, min_size: int, max_size: int) -> "Database":
        """Open the pool and check the schema. Raises `Unavailable`."""
        async with speaks_unavailable():
            try:
                pool = await asyncpg.create_pool(
                    dsn,
                    min_size=min_size,
                    max_size=max_size,
                    init=_prepare,
                    reset=_keep,
                    timeout=CONNECT_TIMEOUT_S,
                    command_timeout=COMMAND_TIMEOUT_S,
                    server_settings={"role": APP_ROLE, "jit": "off", "application_name": "proctor"},
                )
            except (asyncpg.InvalidParameterValueError, asyncpg.UndefinedObjectError) as error:
                raise Unavailable(f"the database has no role {APP_ROLE}", hint=MIGRATE_HINT) from error
            except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
                raise Unavailable(f"Postgres refuses the connection: {error}", hint="check DATABASE_URL") from error
        database = cls(pool)
        try:
            await database.check_schema()
        except BaseException:
            await database.close()
            raise
        return database

    async def check_schema(self) -> None:
        """Refuse a database that was not migrated, or is newer than this software. Raises `Unavailable`."""
        try:
            found = await self.value("schema_revision")
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError):
            found = None
        known = known_revisions()
        if found is None or found in known[:-1]:
            raise Unavailable(f"the database is at {found or 'nothing'} and must be at {known[-1]}", hint=MIGRATE_HINT)
        if found != known[-1]:
            raise Unavailable(f"the database is at {found}, which this version does not know", hint="update Proctor")

    async def close(self) -> None:
        """Close all connections; those in use get 5 seconds."""
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except (TimeoutError, *_DOWN):
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection. Raises `Unavailable`."""
        async with speaks_unavailable(), self._pool.acquire() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside one READ COMMITTED transaction. Raises `Unavailable`."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def rows(self, name: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run the named query in a transaction of its own; all rows."""
        async with self.connection() as connection:
            return await connection.fetch(query(name), *arguments)

    async def row(self, name: str, *arguments: Any) -> asyncpg.Record | None:
        """Run the named query in a transaction of its own; the first row."""
        async with self.connection() as connection:
            return await connection.fetchrow(query(name), *arguments)

    async def value(self, name: str, *arguments: Any) -> Any:
        """Run the named query in a transaction of its own; the first column of the first row."""
        async with self.connection() as connection:
            return await connection.fetchval(query(name), *arguments)


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec(
        "json", encoder=encode_rows, decoder=from_json, schema="pg_catalog", format="binary"
    )


async def _keep(_connection: Any) -> None:
    """Do nothing between uses: we set no session state, and the default reset costs a round trip each time."""
