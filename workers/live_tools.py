"""The tools of a worker without a worker: for contract tests that call them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from proctor.tools.dispatcher import ToolDispatcher
from workers.wiring import build_tools


@asynccontextmanager
async def open_tools(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[ToolDispatcher]:
    """Give what calls tools, with the store that the settings name; close both at the end.

    Raises:
        Unavailable: the store does not answer, or its schema is not the one that this code needs.

    """
    store = await PostgresStore.connect(settings.endpoints().database_url, min_size=0, max_size=2)
    try:
        tools, exits = await build_tools(settings, environ, store)
        async with exits:
            yield tools
    finally:
        await store.close()
