"""Events on their way out, in Postgres. Triggers write them: see `migrations/sql/0006_events.sql`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import Refused, Unavailable, UnknownName
from proctor.contracts.events import Delivery, DeliveryState, Event
from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.store.database import Database
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.storable import clean
from proctor.store.webhooks import note

ANNOUNCED = "proctor_event"
KEPT_DELIVERED_DAYS = 7
KEPT_DEAD_DAYS = 30
KEPT_EVENT_DAYS = 30
KEPT_REFERENCE_DAYS = 90
PURGED_AT_ONCE = 1000
LONGEST_TROUBLE = 500

_EVENT = tuple(Event.model_fields)
_DELIVERY = tuple(name for name in Delivery.model_fields if name != "event")


class PostgresEar:
    """Implements `Ear` on one connection that listens."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self._called = asyncio.Event()
        self._lost = False

    def hear(self, *_: Any) -> None:
        """Take a notification."""
        self._called.set()

    def lose(self, *_: Any) -> None:
        """Take the end of the connection."""
        self._lost = True
        self._called.set()

    async def wait(self, timeout_s: float) -> None:
        """Return at the next announcement, or after the time-out. Raises `Unavailable` when the connection is lost."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._called.wait()
        except TimeoutError:
            pass
        self._called.clear()
        if self._lost:
            raise Unavailable("the connection that listens for events was lost")


class PostgresOutbox:
    """Implements `Outbox`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[PostgresEar]:
        """Keep one connection of the pool to hear of new deliveries."""
        ear = PostgresEar()
        async with self._database.connection() as connection:
            await connection.add_listener(ANNOUNCED, ear.hear)
            connection.add_termination_listener(ear.lose)
            try:
                yield ear
            finally:
                connection.remove_termination_listener(ear.lose)
                if not connection.is_closed():
                    await connection.remove_listener(ANNOUNCED, ear.hear)

    async def attend(self, channel: str) -> None:
        """Say that some gateway serves a channel: events from now on are kept for it."""
        await self._database.value("attend_channel", channel)

    async def due(self) -> list[str]:
        """Name the channels that have a delivery to be tried now."""
        return [row["name"] for row in await self._database.rows("due_channels")]

    async def claim(self, channel: str, limit: int, lease_s: float) -> list[tuple[Delivery, str | None]]:
        """Take due deliveries, each the oldest of its subject; counts as an attempt."""
        rows = await self._database.rows("claim_deliveries", channel, limit, lease_s)
        return [(to_delivery(row), row["reference"]) for row in rows]

    async def settle(self, delivery: Delivery, state: DeliveryState, *, reference: str | None = None) -> None:
        """Record that a delivery ended; a reference given is remembered for the subject."""
        await self._settle(delivery, state, "", reference)

    async def give_up(self, delivery: Delivery, trouble: str) -> None:
        """Record that a delivery is dead: it stays visible, and the next of its subject goes on."""
        await self._settle(delivery, DeliveryState.DEAD, trouble, None)

    async def _settle(self, delivery: Delivery, state: DeliveryState, trouble: str, reference: str | None) -> None:
        told = clean(summarize(trouble, LONGEST_TROUBLE))
        await self._database.value("settle_delivery", delivery.id, delivery.attempts, state, told, reference)

    async def postpone(self, delivery: Delivery, delay_s: float, trouble: str) -> None:
        """Record that an attempt failed and when the next is due."""
        told = clean(summarize(trouble, LONGEST_TROUBLE))
        await self._database.value("postpone_delivery", delivery.id, delivery.attempts, delay_s, told)

    async def reference(self, channel: str, subject: str) -> str | None:
        """Give what the channel returned for an earlier event of the subject."""
        found: str | None = await self._database.value("channel_reference", channel, subject)
        return found

    async def subject_of(self, channel: str, reference: str) -> str | None:
        """Give the subject whose newest reference in the channel is this one."""
        found: str | None = await self._database.value("channel_subject", channel, reference)
        return found

    async def dead(self, channel: str | None = None, *, limit: int = 50) -> list[Delivery]:
        """List dead deliveries, newest first."""
        return [to_delivery(row) for row in await self._database.rows("dead_deliveries", channel, limit)]

    async def replay(self, delivery_id: int, by: Principal) -> Delivery:
        """Make a dead delivery due again; audited. Raises `UnknownName`, or `Refused` if it is not dead."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("delivery"), delivery_id)
            if row is None:
                raise UnknownName(f"there is no delivery {delivery_id}", hint="those that ended are kept for a while")
            found = to_delivery(row)
            if found.state is not DeliveryState.DEAD:
                raise Refused(f"delivery {delivery_id} is {found.state}", hint="only a dead one is replayed")
            await connection.execute(query("replay_delivery"), delivery_id)
            said = {"delivery": delivery_id, "channel": found.channel, "event": found.event.id}
            await note(connection, "delivery_replayed", by.name, **said, trouble=found.trouble)
            return to_delivery(await connection.fetchrow(query("delivery"), delivery_id))

    async def events(self, *, after: int = 0, limit: int = 50, run_id: RunId | None = None) -> list[Event]:
        """List events in order, from after a position on."""
        return [to_event(row["event"]) for row in await self._database.rows("events", after, limit, run_id)]

    async def remind(self) -> int:
        """Write `request_waiting` for requests that three quarters of their time have passed for, once each."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval(query("lock_reminders")):
                return 0  # another gateway is at it
            return len(await connection.fetch(query("remind")))

    async def purge(self) -> int:
        """Delete what ended long ago, in bounded batches; bury what no gateway served; gives how many rows."""
        statements = (
            ("bury_unattended", (PURGED_AT_ONCE,)),
            ("purge_deliveries", (KEPT_DELIVERED_DAYS, KEPT_DEAD_DAYS, PURGED_AT_ONCE)),
            ("purge_events", (KEPT_EVENT_DAYS, PURGED_AT_ONCE)),
            ("purge_references", (KEPT_REFERENCE_DAYS, PURGED_AT_ONCE)),
        )
        changed = 0
        for name, arguments in statements:
            async with self._database.connection() as connection:
                status = await connection.execute(query(name), *arguments)
            changed += int(status.split()[-1])
        return changed


def to_event(row: Row) -> Event:
    """Read an event."""
    return Event.model_validate({name: row[name] for name in _EVENT})


def to_delivery(row: Row) -> Delivery:
    """Read a delivery with its event."""
    fields = {name: row[name] for name in _DELIVERY}
    return Delivery.model_validate({**fields, "event": to_event(row["event"])})
