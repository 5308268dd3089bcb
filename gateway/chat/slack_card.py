"""An approval card as Slack's blocks. What cannot be shown in the chat is not approved in the chat."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.cards.arguments import CardArgument
from gateway.cards.card import ApprovalCard
from gateway.cards.difference import Change
from gateway.cards.hiding import forbids, hides
from gateway.cards.values import Value, gap_notes, step_of
from gateway.cards.visible_text import line as line_of
from gateway.chat.slack_text import (
    MOST_FALLBACK,
    MOST_HEADER,
    MOST_IN_MESSAGE,
    MOST_TEXT,
    Block,
    Element,
    cut,
    escape,
    in_blocks,
    labelled,
    line,
    plain,
    quoted,
    run,
    size_of,
    verbatim,
)
from proctor.contracts.human import DecisionWord, RequestKind, RequestState
from proctor.contracts.labels import Confidentiality
from proctor.contracts.tool import ArgumentRole

MOST_ARGUMENT = 1600
LEAST_ARGUMENT = 200
"""Characters that an argument gets at least, from its beginning and its end; with less, nobody could judge it."""
KEPT_FOR_THE_REST = 5000
"""Of a message's characters, for all that is not an argument's value."""
MOST_FACTS = 20
STEERS = frozenset({ArgumentRole.TARGET, ArgumentRole.AMOUNT})

BUTTONS: dict[DecisionWord, str] = {
    "approve": "Approve",
    "deny": "Deny",
    "edit": "Edit",
    "answer": "Answer",
    "happened": "It happened",
    "not_happened": "It did not happen",
}
ACTION = "proctor:"
"""What the ids of our buttons begin with; a word follows."""
GRANT_ACTION = f"{ACTION}grant"
PAGE_ACTION = f"{ACTION}page"
_STYLES = {"approve": "primary", "deny": "danger"}
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
class Drawing:
    """How cards are drawn in one workspace."""

    may_see: Confidentiality = Confidentiality.INTERNAL
    """The most confidential values that the channel may see; secrets never."""

    def hides(self, argument: CardArgument) -> bool:
        """Whether the channel may not see an argument."""
        return hides(self.may_see, argument)

    def forbids(self, kind: Confidentiality) -> bool:
        """Whether the channel may not see what is labelled so."""
        return forbids(self.may_see, kind)


@dataclass(frozen=True)
class CardMessage:
    """A card as a message."""

    text: str
    """For notifications and screen readers; escaped."""
    blocks: list[Block]


def draw(card: ApprovalCard, page: str, drawing: Drawing, before: frozenset[str] = frozenset()) -> CardMessage:
    """Draw a card as it stands. `page` is the address that shows all of it; empty: there is none.

    `before` names the arguments of the call that a person changed which the channel may not see.
    """
    elements = [*_head(card), *_body(card, drawing, before), *_tail(card), *_elsewhere(card, page, drawing)]
    blocks: list[Block] = [{"type": "header", "text": plain(_headline(card), MOST_HEADER)}, *in_blocks(elements)]
    buttons = _buttons(card, page, drawing)
    if buttons:
        blocks.append({"type": "actions", "block_id": f"{ACTION}{card.request_id}", "elements": buttons})
    return CardMessage(escape(cut(f"{_headline(card)} (run {card.run_id})", MOST_FALLBACK)), blocks)


def words_here(card: ApprovalCard, drawing: Drawing) -> tuple[DecisionWord, ...]:
    """Name the words that may be said in the chat: no approval of what is signed, or of what the chat does not show."""
    if card.is_signed or not is_shown_here(card, drawing):
        return tuple(word for word in card.words if word not in {"approve", "edit"})
    if any(drawing.hides(one) for one in card.arguments):
        return tuple(word for word in card.words if word != "edit")
    return card.words


def is_shown_here(card: ApprovalCard, drawing: Drawing) -> bool:
    """Whether the chat shows every argument that steers the effect.

    A card that leaves out arguments lists so many that none of them has its least share.
    """
    hidden = any(drawing.hides(one) and one.role in STEERS for one in card.arguments)
    return _share(card) >= LEAST_ARGUMENT and not hidden


def stamp_of(card: ApprovalCard) -> str:
    """Name what a card asks for; it travels with the buttons, so that a decision is about what was shown."""
    return card.binding_sha256[:16] if card.binding_sha256 else ""


def _headline(card: ApprovalCard) -> str:
    ending = _ENDINGS.get(card.state)
    return card.title if ending is None else f"{ending} · {card.title}"


def _head(card: ApprovalCard) -> Iterator[Element]:
    if card.alarm:
        yield line(run(f"Do not approve: {card.alarm}", bold=True))
    if card.decided_by:
        because = f": “{card.decided_because}”" if card.decided_because else ""
        yield labelled("Decided by", cut(f"{card.decided_by}{because}", 600))
    if card.tool:
        version = f" {card.tool_version}" if card.tool_version else ""
        effect = f" · {card.effect_said} · risk {card.risk}" if card.effect_said else ""
        yield labelled("Tool", f"{card.tool}{version}{effect}")
    yield labelled("Run", f"{card.run_id}, step {card.step} · asked for by {card.requester} · owner {card.owner}")


def _body(card: ApprovalCard, drawing: Drawing, before: frozenset[str]) -> Iterator[Element]:
    if card.agent_says is not None:
        yield line(run(f"{card.agent} says (the agent's words, not ours):", bold=True))
        yield quoted(cut(card.agent_says.text, 2000))
    if card.changes:
        hidden = before | {one.name for one in card.arguments if drawing.hides(one)}
        yield line(run(f"{card.author} changed the agent's call:", bold=True))
        yield verbatim(cut("\n".join(_changed(one, hidden) for one in card.changes), 2000))
    yield from _values(card, drawing)


def _values(card: ApprovalCard, drawing: Drawing) -> Iterator[Element]:
    """Show arguments, then facts, while there is room; a message that is too large would be shown to nobody."""
    share, room = max(min(_share(card), MOST_ARGUMENT), LEAST_ARGUMENT), MOST_IN_MESSAGE - KEPT_FOR_THE_REST
    shown = [(_about(one), verbatim(_value_of(one, share, drawing))) for one in card.arguments]
    facts = [(labelled(cut(name, 80), cut(value, 300)),) for name, value in card.facts[:MOST_FACTS]]
    for what, rows, others in (
        ("arguments", shown, 0 if card.left_out is None else card.left_out.count),
        ("facts", facts, len(card.facts) - len(facts)),
    ):
        left = others
        for row in rows:
            room -= sum(map(size_of, row))
            left += room < 0
            yield from row if room >= 0 else ()
        if left:
            yield line(run(f"{left} more {what} are on the page only", bold=True))


def _tail(card: ApprovalCard) -> Iterator[Element]:
    if card.marks:
        yield labelled("Made visible", cut("; ".join(f"{mark.code} {mark.what}" for mark in card.marks), 800))
    if card.rule:
        because = f": {card.reason.text}" if card.reason is not None and card.reason.text else ""
        yield labelled("Why it is asked", cut(f"{card.rule}{because}", 700))
    if card.kind is RequestKind.APPROVAL and card.effect_said:
        yield labelled("To take it back", card.compensation or "nothing is known that undoes it")
    for stage in card.stages:
        by = f" · {', '.join(stage.by)}" if stage.by else ""
        yield labelled("Asked now" if stage.is_asked_now else "Approvals", f"{stage.said}{by}")
    for step in card.escalations[:5]:
        done = "asked too" if step.is_made else f"asked too after {step.after_s} s"
        yield labelled("Escalation", cut(f"{', '.join(step.to)} · {done}", 300))
    if card.state is RequestState.PENDING:
        yield labelled("Until", f"{card.expires_at:%Y-%m-%d %H:%M} UTC · request {card.request_id}")


def _elsewhere(card: ApprovalCard, page: str, drawing: Drawing) -> Iterator[Element]:
    """Say why not every word can be said here, and where it can."""
    if "approve" not in card.words or "approve" in words_here(card, drawing):
        return
    why = "High-risk tier: an approval is signed" if card.is_signed else "Not all that it does can be shown here"
    where = page or f"proctor approve {card.request_id}"
    yield line(run(f"{why}. Approve it there: {where}", bold=True))


def _about(argument: CardArgument) -> Element:
    said = [argument.role.value if argument.is_declared else "undeclared"]
    if argument.is_trusted is not None:
        said.append("trusted" if argument.is_trusted else "UNTRUSTED")
    said += [argument.confidentiality] if argument.confidentiality else []
    said += [f"from {', '.join(argument.sources[:6])}"] if argument.sources else []
    return line(run(argument.name, bold=True), run(cut(f" · {' · '.join(said)}", 300)))


def _value_of(argument: CardArgument, limit: int, drawing: Drawing) -> str:
    if drawing.hides(argument):
        return f"⟦{argument.confidentiality}: not shown in this channel; open the page⟧"
    gaps, rows = gap_notes(argument.rows), []
    for n, value in enumerate(argument.rows.values):
        rows += [gaps[n]] if n in gaps else []
        rows.append(_row(value))
    return cut("\n".join(rows), limit)


def _row(value: Value) -> str:
    path = f"{value.path} = " if value.path else ""
    text = f'"{value.shown.text}"' if value.kind == "text" else value.shown.text
    return f"{path}{text}" + (f" ({value.reading})" if value.reading else "")


def _changed(change: Change, hidden: frozenset[str]) -> str:
    roots = [line_of(step_of(name)).removeprefix(".") for name in hidden]
    if any(change.path == root or change.path.startswith((f"{root}.", f"{root}[")) for root in roots):
        return f"{change.path}: ⟦not shown in this channel⟧"
    old = "⟦nothing⟧" if change.old is None else _row(change.old)
    new = "⟦nothing⟧" if change.new is None else _row(change.new)
    return f"{change.path}:\n- {cut(old, 600)}\n+ {cut(new, 600)}"


def _share(card: ApprovalCard) -> int:
    """Say how many characters each argument's value may have."""
    named = sum(size_of(_about(argument)) for argument in card.arguments)
    return min((MOST_IN_MESSAGE - KEPT_FOR_THE_REST - named) // max(len(card.arguments), 1), MOST_TEXT)


def _buttons(card: ApprovalCard, page: str, drawing: Drawing) -> list[Element]:
    said_here = words_here(card, drawing)
    buttons = [_button(BUTTONS[word], f"{ACTION}{word}", card, _STYLES.get(word)) for word in said_here]
    if "approve" in said_here and card.may_grant:
        buttons.insert(1, _button("Approve and stop asking", GRANT_ACTION, card))
    if "approve" in said_here and card.effect == "irreversible":
        buttons[0] = {**buttons[0], "confirm": _sure(card)}
    if page:
        wider = set(card.words) - set(said_here)
        label = "Decide on the page" if wider else "Open the page"
        buttons.append({"type": "button", "text": plain(label, 75), "action_id": PAGE_ACTION, "url": page})
    return buttons


def _button(label: str, action: str, card: ApprovalCard, style: str | None = None) -> Element:
    value = f"{card.request_id}|{stamp_of(card)}"
    styled = {"style": style} if style else {}
    return {"type": "button", "text": plain(label, 75), "action_id": action, "value": value, **styled}


def _sure(card: ApprovalCard) -> Element:
    return {
        "title": plain("Approve this?", 100),
        "text": plain(f"{card.tool} {card.effect_said}.", 300),
        "confirm": plain("Approve", 30),
        "deny": plain("Not yet", 30),
    }


def read_value(value: str) -> tuple[str, str]:
    """Give the request and the stamp that a button carries."""
    request_id, _, stamp = value.partition("|")
    return request_id, stamp
