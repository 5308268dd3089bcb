"""A real Postgres: one server per session, one fresh migrated database per test."""

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from proctor.store.migrate import migrate
from proctor.store.postgres import PostgresStore
from workers.embedded.postgres import EmbeddedPostgres

TEMPLATE = "migrated"
_numbers = itertools.count(1)


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


@pytest.fixture
def dsn(postgres_server: str) -> Iterator[str]:
    """Make a migrated database for one test."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield dsn_for(postgres_server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[PostgresStore]:
    """Open the store on this test's database."""
    opened = await PostgresStore.connect(dsn, min_size=1, max_size=20)
    yield opened
    await opened.close()
