"""Events into a chat: a card for each request, kept true where it stands, and what follows in the thread below it."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from gateway.cards.card import ApprovalCard, build_card
from gateway.cards.hiding import Labelled, former_labels
from gateway.events.channels import Undeliverable
from proctor.contracts.approving_ports import SpokenWords
from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.errors import UnknownName
from proctor.contracts.events import Event, Outbox
from proctor.contracts.human import RequestState
from proctor.contracts.ids import RequestId, RunId
from proctor.contracts.kill import Receipt
from proctor.contracts.kill_ports import KillSwitch
from proctor.contracts.people_ports import People
from proctor.contracts.ports import RunJournal
from proctor.contracts.run import RunRecord

Message = TypeVar("Message")
Posted_contra = TypeVar("Posted_contra", contravariant=True)
Written_co = TypeVar("Written_co", covariant=True)
MOST_EVENTS = 500
"""How many events of a run are looked through for its cards."""
IN_THREAD = {
    "run_closed": "The run has ended",
    "run_paused": "The run is paused",
    "run_resumed": "The run goes on",
    "message_sent": "The agent was sent a message",
    "run_taken_over": "A person took over",
    "run_handed_back": "The agent drives again",
    "notice_recorded": "To be known",
}
OF_REQUEST = {
    "approval_counted": "Counted",
    "approval_granted": "Approved",
    "approval_denied": "Denied",
    "approval_edited": "Edited: another call takes its place",
    "approval_escalated": "Nobody has decided: more people are asked",
    "approval_consumed": "The approved call is being carried out",
    "question_answered": "Answered",
    "question_denied": "Not answered",
    "budget_extended": "More budget was given",
    "budget_denied": "No more budget",
    "request_expired": "Expired: nobody decided in time",
    "request_withdrawn": "Withdrawn: nobody needs to decide this any more",
}
OPENED = frozenset(
    {"approval_requested", "question_asked", "budget_requested", "unknown_outcome_opened", "failed_compensation_opened"}
)
FENCES = {"fence_raised": "Kill", "fence_released": "Kill released"}
TAKEN_BACK = {"done": "taken back", "failed": "could not be taken back", "not_possible": "cannot be taken back"}


class MessageGone(Undeliverable):
    """The message that was to be changed is no longer there."""


class Room(Protocol[Posted_contra]):
    """The place in a chat where cards are posted."""

    async def post(self, message: Posted_contra, thread: str | None = None) -> str:
        """Post to the room, or below a message; gives the message's place."""

    async def replace(self, place: str, message: Posted_contra) -> None:
        """Replace a message where it stands. Raises `MessageGone`."""


class Scribe(Protocol[Written_co]):
    """Writes messages in the form of a chat. Everything that comes from a run is escaped and cut by it."""

    def card(self, card: ApprovalCard, former: Labelled) -> Written_co:
        """Write a card. `former` says how confidential the arguments were of the call that a person changed into it."""

    def told(self, what: str, event: Event) -> Written_co:
        """Tell of an event in our words, with who did it and why; nothing else of its body."""

    def outcome(self, run: RunRecord, receipt: Receipt) -> Written_co:
        """Tell how a run ended, and what it had done."""


@dataclass(frozen=True)
class Cards(Generic[Message]):
    """Makes the message of a request's card from its rows."""

    scribe: Scribe[Message]
    people: People
    words: SpokenWords
    journal: RunJournal

    async def message(self, request_id: RequestId) -> Message:
        """Write the card as the rows stand now. Raises `UnknownName`."""
        return (await self.both(request_id))[1]

    async def both(self, request_id: RequestId) -> tuple[ApprovalCard, Message]:
        """Give the card as the rows stand now, and its message. Raises `UnknownName`."""
        request = await self.people.request(request_id)
        card = build_card(request, spoken=await self.words.words(request_id))
        return card, self.scribe.card(card, await former_labels(request, self))


@dataclass(frozen=True)
class CardChannel(Generic[Message]):
    """Implements `Channel` for a chat."""

    name: str
    room: Room[Message]
    cards: Cards[Message]
    outbox: Outbox
    kills: KillSwitch
    archive: RunArchive

    def wants(self, event: Event) -> bool:
        """Want requests to people, what becomes of them, what happens to runs that asked, and kills."""
        return event.kind in OPENED or event.kind in OF_REQUEST or event.kind in IN_THREAD or event.kind in FENCES

    async def deliver(self, event: Event, reference: str | None) -> str | None:
        """Post, or bring up to date what was posted for the same subject; see `Channel`."""
        if event.request_id is not None:
            return await self._card(event, event.request_id, reference)
        if event.kind in FENCES:
            scope = f"{event.body.get('scope', '')} {event.body.get('value', '')}".strip()
            message = self.cards.scribe.told(f"{FENCES[event.kind]} {event.body.get('epoch', '')}: {scope}", event)
            place = await self.room.post(message, thread=reference)
            return reference or place
        if event.run_id is not None:
            await self._below_cards(event, event.run_id)
        return None

    async def _card(self, event: Event, request_id: RequestId, reference: str | None) -> str | None:
        try:
            card, message = await self.cards.both(request_id)
        except UnknownName:
            return None
        if reference is not None:
            try:
                await self.room.replace(reference, message)
            except MessageGone:
                reference = None
        if reference is None:
            # A request that is over and was never shown is not news; one that is open must be seen.
            return await self.room.post(message) if card.state is RequestState.PENDING else None
        if event.kind in OF_REQUEST:
            await self.room.post(self.cards.scribe.told(OF_REQUEST[event.kind], event), thread=reference)
        return reference

    async def _below_cards(self, event: Event, run_id: RunId) -> None:
        """Tell of a run below the newest card that it has here; of a run without cards nothing is told."""
        place = await self._newest_card(run_id)
        if place is None:
            return
        if event.kind == "run_closed":
            message = self.cards.scribe.outcome(await self.archive.run(run_id), await self.kills.receipt(run_id))
        else:
            message = self.cards.scribe.told(IN_THREAD[event.kind], event)
        await self.room.post(message, thread=place)

    async def _newest_card(self, run_id: RunId) -> str | None:
        events = await self.outbox.events(run_id=run_id, limit=MOST_EVENTS)
        asked = [one.request_id for one in events if one.kind in OPENED and one.request_id is not None]
        for request_id in reversed(asked):
            place = await self.outbox.reference(self.name, request_id)
            if place is not None:
                return place
        return None
