"""Messages in Slack's form: cards, what becomes of them, and how runs end."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.cards.card import ApprovalCard
from gateway.cards.hiding import Labelled
from gateway.chat.card_channel import TAKEN_BACK
from gateway.chat.slack_card import CardMessage, Drawing, draw
from gateway.chat.slack_text import MOST_TEXT, cut, escape, in_blocks, labelled, line, run
from gateway.cli.visible import visible_line
from proctor.contracts.events import Event
from proctor.contracts.kill import Receipt
from proctor.contracts.run import RunRecord


@dataclass(frozen=True)
class SlackScribe:
    """Implements `Scribe` for Slack."""

    drawing: Drawing
    public_url: str = ""

    def card(self, card: ApprovalCard, former: Labelled) -> CardMessage:
        """Draw a card."""
        page = f"{self.public_url.rstrip('/')}/approvals/{card.request_id}" if self.public_url else ""
        hidden = frozenset(name for name, kind in former.items() if self.drawing.forbids(kind))
        return draw(card, page, self.drawing, hidden)

    def told(self, what: str, event: Event) -> CardMessage:
        """Tell of an event in our words, with who did it and why; nothing else of its body."""
        by, why = (visible_line(event.body.get(name) or "") for name in ("by", "reason"))
        said = visible_line(what)
        told = " · ".join([said, *([f"by {by}"] if by else []), *([f"“{cut(why, 500)}”"] if why else [])])
        return CardMessage(escape(cut(told, 600)), in_blocks([line(run(cut(told, MOST_TEXT)))]))

    def outcome(self, ended: RunRecord, receipt: Receipt) -> CardMessage:
        """Tell how a run ended, and what it had done."""
        why = f" · {cut(visible_line(ended.status_reason), 500)}" if ended.status_reason else ""
        head = labelled("The run has ended", visible_line(ended.status) + why)
        return CardMessage(escape(f"The run has ended: {ended.status}"), in_blocks([head, *_effects(receipt)]))


def _effects(receipt: Receipt) -> Sequence[dict[str, object]]:
    shown = receipt.lines[:30]
    lines = [
        line(run(visible_line(f"{one.tool}: {one.fate}") + _taken_back(one.compensation) + f" · {one.key}"))
        for one in shown
    ]
    left = len(receipt.lines) - len(shown)
    return [*lines, line(run(f"and {left} more effects"))] if left else lines


def _taken_back(compensation: str) -> str:
    return f", {TAKEN_BACK[compensation]}" if compensation in TAKEN_BACK else ""
