"""The tools of the measured agent: they note when they ran, and give 2 KB."""

import asyncio
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from benchmarks.moments import MomentLog, read_moments
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


class Work(BaseModel):
    """Work that was done."""

    last: bool = True
    key: str


class Undone(BaseModel):
    """Work that was taken back."""

    undone: str


class Found(BaseModel):
    """What the record says of a key."""

    happened: bool
    last: bool = True
    key: str


async def work_a_bit(item: int, of: int, idempotency_key: str, resources: ToolResources) -> Work:
    """Work for a moment, other than the last time; done once for each key, and the record says so."""
    path = resources.setting(MOMENTS)
    _moments(path).note("called", idempotency_key)
    await asyncio.sleep(0.02 + (hash(idempotency_key) % 40) / 100)
    if not _is_noted(path, "done", idempotency_key):
        _moments(path).note("done", idempotency_key)
    return Work(last=item + 1 >= of, key=idempotency_key)


async def take_work_back(key: str, idempotency_key: str, resources: ToolResources) -> Undone:
    """Take work back, once: the record of the work is what tells, whichever key we are called with."""
    del idempotency_key
    path = resources.setting(MOMENTS)
    if not _is_noted(path, "undone", key):
        _moments(path).note("undone", key)
    return Undone(undone=key)


async def was_work_done(idempotency_key: str, resources: ToolResources) -> Found:
    """Tell from the record."""
    happened = _is_noted(resources.setting(MOMENTS), "done", idempotency_key)
    return Found(happened=happened, key=idempotency_key)


def _is_noted(path: str, what: str, key: str) -> bool:
    return any(moment.what == what for moment in read_moments(Path(path), key) if moment.key == key)
