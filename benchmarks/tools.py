"""The tools of the measured agent: they note when they ran, and give 2 KB."""

import asyncio
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from benchmarks.moments import MomentLog
from benchmarks.payload import payload
from proctor.tools.authoring import ToolResources

MOMENTS = "BENCH_MOMENTS"
"""Setting: the file that the moments go to."""


class Item(BaseModel):
    """The 2 KB, and whether it was the last that was asked for."""

    last: bool
    text: str


class Done(BaseModel):
    """The end of slow work."""

    last: bool = True


@cache
def _moments(path: str) -> MomentLog:
    return MomentLog(Path(path))


def _give(item: int, of: int, key: str, resources: ToolResources) -> Item:
    _moments(resources.setting(MOMENTS)).note("called", key)
    return Item(last=item + 1 >= of, text=payload(key).decode())


async def record_item(item: int, of: int, idempotency_key: str, resources: ToolResources) -> Item:
    """Give 2 KB as an effect; harmless to repeat, so that only the machinery is measured."""
    return _give(item, of, idempotency_key, resources)


async def read_item(run: str, item: int, of: int, resources: ToolResources) -> Item:
    """Give 2 KB as a read."""
    return _give(item, of, f"{run}/{item}", resources)


async def work_slowly(seconds: float, idempotency_key: str, resources: ToolResources) -> Done:
    """Take as long as asked; notes when it stopped, however it stopped."""
    moments = _moments(resources.setting(MOMENTS))
    moments.note("called", idempotency_key)
    try:
        await asyncio.sleep(seconds)
    finally:
        moments.note("stopped", idempotency_key)
    return Done()
