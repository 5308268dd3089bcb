"""One gateway per module."""

import itertools
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import pytest_asyncio

from tests.integration.conftest import TEMPLATE, dsn_for
from tests.integration.rest.site import Site, open_site

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def site_dsn(postgres_server: str) -> Iterator[str]:
    """Make a migrated database for one module."""
    name = f"rest_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield dsn_for(postgres_server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(site_dsn: str) -> AsyncIterator[Site]:
    """Serve one gateway for the module's tests."""
    async with open_site(site_dsn) as opened:
        yield opened
