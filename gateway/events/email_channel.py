"""E-mail: tells people that they are asked, with a link to the page where they decide. Nothing is decided by mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from markupsafe import Markup, escape

from gateway.cards.card import ApprovalCard, build_card
from gateway.cards.hiding import as_shown, former_labels
from gateway.cards.html import render_html
from gateway.cards.plain import moment, render_text
from gateway.cards.visible_text import line
from gateway.events.channels import Undeliverable
from gateway.events.envelopes import Links
from gateway.events.mailing import Letter, Mailer
from proctor.contracts.approving_ports import SpokenWords
from proctor.contracts.errors import InvalidInput
from proctor.contracts.events import Addressee, Addresses, Event
from proctor.contracts.human import HumanRequest, RequestState
from proctor.contracts.ids import PrincipalName
from proctor.contracts.labels import Confidentiality
from proctor.contracts.people_ports import People
from proctor.contracts.ports import RunJournal
from proctor.contracts.stages import SpokenWord, asked_now, stages_of

OCCASIONS = {
    "approval_requested": "asked",
    "question_asked": "asked",
    "budget_requested": "asked",
    "unknown_outcome_opened": "asked",
    "failed_compensation_opened": "asked",
    "approval_counted": "next",
    "approval_escalated": "escalated",
    "request_waiting": "still waiting",
}
"""Events that somebody is asked by, and the word for it in the subject."""
NOTICE = "notice_recorded"
_MAY_CARRY = Confidentiality.PII
"""Who decides is written to by name, and so may read what a room may not; what is secret is in no mail."""
_log = structlog.get_logger(__name__)


class MailStore(Protocol):
    """What e-mail needs of the store."""

    @property
    def people(self) -> People:
        """Requests."""

    @property
    def words(self) -> SpokenWords:
        """What people said on them."""

    @property
    def journal(self) -> RunJournal:
        """What a call was before a person changed it."""

    @property
    def addresses(self) -> Addresses:
        """Where people are written to."""


@dataclass(frozen=True)
class EmailChannel:
    """Implements `Channel`."""

    store: MailStore
    mailer: Mailer
    links: Links
    name: str = "email"

    def wants(self, event: Event) -> bool:
        """Take what somebody is asked or told by."""
        return event.kind in OCCASIONS or event.kind == NOTICE

    async def deliver(self, event: Event, _reference: str | None) -> str | None:
        """Write to those who may decide next, or are to be told; nobody is written to about what is decided."""
        letters = await (self._notices(event) if event.kind == NOTICE else self._asking(event))
        refused = []
        for letter in letters:
            try:
                await self.mailer.send(letter)
            except InvalidInput as error:
                _log.warning("address_refused", address=letter.to, trouble=error.message)
                refused.append(error.message)
        if letters and len(refused) == len(letters):
            raise Undeliverable("; ".join(refused))
        return None

    async def _asking(self, event: Event) -> list[Letter]:
        assert event.request_id is not None
        request = await self.store.people.request(event.request_id)
        if request.state is not RequestState.PENDING:
            return []
        spoken = await self.store.words.words(request.id)
        authors = await self.store.addresses.authors(request.run_id, request.step, request.call)
        former = await former_labels(request, self.store)
        card, hidden = as_shown(build_card(request, spoken=spoken, whole=True), _MAY_CARRY, former)
        asked = [
            one
            for one in await self.store.addresses.addressees(request.agent)
            if _may_decide(one, request, spoken, authors)
        ]
        return [self._letter(one.address, card, event, hidden) for one in asked]

    def _letter(self, to: str, card: ApprovalCard, event: Event, hidden: Sequence[str]) -> Letter:
        subject = f"[Proctor] {OCCASIONS[event.kind]}: {card.title} (until {moment(card.expires_at)})"
        link = self.links.approval(card.request_id) if self.links.public_url else ""
        how = f"Decide here, after signing in: {link}" if link else f"Decide with: proctor approvals {card.request_id}"
        left_out = f"Not in this mail, for it is secret: {line(', '.join(hidden), 200)}. " if hidden else ""
        closing = f"{left_out}Answers to this mail decide nothing."
        return Letter(
            to=to,
            subject=subject,
            text=f"{how}\n\n{render_text(card)}\n\n{closing}\n",
            html=_page(how if not link else Markup('<a href="{}">Decide here, after signing in</a>').format(link),
                       render_html(card), closing),
            key=event.id,
            thread=event.subject,
        )  # fmt: skip

    async def _notices(self, event: Event) -> list[Letter]:
        step, call = event.body.get("step"), event.body.get("call")
        if event.run_id is None or not isinstance(step, int) or not isinstance(call, int):
            raise Undeliverable("the record names no call")
        told = await self.store.addresses.notices(event.run_id, step, call)
        people = await self.store.addresses.addressees(event.agent)
        return [self._notice(one.address, told[one.principal], event) for one in people if one.principal in told]

    def _notice(self, to: str, text: str, event: Event) -> Letter:
        said = line(text, 600)
        run = self.links.of(event).get("run", f"proctor show {event.run_id}")
        return Letter(
            to=to,
            subject=f"[Proctor] told: {event.agent} in run {event.run_id}",
            text=f"{said}\n\n{run}\n",
            html=_page(said, Markup("<p>{}</p>").format(run), "A policy asks to tell you of this."),
            key=event.id,
            thread=event.id,
        )


def _may_decide(
    one: Addressee, request: HumanRequest, spoken: Sequence[SpokenWord], authors: frozenset[PrincipalName]
) -> bool:
    """Whether a person, or one whose place they may take, is asked now. The store has the last word later."""
    taken = {name for word in spoken if word.applied for name in word.names} | authors | {request.requester}
    if one.principal in taken:
        return False
    places = [(one.principal, {role.value for role in one.roles})]
    places += [(name, {role.value for role in one.roles_stood_in_for}) for name in one.stands_in_for]
    return any(name not in taken and _is_asked(name, roles, request, spoken) for name, roles in places)


def _is_asked(name: PrincipalName, roles: set[str], request: HumanRequest, spoken: Sequence[SpokenWord]) -> bool:
    if name == request.owner:
        roles = roles | {"owner"}
    process = request.process
    if process is None:
        return name == request.owner or "approver" in roles
    if any(name in one.to for one in process.escalations[: request.escalated]):
        return True
    stage = asked_now(stages_of(process, spoken))
    return stage is not None and stage.stage.role in roles


def _page(first: str | Markup, middle: Markup, closing: str) -> str:
    return f"<!doctype html><html><body><p>{escape(first)}</p>{middle}<p>{escape(closing)}</p></body></html>"
