"""Heartbeats for activities that run a tool: they carry cancellation in, and tell the server we are alive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from temporalio import activity

INTERVAL_S = 0.2
"""Cancellation reaches a running tool within about this time where the server has no worker commands."""


@contextlib.asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Heartbeat while the block runs. A block shorter than the interval sends none."""
    task = asyncio.create_task(_beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _beat() -> None:
    while True:
        await asyncio.sleep(INTERVAL_S)
        activity.heartbeat()
