"""What a reaction, a reply or an order in Matrix does. Knows nothing of how it came in."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.cards.editing import read_edited
from gateway.chat.conversation import Answer, Conversation
from gateway.chat.editing import ToolContracts
from gateway.chat.matrix_api import Heard, MatrixRoom
from gateway.chat.matrix_card import said
from gateway.cli.visible import visible_line
from proctor.contracts.approving import LONGEST_GRANT_S, GrantTerms
from proctor.contracts.errors import InvalidInput, ProctorError
from proctor.contracts.events import Outbox
from proctor.contracts.human import DecisionWord, HumanDecision
from proctor.contracts.ids import RequestId

NAME: Final = "matrix"
PREFIX = "!proctor"
_VARIANTS = re.compile("[\ufe0e\ufe0f]")
# A thumb up is how people say that they have read something, so it approves nothing.
_REACTIONS: dict[str, DecisionWord] = {
    "✅": "approve",
    "☑": "approve",
    "✔": "approve",
    "❌": "deny",
    "✖": "deny",
    "🚫": "deny",
}
_REPLY = re.compile(r"(approve|deny|edit|answer|happened|not-happened)(?: for (\d{1,4}[mhd]))?(?::\s*(.+))?", re.DOTALL)
"""A word alone, or with a colon and what belongs to it: a sentence that begins with `approve` is talk."""
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_NEEDS_TEXT = {"deny": "why", "edit": "{…}", "answer": "text"}


@dataclass(frozen=True)
class MatrixDesk:
    """Does what people ask for in the room, and tells them."""

    conversation: Conversation
    room: MatrixRoom
    outbox: Outbox
    tools: ToolContracts

    async def take(self, heard: Heard) -> None:
        """Do what somebody said, if it is for us, and answer below it. Talk among people is not answered."""
        if heard.is_reaction:
            answer = await self._reaction(heard)
        elif heard.text == PREFIX or heard.text.startswith(f"{PREFIX} "):
            order = heard.text.removeprefix(PREFIX).strip()
            answer = await self.conversation.obey(heard.sender, order, heard.event_id)
        else:
            answer = await self._reply(heard)
        if answer is not None:
            told = said(f"{visible_line(heard.sender)}: {answer.text}")
            await self.room.post(told, thread=heard.about or heard.event_id)

    async def _reaction(self, heard: Heard) -> Answer | None:
        word = _REACTIONS.get(_VARIANTS.sub("", heard.text))
        request_id = await self._request_of(heard)
        if word is None or request_id is None:
            return None
        reason = f"reacted with {heard.text}" if word == "deny" else ""
        return await self._decide(heard, HumanDecision(request_id=request_id, word=word, reason=reason))

    async def _reply(self, heard: Heard) -> Answer | None:
        said_so = _REPLY.fullmatch(heard.text.strip())
        request_id = None if said_so is None else await self._request_of(heard)
        if said_so is None or request_id is None:
            return None
        try:
            decision = await self._read(heard, request_id, said_so)
        except ProctorError as error:
            return Answer(visible_line(error.diagnostics()), is_done=False)
        return await self._decide(heard, decision)

    async def _read(self, heard: Heard, request_id: RequestId, said_so: re.Match[str]) -> HumanDecision:
        word, span, text = said_so[1], said_so[2], (said_so[3] or "").strip()
        if word in _NEEDS_TEXT and not text:
            raise InvalidInput("something is missing", hint=f"reply: {word}: {_NEEDS_TEXT[word]}")
        if span and word != "approve":
            raise InvalidInput(f"only an approval can be given for a while, not {word}", hint="leave out `for …`")
        if word == "edit":
            request = await self.conversation.form_for(heard.sender, request_id, "edit")
            arguments = read_edited(text, (await self.tools.contract_of(request)).input_schema)
            if arguments == request.details.get("arguments"):
                raise InvalidInput("nothing is changed", hint="approve or deny it as it is")
            return HumanDecision(request_id=request_id, word="edit", arguments=arguments)
        if word == "answer":
            return HumanDecision(request_id=request_id, word="answer", answer=text)
        decision_word: DecisionWord = "not_happened" if word == "not-happened" else word  # type: ignore[assignment]
        grant = GrantTerms(for_s=_seconds(span)) if span else None
        return HumanDecision(request_id=request_id, word=decision_word, reason=text[:2000], grant=grant)

    async def _decide(self, heard: Heard, decision: HumanDecision) -> Answer:
        return await self.conversation.decide(heard.sender, decision)

    async def _request_of(self, heard: Heard) -> RequestId | None:
        """Give the request whose card an event is about; None where it is about something else."""
        if heard.about is None:
            return None
        subject = await self.outbox.subject_of(NAME, heard.about) or await self.room.request_in(heard.about)
        return RequestId(subject) if subject is not None and subject.startswith("req-") else None


def _seconds(span: str) -> int:
    """Read `30m`, `2h` or `1d`. Raises `InvalidInput` beyond the longest grant."""
    seconds = int(span[:-1]) * _UNITS[span[-1]]
    if not 0 < seconds <= LONGEST_GRANT_S:
        raise InvalidInput(f"an approval is given for at most {LONGEST_GRANT_S // 86_400} days", hint="say `for 2h`")
    return seconds
