"""The dispatcher: takes events to the channels, several gateways at once if there are several."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.events.channels import DELIVERY_TIMEOUT_S, Channel, Undeliverable
from proctor.contracts.canonical import summarize
from proctor.contracts.events import Delivery, DeliveryState, Outbox

MAX_ATTEMPTS = 12
FIRST_PAUSE_S = 5.0
PAUSE_FACTOR = 3.0
LONGEST_PAUSE_S = 6 * 3600.0
JITTER = 0.2
"""Twelve attempts with these pauses take 22 hours, a fifth more or less."""
AT_ONCE = 8
"""Deliveries of one channel side by side."""
POLL_S = 5.0
ATTEND_S = 3600.0
PURGE_S = 600.0
REMIND_S = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often and how long a delivery is tried."""

    max_attempts: int = MAX_ATTEMPTS
    first_pause_s: float = FIRST_PAUSE_S
    factor: float = PAUSE_FACTOR
    longest_pause_s: float = LONGEST_PAUSE_S
    timeout_s: float = DELIVERY_TIMEOUT_S
    poll_s: float = POLL_S

    def pause_s(self, attempts: int) -> float:
        """Give the pause after so many failed attempts, with jitter."""
        pause = min(self.first_pause_s * self.factor ** (attempts - 1), self.longest_pause_s)
        return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, keeps no secret


class ChannelSource:
    """The channels of this process: those it was given, and those of names that it can make."""

    def __init__(self, channels: Sequence[Channel], make: Callable[[str], Channel | None]) -> None:
        """Take fixed channels, and what makes others by name (None: not one of ours)."""
        self._channels = {channel.name: channel for channel in channels}
        self._make = make

    @property
    def fixed(self) -> list[str]:
        """Names of the channels that were given."""
        return list(self._channels)

    def find(self, name: str) -> Channel | None:
        """Give the channel of a name; None when this process does not serve it."""
        return self._channels.get(name) or self._make(name)


@dataclass
class Dispatcher:
    """A companion that delivers what is due, as soon as it is written. Safe in every gateway at once.

    Each channel has a lane of its own: one that is slow or fails holds up no other.
    """

    outbox: Outbox
    channels: ChannelSource
    patience: Patience = Patience()
    name: str = "events"
    _lanes: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _called: set[str] = field(default_factory=set)
    """Channels that something became due on since their lane last looked."""

    async def run(self) -> None:
        """Deliver until cancelled. Raises `Unavailable` when the store goes away."""
        async with asyncio.TaskGroup() as tasks, self.outbox.listening() as ear:
            tasks.create_task(self._every(ATTEND_S, self._attend))
            tasks.create_task(self._every(PURGE_S, self._purge))
            tasks.create_task(self._every(REMIND_S, self._remind))
            try:
                while True:
                    for name in await self.outbox.due():
                        self._start_lane(tasks, name)
                    await ear.wait(self.patience.poll_s)
            finally:
                self._lanes.clear()
                self._called.clear()

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await act()
            await asyncio.sleep(seconds)

    async def _attend(self) -> None:
        for name in self.channels.fixed:
            await self.outbox.attend(name)

    async def _remind(self) -> None:
        await self.outbox.remind()

    async def _purge(self) -> None:
        await self.outbox.purge()

    def _start_lane(self, tasks: asyncio.TaskGroup, name: str) -> None:
        channel = self.channels.find(name)
        if channel is None:
            return
        self._called.add(name)
        lane = self._lanes.get(name)
        if lane is None or lane.done():
            self._lanes[name] = tasks.create_task(self._serve(channel), name=f"lane {name}")

    async def _serve(self, channel: Channel) -> None:
        """Deliver what is due on a channel until nothing more is; a failure counts against that delivery alone."""
        while channel.name in self._called:
            self._called.discard(channel.name)
            while claimed := await self.outbox.claim(channel.name, AT_ONCE, 2 * self.patience.timeout_s):
                await asyncio.gather(*(self._deliver(channel, delivery, known) for delivery, known in claimed))

    async def _deliver(self, channel: Channel, delivery: Delivery, known: str | None) -> None:
        try:
            if not channel.wants(delivery.event):
                return await self.outbox.settle(delivery, DeliveryState.SKIPPED)
            async with asyncio.timeout(self.patience.timeout_s):
                reference = await channel.deliver(delivery.event, known)
        except Undeliverable as error:
            await self._give_up(delivery, error.message)
        except Exception as error:  # noqa: BLE001 - whatever a channel raises is a failed attempt of this delivery
            await self._postpone(delivery, _words_of(error, self.patience.timeout_s))
        else:
            await self.outbox.settle(delivery, DeliveryState.DELIVERED, reference=reference)
        return None

    async def _postpone(self, delivery: Delivery, trouble: str) -> None:
        if delivery.attempts >= self.patience.max_attempts:
            return await self._give_up(delivery, trouble)
        pause = self.patience.pause_s(delivery.attempts)
        _log.warning("delivery_failed", **_told(delivery), trouble=summarize(trouble), again_in_s=round(pause, 1))
        return await self.outbox.postpone(delivery, pause, trouble)

    async def _give_up(self, delivery: Delivery, trouble: str) -> None:
        _log.error("delivery_dead", **_told(delivery), trouble=summarize(trouble))
        await self.outbox.give_up(delivery, trouble)


def _told(delivery: Delivery) -> dict[str, object]:
    return {"channel": delivery.channel, "event_id": delivery.event.id, "attempts": delivery.attempts}


def _words_of(error: Exception, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"it took longer than {timeout_s:g} s"
    return f"{type(error).__name__}: {error}"
