"""The tool of kill drills: it touches nothing, and its answer tells whether it was stopped."""

import asyncio
import time
from typing import Final

from pydantic import BaseModel

from proctor.tools.authoring import ToolFailed

STOPPED: Final = "stopped while it stood still"


class Stood(BaseModel):
    """Nobody stopped it."""

    stood_s: float


async def stand_still(seconds: float) -> Stood:
    """Stand still for so long; raises `ToolFailed` with its own word of it when it is stopped before."""
    began = time.monotonic()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        raise ToolFailed(f"{STOPPED}, after {time.monotonic() - began:.3f} s of {seconds:g}") from None
    return Stood(stood_s=time.monotonic() - began)
