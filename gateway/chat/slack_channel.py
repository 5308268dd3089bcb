"""Events into Slack: a card for each request, kept true where it stands, and what follows in the thread below it."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.cards.card import ApprovalCard, build_card
from gateway.chat.slack_api import MessageGone, SlackApi
from gateway.chat.slack_card import CardMessage, Drawing, draw
from gateway.chat.slack_text import MOST_TEXT, cut, escape, in_blocks, labelled, line, run
from gateway.cli.visible import visible_line
from proctor.contracts.approving_ports import SpokenWords
from proctor.contracts.errors import UnknownName
from proctor.contracts.events import Event, Outbox
from proctor.contracts.human import HumanRequest, RequestState
from proctor.contracts.ids import RequestId, RunId
from proctor.contracts.kill import Receipt
from proctor.contracts.ports import KillSwitch, People, RunArchive, RunJournal
from proctor.contracts.run import CallRef

NAME = "slack"
MOST_EVENTS = 500
"""How many events of a run are looked through for its cards."""
_IN_THREAD = {
    "run_closed": "The run has ended",
    "run_paused": "The run is paused",
    "run_resumed": "The run goes on",
    "run_steered": "The agent was sent a message",
    "run_taken_over": "A person took over",
    "run_handed_back": "The agent drives again",
    "notice_recorded": "To be known",
}
_OF_REQUEST = {
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
    "request_withdrawn": "Withdrawn: the run has ended",
}
_OPENED = frozenset(
    {"approval_requested", "question_asked", "budget_requested", "unknown_outcome_opened", "failed_compensation_opened"}
)
_FENCES = {"fence_raised": "Kill", "fence_released": "Kill released"}


@dataclass(frozen=True)
class Cards:
    """Makes the message of a request's card from its rows."""

    people: People
    words: SpokenWords
    journal: RunJournal
    drawing: Drawing
    public_url: str = ""

    async def message(self, request_id: RequestId) -> CardMessage:
        """Draw it."""
        return (await self.both(request_id))[1]

    async def both(self, request_id: RequestId) -> tuple[ApprovalCard, CardMessage]:
        """Give the card as the rows stand now, and its message. Raises `UnknownName`."""
        request = await self.people.request(request_id)
        card = build_card(request, spoken=await self.words.words(request_id))
        page = f"{self.public_url.rstrip('/')}/approvals/{card.request_id}" if self.public_url else ""
        return card, draw(card, page, self.drawing, await self._hidden_before(request))

    async def _hidden_before(self, request: HumanRequest) -> frozenset[str]:
        """Name what the channel may not see of the call that a person changed: its labels were of that call."""
        if request.replaces is None:
            return frozenset()
        plan = await self.journal.call_plan(CallRef(run_id=request.run_id, step=request.step, call=request.replaces))
        flows = plan.decision.flows
        return frozenset(name for name, flow in flows.items() if self.drawing.forbids(flow.labels.confidentiality))


@dataclass(frozen=True)
class SlackChannel:
    """Implements `Channel`."""

    api: SlackApi
    cards: Cards
    outbox: Outbox
    kills: KillSwitch
    archive: RunArchive

    @property
    def name(self) -> str:
        """Name of the channel."""
        return NAME

    def wants(self, event: Event) -> bool:
        """Want requests to people, what becomes of them, what happens to runs that asked, and kills."""
        return event.kind in _OPENED or event.kind in _OF_REQUEST or event.kind in _IN_THREAD or event.kind in _FENCES

    async def deliver(self, event: Event, reference: str | None) -> str | None:
        """Post, or bring up to date what was posted for the same subject; see `Channel`."""
        if event.request_id is not None:
            return await self._card(event, event.request_id, reference)
        if event.kind in _FENCES:
            return await self._fence(event, reference)
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
                await self.api.replace(reference, message)
            except MessageGone:
                reference = None
        if reference is None:
            # A request that is over and was never shown is not news; one that is open must be seen.
            return await self.api.post(message) if card.state is RequestState.PENDING else None
        if event.kind in _OF_REQUEST:
            await self.api.post(_told(_OF_REQUEST[event.kind], event), thread=reference)
        return reference

    async def _fence(self, event: Event, reference: str | None) -> str | None:
        scope = visible_line(f"{event.body.get('scope', '')} {event.body.get('value', '')}".strip())
        message = _told(f"{_FENCES[event.kind]} {event.body.get('epoch', '')}: {scope}", event)
        place = await self.api.post(message, thread=reference)
        return reference or place

    async def _below_cards(self, event: Event, run_id: RunId) -> None:
        """Tell of a run below the newest card that it has here; of a run without cards nothing is told."""
        place = await self._newest_card(run_id)
        if place is None:
            return
        message = _told(_IN_THREAD[event.kind], event)
        if event.kind == "run_closed":
            record = await self.archive.run(run_id)
            message = _outcome(record.status, record.status_reason, await self.kills.receipt(run_id))
        await self.api.post(message, thread=place)

    async def _newest_card(self, run_id: RunId) -> str | None:
        events = await self.outbox.events(run_id=run_id, limit=MOST_EVENTS)
        asked = [one.request_id for one in events if one.kind in _OPENED and one.request_id is not None]
        for request_id in reversed(asked):
            place = await self.outbox.reference(NAME, request_id)
            if place is not None:
                return place
        return None


def _told(what: str, event: Event) -> CardMessage:
    """Tell of an event in our words, with who did it and why; nothing else of its body."""
    by, why = (visible_line(event.body.get(name) or "") for name in ("by", "reason"))
    parts = [what, *([f"by {by}"] if by else []), *([f"“{cut(why, 500)}”"] if why else [])]
    return CardMessage(escape(cut(" · ".join(parts), 600)), in_blocks([line(run(cut(" · ".join(parts), MOST_TEXT)))]))


def _outcome(status: str, reason: str, receipt: Receipt) -> CardMessage:
    head = labelled(
        "The run has ended", visible_line(status) + (f" · {cut(visible_line(reason), 500)}" if reason else "")
    )
    return CardMessage(escape(f"The run has ended: {status}"), in_blocks([head, *_effects(receipt)]))


def _effects(receipt: Receipt) -> Sequence[dict[str, object]]:
    shown = receipt.lines[:30]
    lines = [
        line(run(visible_line(f"{one.tool}: {one.fate}") + _taken_back(one.compensation) + f" · {one.key}"))
        for one in shown
    ]
    left = len(receipt.lines) - len(shown)
    return [*lines, line(run(f"and {left} more effects"))] if left else lines


def _taken_back(compensation: str) -> str:
    said = {"done": "taken back", "failed": "could not be taken back", "not_possible": "cannot be taken back"}
    return f", {said[compensation]}" if compensation in said else ""
