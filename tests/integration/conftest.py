"""A real Postgres: one server per session, and for each test a migrated database that nothing is in."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from proctor.store.migrate import migrate
from proctor.store.postgres import PostgresStore
from tests.integration.databases import TEMPLATE, Lent
from workers.embedded.postgres import EmbeddedPostgres


def dsn_for(dsn: str, database: str) -> str:
    """Give the DSN of another database of the same server."""
    return dsn.replace("/proctor?", f"/{database}?")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a server in a short temporary folder; gives the DSN of its database `proctor`, which is empty."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = EmbeddedPostgres(durable=False)
    try:
        dsn = server.start(folder / "data")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(dsn_for(dsn, TEMPLATE))
        yield dsn
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def idle_databases() -> list[Lent]:
    """Hold the databases that the next tests may have."""
    return []


@pytest.fixture
def dsn(postgres_server: str, idle_databases: list[Lent]) -> Iterator[str]:
    """Give a database for one test, as a migration leaves it."""
    database = idle_databases.pop() if idle_databases else Lent(postgres_server)
    yield database.dsn
    if database.renew():
        idle_databases.append(database)
    else:
        database.drop(postgres_server)


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[PostgresStore]:
    """Open the store on this test's database."""
    opened = await PostgresStore.connect(dsn, min_size=1, max_size=20)
    yield opened
    await opened.close()
