"""Tools whose outages a test decides."""

import asyncio
from collections import Counter

from proctor.tools.authoring import ToolFailed

CALLS = Counter[str]()
DOWN: set[str] = set()
"""Names of tools that are out of order."""
GOES_ON = asyncio.Event()
"""Set: tools that hang end."""


async def touch(note: str, idempotency_key: str) -> dict[str, str]:
    """Have an effect."""
    return await _called("Touch", note, idempotency_key)


async def spare(note: str, idempotency_key: str) -> dict[str, str]:
    """Have the effect by another way."""
    return await _called("Spare", note, idempotency_key)


async def limited(note: str, idempotency_key: str) -> dict[str, str]:
    """Have an effect that only few may have at once."""
    CALLS["LimitedNow"] += 1
    CALLS["LimitedMost"] = max(CALLS["LimitedMost"], CALLS["LimitedNow"])
    await asyncio.sleep(0.3)
    CALLS["LimitedNow"] -= 1
    return await _called("Limited", note, idempotency_key)


async def hang(note: str, idempotency_key: str) -> dict[str, str]:
    """Hang until the test lets go."""
    CALLS["Hang"] += 1
    await GOES_ON.wait()
    return {"note": note, "key": idempotency_key}


async def look(note: str) -> dict[str, str]:
    """Read."""
    return await _called("Look", note, "")


async def _called(tool: str, note: str, key: str) -> dict[str, str]:
    CALLS[tool] += 1
    if tool in DOWN:
        raise ToolFailed(f"{tool} is out of order", retryable=True)
    return {"note": note, "key": key}
