"""Breakers, rate limits and room under way, in Postgres: what all workers together keep to (R3, R6)."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.ids import EffectKey
from proctor.contracts.traffic import TRAFFIC_CHAIN, Breaker, BreakerState, CallEnd, Lane, Passage
from proctor.store.chains import append, lock_agent
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.storable import clean

NAME: Final = re.compile(r"tool:[A-Za-z][A-Za-z0-9_]{0,63}|host:[A-Za-z0-9.:_\[\]-]{1,260}")
_BREAKER = tuple(Breaker.model_fields)
_PASSAGE = tuple(Passage.model_fields)


class PostgresTraffic:
    """Implements `Traffic`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def enter(self, lane: Lane, key: EffectKey) -> Passage:
        """Ask to pass; as the port says."""
        async with self._database.transaction() as connection:
            return await enter(connection, lane, key)

    async def leave(self, lane: Lane, key: EffectKey, turn: int, end: CallEnd, error: str = "") -> None:
        """Give room back and tell the breakers; as the port says."""
        rule, words = lane.breaker, clean(summarize(error))
        asked = (key, turn, list(lane.breakers), lane.tool, end.value, words, rule.failures, rule.open_s, rule.probes)
        async with self._database.transaction() as connection:
            changes = await connection.fetchval(query("leave"), *asked)
            await _tell(connection, changes, call=key, error=words)

    async def breakers(self, names: Sequence[str] = ()) -> list[Breaker]:
        """List breakers; as the port says."""
        return list(to_breakers(await self._database.rows("breakers", list(names) or None)))

    async def set_breaker(self, name: str, state: BreakerState, by: str, reason: str) -> Breaker:
        """Open or close a breaker by hand; as the port says."""
        if NAME.fullmatch(name) is None:
            raise InvalidInput(f"no breaker can be called {name!r}", hint="write tool:NAME or host:NAME")
        if state is BreakerState.HALF_OPEN:
            raise InvalidInput("a breaker becomes half-open by itself", hint="open it or close it")
        async with self._database.transaction() as connection:
            was = await connection.fetchval(query("set_breaker"), name, state.value, by, clean(reason))
            change = {"breaker": name, "was": was, "became": state.value, "reason": clean(reason)}
            await _tell(connection, [change], by=by)
            rows = await connection.fetch(query("breakers"), [name])
        return to_breakers(rows)[0]


async def enter(connection: Connection, lane: Lane, key: EffectKey) -> Passage:
    """Ask to pass, in the caller's transaction: what it is given is given when that commits."""
    limit = lane.rate_limit
    row = await connection.fetchrow(
        query("enter"),
        key,
        list(lane.breakers),
        lane.despite_open,
        f"room/{lane.tool}",
        lane.concurrency,
        lane.bucket,
        None if limit is None else float(limit.calls),
        None if limit is None else limit.per_s,
        lane.patience_s,
        lane.lease_s,
    )
    assert row is not None
    await _tell(connection, row["changes"], call=key)
    return Passage.model_validate({name: row[name] for name in _PASSAGE})


def must_enter(lane: Lane, stirred: Iterable[Breaker]) -> bool:
    """Whether a call of the lane must ask for room, as against one that just goes."""
    names = lane.breakers
    return lane.is_limited or any(one.name in names and one.state is not BreakerState.CLOSED for one in stirred)


def is_watched(lane: Lane, stirred: Iterable[Breaker]) -> bool:
    """Whether a success of the lane's is news to one of its breakers."""
    names = lane.breakers
    return any(one.name in names for one in stirred)


def to_breakers(rows: Iterable[Row] | None) -> tuple[Breaker, ...]:
    """Read breakers."""
    return tuple(Breaker.model_validate({name: row[name] for name in _BREAKER}) for row in rows or ())


async def _tell(connection: Connection, changes: Any, *, by: str = "proctor", **more: str) -> None:
    """Put what became of breakers on record; nothing is written while nothing changes."""
    if not changes:
        return
    end = await lock_agent(connection, TRAFFIC_CHAIN)
    told = {name: value for name, value in more.items() if value}
    events = [(f"breaker_{_PARTICIPLE[change['became']]}", {**change, "by": by, **told}) for change in changes]
    await append(connection, TRAFFIC_CHAIN, end, *events)


_PARTICIPLE: Final = {"open": "opened", "half_open": "half_opened", "closed": "closed"}
