"""Events: what chats, e-mail and other systems hear of, in the order in which it happened to its subject."""

from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Any, Protocol

from pydantic import AwareDatetime

from proctor.contracts.base import Contract
from proctor.contracts.human import Principal, Roles
from proctor.contracts.ids import AgentName, PrincipalName, RequestId, RunId, TenantId

EVENT_KINDS = frozenset(
    {
        "run_opened",
        "run_closed",
        "run_paused",
        "run_resumed",
        "run_taken_over",
        "run_handed_back",
        "message_sent",
        "person_acted",
        "undo_ordered",
        "undo_finished",
        "approval_requested",
        "approval_counted",
        "approval_granted",
        "approval_denied",
        "approval_edited",
        "approval_escalated",
        "approval_consumed",
        "grant_made",
        "grant_revoked",
        "question_asked",
        "question_answered",
        "question_denied",
        "budget_requested",
        "budget_extended",
        "budget_denied",
        "unknown_outcome_opened",
        "unknown_outcome_answered",
        "failed_compensation_opened",
        "failed_compensation_answered",
        "failed_compensation_denied",
        "request_expired",
        "request_waiting",
        "request_withdrawn",
        "notice_recorded",
        "key_added",
        "key_vouched_for",
        "key_revoked",
        "fence_raised",
        "fence_released",
    }
)
"""What becomes an event; the trigger in `0006_events.sql` lists the same kinds."""


class Event(Contract):
    """Something that happened, written in the transaction of the record that it comes from."""

    n: int
    """Position in the feed; grows along each subject. Positions may be missing."""
    id: str
    """The same for ever: `<run>/<n of the audit record>`, or `fence:<epoch>/raised|released`."""
    kind: str
    """One of `EVENT_KINDS`, such as `approval_requested`."""
    subject: str
    """What it happened to, and what order is kept along: the request's id, else the run's, else `fence:<epoch>`."""
    run_id: RunId | None = None
    """None for fences over more than one run."""
    request_id: RequestId | None = None
    """The request to a person that it is about, if any."""
    tenant: TenantId | None = None
    agent: AgentName | None = None
    body: dict[str, Any]
    """Body of the audit record: references, decisions and summaries, never content. Its strings may quote an agent."""
    at: AwareDatetime


class DeliveryState(StrEnum):
    """Where a delivery stands. Only `pending` is worked on; a dead one can be replayed."""

    PENDING = "pending"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    """The channel did not want it."""
    DEAD = "dead"
    """Given up: too many attempts, or a failure that no repetition mends."""


class Delivery(Contract):
    """One event on its way to one channel."""

    id: int
    channel: str
    """`slack`, `matrix`, `email`, or `webhook:<id>`."""
    event: Event
    state: DeliveryState
    attempts: int
    next_at: AwareDatetime
    trouble: str = ""
    """Why the newest attempt failed."""
    done_at: AwareDatetime | None = None


class Addressee(Contract):
    """A person who can be written to."""

    principal: PrincipalName
    roles: Roles
    address: str
    stands_in_for: tuple[PrincipalName, ...] = ()
    """Whose places they may take now, for the agent that was asked about."""
    roles_stood_in_for: Roles = frozenset()


class Addresses(Protocol):
    """Where people are written to."""

    async def addressees(self, agent: AgentName | None) -> list[Addressee]:
        """List enabled principals that are linked to e-mail addresses."""

    async def notices(self, run_id: RunId, step: int, call: int) -> dict[PrincipalName, str]:
        """Give what people are to be told of a dispatched call, by their names."""

    async def authors(self, run_id: RunId, step: int, call: int) -> frozenset[PrincipalName]:
        """Name the people who wrote a call, and so do not approve it."""


class Ear(Protocol):
    """Hears of new deliveries."""

    async def wait(self, timeout_s: float) -> None:
        """Return at the next announcement, or after the time-out. Raises `Unavailable` when the connection is lost."""


class Outbox(Protocol):
    """Events on their way out. At least once, in order along each subject within a channel."""

    def listening(self) -> AbstractAsyncContextManager[Ear]:
        """Keep one connection to hear of new deliveries; what was written before is not announced again."""

    async def attend(self, channel: str) -> None:
        """Say that some gateway serves a channel: events from now on are kept for it. To be repeated at least daily."""

    async def due(self) -> list[str]:
        """Name the channels that have a delivery to be tried now."""

    async def claim(self, channel: str, limit: int, lease_s: float) -> list[tuple[Delivery, str | None]]:
        """Take due deliveries, each the oldest of its subject, with the subject's reference; counts as an attempt.

        Whoever claims must settle within the lease; afterwards another process may take the delivery too.
        """

    async def settle(self, delivery: Delivery, state: DeliveryState, *, reference: str | None = None) -> None:
        """Record that a delivery ended; a reference given is remembered for the subject."""

    async def postpone(self, delivery: Delivery, delay_s: float, trouble: str) -> None:
        """Record that an attempt failed and when the next is due."""

    async def give_up(self, delivery: Delivery, trouble: str) -> None:
        """Record that a delivery is dead: it stays visible, and the next of its subject goes on."""

    async def reference(self, channel: str, subject: str) -> str | None:
        """Give what the channel returned for an earlier event of the subject."""

    async def subject_of(self, channel: str, reference: str) -> str | None:
        """Give the subject whose newest reference in the channel is this one."""

    async def dead(self, channel: str | None = None, *, limit: int = 50) -> list[Delivery]:
        """List dead deliveries, newest first."""

    async def replay(self, delivery_id: int, by: Principal) -> Delivery:
        """Make a dead delivery due again, with all its attempts; audited.

        Raises `UnknownName`, or `Refused` when it is not dead.
        """

    async def events(self, *, after: int = 0, limit: int = 50, run_id: RunId | None = None) -> list[Event]:
        """List events in order, from after a position on."""

    async def remind(self) -> int:
        """Write `request_waiting` for requests that three quarters of their time have passed for, once each."""

    async def purge(self) -> int:
        """Delete what ended long ago, in a bounded batch; gives how many rows. The audit trail keeps everything."""
