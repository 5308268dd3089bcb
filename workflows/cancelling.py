"""Cancellation: what must come to its end first, and noticing a cancel that an activity swallowed."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from temporalio import workflow

Result = TypeVar("Result")


async def finish_first(work: Awaitable[Result]) -> tuple[Result, asyncio.CancelledError | None]:
    """Finish `work` even when the workflow is cancelled meanwhile; gives the cancellation beside the result."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task), None
    except asyncio.CancelledError as cancelled:
        if task.cancelled():
            raise
        return await task, cancelled


def raise_if_cancelled() -> None:
    """Raise if the workflow was told to stop.

    An activity that we wait for until it has really stopped may end well, and its result then hides the cancel.
    """
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError
