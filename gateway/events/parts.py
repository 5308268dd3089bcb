"""The parts of events in one gateway process, put together."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from temporalio.client import Client

from gateway.companions import Companion
from gateway.connections import Gateway
from gateway.events.channels import Channel
from gateway.events.dispatcher import ChannelSource, Dispatcher
from gateway.events.email_channel import EmailChannel
from gateway.events.envelopes import Links
from gateway.events.firing import FiringWorker
from gateway.events.hooks import Hooks
from gateway.events.mailing import Mailer
from gateway.events.scheduling import Schedules
from gateway.events.settings import EventSettings
from gateway.events.subscribing import Subscriptions
from gateway.events.webhook_channel import CHANNEL_PREFIX, Postman, WebhookChannel
from proctor.connection import connect_temporal
from proctor.contracts.events import Outbox

Connect = Callable[[], Awaitable[Client]]


@dataclass(frozen=True)
class EventParts:
    """What routes and companions work with."""

    gateway: Gateway
    settings: EventSettings
    links: Links
    connect: Connect

    @property
    def outbox(self) -> Outbox:
        """Events on their way out."""
        return self.gateway.store.outbox

    @property
    def subscriptions(self) -> Subscriptions:
        """Webhooks out."""
        return Subscriptions(self.gateway.store.webhooks, self.settings.box, self.settings.targets)

    @property
    def hooks(self) -> Hooks:
        """Webhooks in."""
        return Hooks(self.gateway, self.settings.box)

    @property
    def schedules(self) -> Schedules:
        """Schedules."""
        return Schedules(self.gateway, self.connect)

    def email(self) -> EmailChannel | None:
        """Give the channel of e-mail; None where no server is set."""
        if self.settings.smtp is None:
            return None
        return EmailChannel(self.gateway.store, Mailer(self.settings.smtp), self.links)

    def companions(self, channels: Sequence[Channel]) -> list[Companion]:
        """Give the dispatcher over these channels, e-mail and all webhooks, and the worker of schedules."""
        email = self.email()
        every = [*channels] if email is None else [*channels, email]
        source = ChannelSource(every, self._webhook)
        return [Dispatcher(self.outbox, source), FiringWorker(self.gateway, self.connect)]

    def _webhook(self, name: str) -> Channel | None:
        if not name.startswith(CHANNEL_PREFIX):
            return None
        store = self.gateway.store
        postman = Postman(self.settings.targets)
        return WebhookChannel(
            name.removeprefix(CHANNEL_PREFIX), store.webhooks, store.people, self.settings.box, self.links, postman
        )


def connector(gateway: Gateway) -> Connect:
    """Connect to Temporal at the first use, and keep the connection."""
    kept: list[Client] = []

    async def connect() -> Client:
        if not kept:
            kept.append(await connect_temporal(gateway.settings.endpoints().temporal))
        return kept[0]

    return connect
