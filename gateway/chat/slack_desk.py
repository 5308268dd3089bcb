"""What a press, a form or an order in Slack does. Knows nothing of how it came in."""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.cards.editing import editable, read_edited
from gateway.chat.card_channel import Cards
from gateway.chat.conversation import Answer, Conversation, named
from gateway.chat.editing import ToolContracts
from gateway.chat.slack_api import SlackApi
from gateway.chat.slack_card import CardMessage
from gateway.chat.slack_forms import (
    FIELD,
    FormNotes,
    answer_form,
    confirm_form,
    edit_form,
    grant_form,
    reason_form,
    said_in,
    terms_in,
)
from gateway.chat.slack_text import MOST_TEXT, cut, escape, in_blocks, line, run
from proctor.contracts.approving import GrantTerms
from proctor.contracts.errors import InvalidInput, ProctorError
from proctor.contracts.human import DecisionWord, HumanDecision, HumanRequest
from proctor.contracts.ids import RequestId

MUST_ANSWER_WITHIN_S = 2.0
"""Slack takes an answer within 3 seconds; what a form is answered with is ready before."""
ASKS_FIRST: dict[str, DecisionWord] = {"deny": "deny", "edit": "edit", "answer": "answer", "grant": "approve"}
"""Buttons that open a form, and the word that follows from it."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Speaker:
    """Who pressed or wrote something, and where."""

    subject: str
    """`TEAM/USER`: user ids are unique within a workspace only."""
    user: str
    channel: str


@dataclass(frozen=True)
class Press:
    """A button of a card that somebody pressed."""

    word: str
    request_id: RequestId
    shown: str
    ts: str
    trigger_id: str


@dataclass(frozen=True)
class Desk:
    """Does what people ask for in Slack, and tells them."""

    conversation: Conversation
    api: SlackApi
    cards: Cards[CardMessage]
    tools: ToolContracts

    async def press(self, speaker: Speaker, press: Press) -> None:
        """Do what a button says: decide, or open the form that it takes."""
        notes = FormNotes(press.request_id, press.shown, speaker.channel, press.ts)
        word = ASKS_FIRST.get(press.word)
        if word is None:
            await self._decide(speaker, notes, word=press.word)
            return
        try:
            request = await self.conversation.form_for(speaker.subject, press.request_id, word, press.shown)
            await self.api.open_form(press.trigger_id, self._form(press.word, notes, request))
        except ProctorError as error:
            await self._refuse(speaker, notes, error.diagnostics())

    async def submit(self, speaker: Speaker, word: str, view: dict[str, Any]) -> None:
        """Do what a filled-in form says, other than an edit that must be looked at first."""
        notes = FormNotes.read(view["private_metadata"])
        text = said_in(view)
        if word == "deny":
            await self._decide(speaker, notes, word="deny", reason=text)
        elif word == "answer":
            await self._decide(speaker, notes, word="answer", answer=text)
        elif word == "grant":
            await self._grant(speaker, notes, view)
        elif word == "confirm":
            await self._propose(speaker, notes)

    async def look_at_edit(self, speaker: Speaker, view: dict[str, Any]) -> dict[str, Any]:
        """Answer an edit: with what is wrong, beside the field, or with what it changes, to be confirmed."""
        try:
            async with asyncio.timeout(MUST_ANSWER_WITHIN_S):
                return await self._look_at_edit(speaker, view)
        except ProctorError as error:
            return _beside_field(error.diagnostics())
        except TimeoutError:
            return _beside_field("this takes too long just now; try again")

    async def obey(self, speaker: Speaker, text: str, key: str) -> Answer:
        """Do what an order says."""
        return await self.conversation.obey(speaker.subject, text, key)

    async def _look_at_edit(self, speaker: Speaker, view: dict[str, Any]) -> dict[str, Any]:
        notes = FormNotes.read(view["private_metadata"])
        request = await self.conversation.form_for(speaker.subject, notes.request_id, "edit", notes.shown)
        found = await self._read(said_in(view), request)
        if found == request.details.get("arguments"):
            raise InvalidInput("nothing is changed: approve or deny it as it is")
        kept = FormNotes(notes.request_id, notes.shown, notes.channel, notes.ts, said_in(view))
        return {"response_action": "update", "view": confirm_form(kept, request, found)}

    async def _grant(self, speaker: Speaker, notes: FormNotes, view: dict[str, Any]) -> None:
        try:
            terms = terms_in(view)
        except InvalidInput as error:
            await self._refuse(speaker, notes, error.diagnostics())
            return
        await self._decide(speaker, notes, word="approve", grant=terms)

    async def _propose(self, speaker: Speaker, notes: FormNotes) -> None:
        try:
            request = await self.conversation.form_for(speaker.subject, notes.request_id, "edit", notes.shown)
            found = await self._read(notes.arguments, request)
        except ProctorError as error:
            await self._refuse(speaker, notes, error.diagnostics())
            return
        await self._decide(speaker, notes, word="edit", arguments=found)

    async def _read(self, text: str, request: HumanRequest) -> dict[str, Any]:
        return read_edited(text, (await self.tools.contract_of(request)).input_schema)

    def _form(self, word: str, notes: FormNotes, request: HumanRequest) -> dict[str, Any]:
        if word == "edit":
            return edit_form(notes, editable(request.details.get("arguments") or {}))
        if word == "answer":
            return answer_form(notes, str(request.details.get("question") or ""))
        return grant_form(notes, named(request)) if word == "grant" else reason_form(notes, named(request))

    async def _decide(
        self,
        speaker: Speaker,
        notes: FormNotes,
        *,
        word: Any,
        reason: str = "",
        answer: str | None = None,
        arguments: dict[str, Any] | None = None,
        grant: GrantTerms | None = None,
    ) -> None:
        decision = HumanDecision(
            request_id=notes.request_id, word=word, reason=reason, answer=answer, arguments=arguments, grant=grant
        )
        done = await self.conversation.decide(speaker.subject, decision, notes.shown)
        if done.is_done:
            return
        await self._refuse(speaker, notes, done.text)
        if done.request is not None:
            await self._mend(notes)

    async def _mend(self, notes: FormNotes) -> None:
        """Draw a card anew that may still offer what is over: it was posted twice, and the feed knows the newer one."""
        try:
            await self.api.replace(f"{notes.channel}/{notes.ts}", await self.cards.message(notes.request_id))
        except ProctorError as error:
            _log.warning("slack_card_not_mended", request=notes.request_id, trouble=error.message)

    async def _refuse(self, speaker: Speaker, notes: FormNotes, text: str) -> None:
        try:
            await self.api.whisper(notes.channel or speaker.channel, speaker.user, spoken(text))
        except ProctorError as error:
            _log.warning("slack_answer_not_given", request=notes.request_id, trouble=error.message)


def spoken(text: str) -> CardMessage:
    """Put our words into a message, nothing of them parsed."""
    shown = cut(text, MOST_TEXT)
    return CardMessage(escape(cut(text, 600)), in_blocks([line(run(shown))]))


def _beside_field(text: str) -> dict[str, Any]:
    return {"response_action": "errors", "errors": {FIELD: cut(text, 300)}}
