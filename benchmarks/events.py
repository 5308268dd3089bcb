"""`python -m benchmarks.events`: from an event's commit to the call of its channel, and what the feed costs a step.

On an embedded Postgres of its own; times are of this machine, now.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from benchmarks.figures import percentile
from gateway.events.dispatcher import ChannelSource, Dispatcher
from proctor.contracts.events import Event
from proctor.store.migrate import migrate
from proctor.store.postgres import PostgresStore
from workers.embedded.postgres import EmbeddedPostgres

EVENTS = 500
ROWS = 20_000
ANNOUNCE = "SELECT proctor.announce($1, 'run_opened', $1, NULL, NULL, 'default', 'a', '{}'::json, now())"
INSERT = """
    INSERT INTO proctor.audit
    SELECT $1, n, now(), 'effect_intended', '{"key": "r/1/1", "tool": "t"}', 'p', 'h' FROM generate_series(1, $2::int) n
"""


@dataclass
class Clock:
    """A channel that notes when it was called."""

    name: str = "clock"
    called: dict[str, float] = field(default_factory=dict)

    def wants(self, _event: Event) -> bool:
        """Take all."""
        return True

    async def deliver(self, event: Event, _reference: str | None) -> str | None:
        """Note the time."""
        self.called[event.id] = time.perf_counter()
        return None


async def commit_to_call_ms(store: PostgresStore, connection: asyncpg.Connection) -> list[float]:
    """Commit events one by one and take the time until the channel is called."""
    clock, samples = Clock(), []
    await store.outbox.attend(clock.name)
    running = asyncio.create_task(Dispatcher(store.outbox, ChannelSource([clock], lambda _: None)).run())
    await asyncio.sleep(1.0)
    for number in range(EVENTS):
        name = f"event-{number}"
        async with connection.transaction():
            await connection.execute(ANNOUNCE, name)
            before_commit = time.perf_counter()
        while name not in clock.called:  # noqa: ASYNC110 - an event would be one more wake-up to measure
            await asyncio.sleep(0.0002)
        samples.append((clock.called[name] - before_commit) * 1000)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return samples


async def microseconds_per_record(connection: asyncpg.Connection, run: str) -> float:
    """Write records of a kind that is no event, and take the time of one."""
    began = time.perf_counter()
    await connection.execute(INSERT, run, ROWS)
    return (time.perf_counter() - began) * 1e6 / ROWS


async def measure(dsn: str) -> None:
    """Measure and print."""
    migrate(dsn)
    store = await PostgresStore.connect(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        samples = await commit_to_call_ms(store, connection)
        with_trigger = min([await microseconds_per_record(connection, f"w{n}") for n in range(5)])
        await connection.execute("ALTER TABLE proctor.audit DISABLE TRIGGER audit_announced")
        without = min([await microseconds_per_record(connection, f"o{n}") for n in range(5)])
    finally:
        await connection.close()
        await store.close()
    for percent in (50, 95, 99):
        print(f"commit to channel call, p{percent}: {percentile(samples, percent):.1f} ms ({EVENTS} events)")
    print(f"an audit record that is no event: {with_trigger:.1f} µs with the feed, {without:.1f} µs without")


def main() -> int:
    """Measure on a server of our own."""
    folder, server = Path(tempfile.mkdtemp(prefix="pg-")), EmbeddedPostgres()
    try:
        asyncio.run(measure(server.start(folder / "data")))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
