"""Which queues a worker polls, and how much of each it does at once: bulkheads between classes of tools (R6)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from proctor.contracts.errors import InvalidInput
from proctor.contracts.wire import pool_queue

COMMON: Final = "common"
"""Stands in settings for the queue of everything that no pool takes."""
ALL: Final = "*"
"""Stands in settings for every pool that the project's agents name."""
COMMON_SLOTS: Final = 100
POOL_SLOTS: Final = 10
"""Calls of one pool that one worker has under way, unless settings say otherwise."""
MAX_SLOTS: Final = 1000
_ENTRY = re.compile(r"(\*|[a-z][a-z0-9-]{0,31})(?:=([1-9][0-9]{0,3}))?")


@dataclass(frozen=True)
class Poll:
    """One queue that a worker polls."""

    pool: str
    """Empty: the common queue, and the workflows."""
    queue: str
    slots: int


def read_pools(text: str) -> Mapping[str, int | None]:
    """Read `NAME[=SLOTS],…`; empty: the common queue and every pool. Raises `InvalidInput`."""
    found: dict[str, int | None] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        entry = _ENTRY.fullmatch(part)
        slots = None if entry is None or entry[2] is None else int(entry[2])
        if entry is None or (slots is not None and slots > MAX_SLOTS):
            hint = f"write {COMMON},{ALL} or names with slots, as in {COMMON}=50,slow=4 (at most {MAX_SLOTS})"
            raise InvalidInput(f"PROCTOR_POOLS cannot be read at {part!r}", hint=hint)
        found[entry[1]] = slots
    return found or {COMMON: None, ALL: None}


def polls(pools: Mapping[str, int | None], named: Iterable[str], task_queue: str) -> list[Poll]:
    """Give what a worker with these settings polls; `named` are the pools that the project's agents name."""
    slots = {COMMON: COMMON_SLOTS} | dict.fromkeys(named, POOL_SLOTS)
    wanted: dict[str, int] = {}
    for name, given in pools.items():
        names = [pool for pool in slots if pool != COMMON] if name == ALL else [name]
        # What is named by itself counts before what `*` says of all.
        wanted |= {one: given or slots.get(one, POOL_SLOTS) for one in names if name != ALL or one not in pools}
    return [
        Poll("" if name == COMMON else name, task_queue if name == COMMON else pool_queue(task_queue, name), count)
        for name, count in sorted(wanted.items(), key=lambda item: (item[0] != COMMON, item[0]))
    ]


def read_weights(text: str) -> Mapping[str, float]:
    """Read `TENANT=WEIGHT,…`: how many shares of a backlog a tenant has, 1 unless named. Raises `InvalidInput`."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        tenant, _, weight = part.rpartition("=")
        try:
            found[tenant] = float(weight)
        except ValueError:
            found[tenant] = -1.0
        if not tenant or not 0.001 <= found[tenant] <= 1000:  # noqa: PLR2004 - what Temporal takes
            hint = "write TENANT=WEIGHT with weights from 0.001 to 1000, as in acme=4,trial=0.5"
            raise InvalidInput(f"PROCTOR_TENANT_WEIGHTS cannot be read at {part!r}", hint=hint)
    return found
