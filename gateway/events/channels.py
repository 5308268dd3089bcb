"""What a way out is: something that events are delivered to, one after the other along each subject."""

from typing import Protocol

from proctor.contracts.errors import ProctorError
from proctor.contracts.events import Event

DELIVERY_TIMEOUT_S = 30.0
"""Longest time that one delivery may take; longer is a failed attempt."""


class Channel(Protocol):
    """A chat, e-mail, or another system. One object serves all events of its name; deliveries may run side by side."""

    @property
    def name(self) -> str:
        """Name of the channel: `slack`, `matrix`, `email`, `webhook:<id>`."""

    def wants(self, event: Event) -> bool:
        """Tell whether the event is to be delivered at all. Quick, and without I/O."""

    async def deliver(self, event: Event, reference: str | None) -> str | None:
        """Deliver an event, at least once; gives the subject's new reference, or None to leave it as it is.

        `reference` is what an earlier delivery of the same subject returned, such as a message's place in a chat, so
        that a card is updated where it stands. Events of one subject come in order and one at a time; the same event
        may come twice, after a crash. Read rows anew: by the time of delivery more may have happened.

        Any exception is a failed attempt, repeated with growing pauses; `Undeliverable` is final. Nothing that the
        exception says may be secret: it is kept with the delivery and shown.
        """


class Undeliverable(ProctorError):
    """No repetition will deliver this."""
