"""Cards and other messages as Matrix events. What cannot be shown in the room is not approved in the room."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from gateway.cards.card import ApprovalCard
from gateway.cards.hiding import Labelled, as_shown
from gateway.cards.html import render_html
from gateway.cards.plain import render_text
from gateway.chat.card_channel import TAKEN_BACK
from gateway.cli.visible import visible_line
from proctor.contracts.canonical import summarize
from proctor.contracts.events import Event
from proctor.contracts.human import DecisionWord, RequestState
from proctor.contracts.kill import Receipt
from proctor.contracts.labels import Confidentiality
from proctor.contracts.run import RunRecord

Content = dict[str, Any]
REQUEST = "org.proctor.request"
"""Field of a card that names its request, for a gateway that died between posting it and remembering its place."""
LARGEST_CARD = 24_000
"""Bytes of a card. An event may have 65,536, and one that replaces another holds its content twice."""
MOST_EFFECTS = 30
APPROVE, DENY = "✅", "❌"
_UNSAFE: frozenset[DecisionWord] = frozenset({"approve", "edit"})
_WAYS: dict[DecisionWord, str] = {
    "approve": f"react with {APPROVE}, or reply “approve”",
    "deny": f"react with {DENY}, or reply “deny: why”",
    "edit": "reply “edit: {…}” with all arguments as JSON",
    "answer": "reply “answer: …”",
    "happened": "reply “happened”",
    "not_happened": "reply “not-happened”",
}
_ENDINGS = {
    RequestState.GRANTED: "Approved",
    RequestState.CONSUMED: "Approved and used",
    RequestState.DENIED: "Denied",
    RequestState.ANSWERED: "Answered",
    RequestState.EDITED: "Edited: another call took its place",
    RequestState.EXPIRED: "Expired: nobody decided in time",
    RequestState.WITHDRAWN: "Withdrawn: nobody needs to decide this any more",
}


@dataclass(frozen=True)
class MatrixMessage:
    """A message as it is sent."""

    content: Content
    offers: tuple[str, ...] = ()
    """Reactions that are put below it, so that a tap decides."""


@dataclass(frozen=True)
class MatrixScribe:
    """Implements `Scribe` for Matrix: plain text, and the same as HTML in which everything is escaped."""

    may_see: Confidentiality = Confidentiality.INTERNAL
    public_url: str = ""

    def card(self, card: ApprovalCard, former: Labelled | None = None) -> MatrixMessage:
        """Write a card as it stands, with the ways in which it can be decided here."""
        ending = _ENDINGS.get(card.state)
        notes = [*([ending] if ending else []), *self._notes(card)]
        shown, hidden = as_shown(card, self.may_see, former)
        if not self._fits(shown):
            notes.append("It is too long for this room")
            shown = shown.model_copy(update={"arguments": (), "changes": (), "facts": (), "agent_says": None})
        if hidden:
            notes.append(f"Not shown in this room: {', '.join(hidden)}")
        lines = [visible_line(note) for note in notes]
        head = "".join(f"<p><strong>{escape(one)}</strong></p>" for one in lines)
        here = self.words_here(card)
        offers = tuple(emoji for emoji, word in ((APPROVE, "approve"), (DENY, "deny")) if word in here)
        body = "\n".join([*lines, "", render_text(shown)]).strip()
        content = {**written(body, head + render_html(shown)), REQUEST: card.request_id}
        return MatrixMessage(content, offers)

    def words_here(self, card: ApprovalCard) -> Sequence[DecisionWord]:
        """Name the words that may be said here: no approval of what is signed, or of what the room does not show."""
        shown, hidden = as_shown(card, self.may_see)
        if card.is_signed or hidden or card.left_out is not None or not card.is_whole or not self._fits(shown):
            return tuple(word for word in card.words if word not in _UNSAFE)
        return card.words

    def told(self, what: str, event: Event) -> MatrixMessage:
        """Tell of an event in our words, with who did it and why; nothing else of its body."""
        by, why = (str(event.body.get(name) or "") for name in ("by", "reason"))
        parts = [what, *([f"by {by}"] if by else []), *([f"“{summarize(why, 500)}”"] if why else [])]
        return said(" · ".join(parts))

    def outcome(self, run: RunRecord, receipt: Receipt) -> MatrixMessage:
        """Tell how a run ended, and what it had done."""
        why = f" · {summarize(run.status_reason, 500)}" if run.status_reason else ""
        effects = [
            f"{one.tool}: {one.fate}" + (f", {TAKEN_BACK[one.compensation]}" if one.compensation in TAKEN_BACK else "")
            for one in receipt.lines[:MOST_EFFECTS]
        ]
        left = len(receipt.lines) - len(effects)
        more = [f"and {left} more effects"] if left else []
        return said("\n".join([f"The run has ended: {run.status}{why}", *effects, *more]))

    def _fits(self, card: ApprovalCard) -> bool:
        written_card = written(render_text(card), render_html(card))
        return len(json.dumps(written_card, ensure_ascii=False).encode()) <= LARGEST_CARD

    def _notes(self, card: ApprovalCard) -> list[str]:
        here = self.words_here(card)
        if card.state is not RequestState.PENDING:
            return []
        notes = [f"To {word.replace('_', ' ')}: {_WAYS[word]}" for word in here]
        if set(card.words) - set(here):
            why = "An approval is signed" if card.is_signed else "This room does not show all of it"
            url = self.public_url.rstrip("/")
            where = f"{url}/approvals/{card.request_id}" if url else f"proctor approve {card.request_id}"
            notes.append(f"{why}. Approve it there: {where}")
        return notes


def said(text: str) -> MatrixMessage:
    """Write a message of plain text; what steers a reader's screen is shown as its code."""
    lines = [visible_line(line) for line in text.split("\n")]
    return MatrixMessage(written("\n".join(lines), "<br>".join(escape(line) for line in lines)))


def written(body: str, html: str) -> Content:
    """Write a notice. It mentions nobody, whatever stands in it."""
    return {
        "msgtype": "m.notice",
        "body": body,
        "format": "org.matrix.custom.html",
        "formatted_body": html,
        "m.mentions": {},
    }
