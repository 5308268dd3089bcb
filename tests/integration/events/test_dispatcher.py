"""The dispatcher on a real Postgres: order, side by side gateways, failures, dead letters."""

import asyncio
import time

from gateway.events.channels import Undeliverable
from gateway.events.dispatcher import JITTER, Patience
from proctor.contracts.events import Delivery, Event, Outbox
from proctor.contracts.run import RunStatus
from proctor.store.outbox import PostgresOutbox
from proctor.store.postgres import PostgresStore
from tests.integration.events.receivers import SOON, FakeChannel, by_subject, dispatching, until
from tests.integration.store.scenes import OPERATOR, open_scene


def _fail(event: Event) -> None:
    raise ConnectionError(f"no way to take {event.kind}")


class HeldOutbox(PostgresOutbox):
    """An outbox that finds nothing more to claim, and is slow to say so."""

    def __init__(self, outbox: Outbox) -> None:
        self.__dict__ |= outbox.__dict__
        self.found_nothing, self.found_more, self.may_say_so = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def due(self) -> list[str]:
        names = await super().due()
        if names and self.found_nothing.is_set():
            self.found_more.set()
        return names

    async def claim(self, channel: str, limit: int, lease_s: float) -> list[tuple[Delivery, str | None]]:
        claimed = await super().claim(channel, limit, lease_s)
        if not claimed and not self.found_nothing.is_set():
            self.found_nothing.set()
            await self.may_say_so.wait()
        return claimed


async def test_what_becomes_due_while_a_channel_looks_for_the_last_time_is_delivered_at_once(
    store: PostgresStore,
) -> None:
    """A channel that was told of more looks again before it rests: the next poll would be too late."""
    channel, outbox = FakeChannel(), HeldOutbox(store.outbox)
    async with dispatching(store, channel, patience=Patience(poll_s=60.0), outbox=outbox):
        await open_scene(store, "first")
        await outbox.found_nothing.wait()
        await open_scene(store, "second")
        await outbox.found_more.wait()
        outbox.may_say_so.set()
        await until(lambda: len(channel.taken) == 2)
    assert ["first", "second"] == [subject for _, subject, _ in channel.taken]


async def test_an_event_reaches_its_channel_as_soon_as_it_is_committed(store: PostgresStore) -> None:
    """Nothing waits for the next poll, and the reference that a channel gave comes back with the next event."""
    channel = FakeChannel()
    async with dispatching(store, channel, patience=Patience(poll_s=60.0)):
        await asyncio.sleep(0.2)  # until it listens
        began = time.monotonic()
        scene = await open_scene(store)
        await until(lambda: channel.taken)
        await store.journal.close_run(scene.run_id, RunStatus.FAILED, "x")
        await until(lambda: len(channel.taken) == 2)
        assert time.monotonic() - began < 2.0
    assert [("run_opened", "run1", None), ("run_closed", "run1", "slack/1")] == channel.taken


async def test_two_gateways_deliver_each_event_once_and_in_order(store: PostgresStore) -> None:
    """They share the work; the order along each run holds across them."""
    one, other = FakeChannel(), FakeChannel()
    async with dispatching(store, one), dispatching(store, other):
        for number in range(12):
            scene = await open_scene(store, f"run{number}")
            await store.journal.close_run(scene.run_id, RunStatus.FAILED, "x")
        await until(lambda: len(one.taken) + len(other.taken) >= 24)
        await asyncio.sleep(0.2)
    merged = by_subject([*one.taken, *other.taken])
    assert {f"run{number}" for number in range(12)} == set(merged)
    assert {("run_closed", "run_opened")} == {tuple(sorted(kinds)) for kinds in merged.values()}
    for channel in (one, other):
        assert all(kinds in (["run_opened"], ["run_closed"], ["run_opened", "run_closed"])
                   for kinds in by_subject(channel.taken).values())  # fmt: skip


async def test_a_poison_event_blocks_no_other_channel_nor_subject_and_ends_up_dead(store: PostgresStore) -> None:
    """It is tried so often, told, and stepped over; replaying it delivers it."""
    broken = {"on": True}
    poisoned = FakeChannel(
        "matrix",
        lambda event: _fail(event) if broken["on"] and event.subject == "bad" and "open" in event.kind else None,
    )
    healthy = FakeChannel()
    async with dispatching(store, poisoned, healthy):
        bad = await open_scene(store, "bad")
        await store.journal.close_run(bad.run_id, RunStatus.FAILED, "x")
        await open_scene(store, "good")
        await until(lambda: len(healthy.taken) == 3)
        await until(lambda: len(poisoned.taken) == 2)
        assert {"good": ["run_opened"], "bad": ["run_closed"]} == by_subject(poisoned.taken)
        (dead,) = await store.outbox.dead()
        assert (SOON.max_attempts, "ConnectionError: no way to take run_opened") == (dead.attempts, dead.trouble)
        broken["on"] = False
        await store.outbox.replay(dead.id, OPERATOR)
        await until(lambda: len(poisoned.taken) == 3)
    assert [] == await store.outbox.dead()


async def test_a_channel_that_hangs_is_cut_off_and_tried_again(store: PostgresStore) -> None:
    """A delivery has a time-out; the next attempt delivers."""
    hung: list[Event] = []

    def hang(event: Event) -> object:
        hung.append(event)
        return asyncio.sleep(60 if len(hung) == 1 else 0)

    channel = FakeChannel(trouble=hang)
    patience = Patience(first_pause_s=0.02, timeout_s=0.2, poll_s=0.05)
    async with dispatching(store, channel, patience=patience):
        await open_scene(store)
        await until(lambda: channel.taken)
    assert 2 == len(hung)


async def test_what_can_never_be_delivered_is_dead_at_once_and_what_is_not_wanted_is_skipped(
    store: PostgresStore,
) -> None:
    """Neither is tried again."""
    tried: list[str] = []

    def refuse(event: Event) -> None:
        tried.append(event.kind)
        raise Undeliverable("nobody is there")

    final, choosy = FakeChannel("matrix", refuse), FakeChannel(kinds=frozenset({"run_closed"}))
    async with dispatching(store, final, choosy):
        scene = await open_scene(store)
        await store.journal.close_run(scene.run_id, RunStatus.FAILED, "x")
        await until(lambda: len(tried) == 2 and choosy.taken)
    assert (["run_opened", "run_closed"], ["run_closed"]) == (tried, [kind for kind, *_ in choosy.taken])
    assert ["nobody is there"] * 2 == [one.trouble for one in await store.outbox.dead()]
    assert [] == await store.outbox.due()


def test_all_attempts_take_about_a_day_and_no_two_gateways_knock_together() -> None:
    """Pauses grow, have a limit and are spread."""
    patience = Patience()
    pauses = [patience.pause_s(attempt) for attempt in range(1, patience.max_attempts)]
    assert 16 * 3600 < sum(pauses) < 28 * 3600
    assert all(pause <= patience.longest_pause_s * (1 + JITTER) for pause in pauses)
    assert 2 < len({round(patience.pause_s(3), 3) for _ in range(20)})
