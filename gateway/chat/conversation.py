"""What chats share: who is speaking, what they order and decide, and the answer in words.

A chat says who wrote something; it proves nothing more. So the subject must be linked to a principal, the principal's
own front does what is asked, and no text of a chat reaches an agent other than as a labelled message (`say`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from gateway.cards.card import ApprovalCard
from gateway.chat.orders import Order, explain_orders, read_order
from gateway.cli.visible import visible_line
from gateway.front import Front
from gateway.front_models import Decided, KillCommand, KillOutcome, RunQuery
from proctor.contracts.control import ControlOrder, ControlWord
from proctor.contracts.errors import InvalidInput, NotAuthorised, ProctorError, Refused
from proctor.contracts.human import DecisionWord, HumanDecision, HumanRequest, Principal
from proctor.contracts.identity_ports import Identities
from proctor.contracts.ids import RequestId, RunId

Checked = TypeVar("Checked")
ChatSystem = Literal["slack", "matrix"]
LISTED = 20
"""How many runs or requests a list in a chat names."""
KILL_WAIT_S = 20.0
UNSAFE: frozenset[DecisionWord] = frozenset({"approve", "edit"})
"""Words after which something may happen. A denial lets nothing happen, so every chat takes it."""

_DECISIONS: dict[str, DecisionWord] = {
    "approve": "approve",
    "deny": "deny",
    "answer": "answer",
    "happened": "happened",
    "not-happened": "not_happened",
}
_STEERING: dict[str, ControlWord] = {"pause": "pause", "resume": "resume", "say": "say"}


@dataclass(frozen=True)
class Answer:
    """What the speaker is told, in plain text that the chat must still escape. Only they need to see it."""

    text: str
    is_done: bool
    """Whether what they asked for was done."""
    request: HumanRequest | None = None
    """The request as it stands now, where one was decided: its card is to be drawn anew."""


@dataclass(frozen=True)
class Conversation:
    """One chat's way in. Safe to use from many tasks at once."""

    system: ChatSystem
    identities: Identities
    front_of: Callable[[Principal], Front]
    public_url: str = ""
    """Where the approval pages are; empty: there are none, and signed decisions go by the command."""
    prefix: str = "/proctor "
    """What stands before an order in this chat."""
    words_here: Callable[[ApprovalCard], Sequence[DecisionWord]] = lambda card: unsigned_words(card)  # noqa: PLW0108
    """Which of a card's words this chat takes: no approval of what it cannot show, or what must be signed."""

    async def principal_of(self, subject: str) -> Principal:
        """Give the principal behind a subject of the chat.

        Raises:
            NotAuthorised: nobody is linked to it; the hint says how it is done.

        """
        found = await self.identities.principal_of(self.system, subject)
        if found is None:
            raise NotAuthorised(
                f"I do not know who you are here ({subject}), so nothing was done",
                hint=f"an owner links you: proctor principals link YOUR-NAME {self.system} {subject}",
            )
        return found

    async def front(self, subject: str) -> Front:
        """Give the front of whoever speaks. Raises `NotAuthorised`, as `principal_of` does."""
        return self.front_of(await self.principal_of(subject))

    async def decide(self, subject: str, decision: HumanDecision, shown: str = "") -> Answer:
        """Decide as the speaker; never raises an error of ours, the answer says what is the matter.

        `shown` is the beginning of the binding's digest on the card that the speaker saw: a decision on any other call
        is refused.
        """
        return await _answered(self._decide(subject, decision, shown))

    async def obey(self, subject: str, text: str, key: str = "") -> Answer:
        """Do what an order says, as the speaker. `key` makes the same message the same order."""
        return await _answered(self._obey(subject, text, key))

    async def form_for(self, subject: str, request_id: RequestId, word: DecisionWord, shown: str = "") -> HumanRequest:
        """Give the request that the speaker is to fill in a form about.

        Raises:
            NotAuthorised: nobody is linked to the speaker, or the word is not taken here.
            Refused: there is nothing to decide any more, or the speaker saw another call.

        """
        front = await self.front(subject)
        request, card = await front.approval(request_id), await front.card(request_id)
        self._check(card, word, shown)
        if not card.words:
            raise Refused(f"too late: the request is {request.state}")
        return request

    def _check(self, card: ApprovalCard, word: DecisionWord, shown: str) -> None:
        """Check that this chat takes the word for this card. Whether the request is still open, the store says."""
        if shown and not (card.binding_sha256 or "").startswith(shown):
            raise Refused("the card that you saw asks for another call", hint="look at the newest card")
        if card.alarm and word in UNSAFE:
            raise Refused(card.alarm, hint="it can only be denied")
        if word in card.words and word not in self.words_here(card):
            why = "is signed" if card.is_signed else "takes a look at what this chat does not show"
            raise NotAuthorised(f"to {word} this {why}, so not here", hint=self.where_else(card.request_id))

    def where_else(self, request_id: RequestId) -> str:
        """Say where a decision is made that this chat does not take."""
        page = self.page_of(request_id)
        return f"open {page}" if page else f"use the command: proctor approve {request_id}"

    def page_of(self, request_id: RequestId) -> str:
        """Give the address of a request's page; empty when there are none."""
        return f"{self.public_url.rstrip('/')}/approvals/{request_id}" if self.public_url else ""

    async def _decide(self, subject: str, decision: HumanDecision, shown: str = "") -> Answer:
        front = await self.front(subject)
        card = await front.card(decision.request_id)
        self._check(card, decision.word, shown)
        said = decision.model_copy(update={"request_id": card.request_id, "channel": self.system, "signature": None})
        return _of_decision(await front.decide(said))

    async def _obey(self, subject: str, text: str, key: str) -> Answer:
        front = await self.front(subject)
        order = read_order(text)
        if order.word in _DECISIONS:
            return await self._decide(subject, _decision(order))
        if order.word in _STEERING:
            return await _steer(front, order, key)
        if order.word == "kill":
            return await _kill(front, order)
        if order.word == "runs":
            return await _list_runs(front)
        if order.word == "approvals":
            return await self._list_approvals(front)
        return Answer(f"You are {front.principal.name} here. Orders:\n{explain_orders(self.prefix)}", is_done=True)

    async def _list_approvals(self, front: Front) -> Answer:
        waiting = await front.approvals()
        lines = [f"{named(one)} · run {one.run_id} · until {one.expires_at:%Y-%m-%d %H:%M} UTC" for one in waiting]
        return Answer(_listed(lines, "nothing waits for a person"), is_done=True)


def unsigned_words(card: ApprovalCard) -> Sequence[DecisionWord]:
    """Give the words of a card that need no signature."""
    return [word for word in card.words if not (card.is_signed and word in UNSAFE)]


def named(request: HumanRequest) -> str:
    """Name a request without any value of its call: those are for the card, which shows what may be shown."""
    tool = request.details.get("tool")
    what = f" for {visible_line(tool)}" if isinstance(tool, str) else ""
    return f"{request.id} ({request.kind}{what})"


async def _answered(work: Awaitable[Answer]) -> Answer:
    try:
        return await work
    except ProctorError as error:
        return Answer(visible_line(error.diagnostics()), is_done=False)


def _decision(order: Order) -> HumanDecision:
    word = _DECISIONS[order.word]
    fields: dict[str, Any] = {"answer": order.text} if word == "answer" else {"reason": order.text}
    return _checked(HumanDecision, request_id=order.target, word=word, **fields)


def _of_decision(decided: Decided) -> Answer:
    request = decided.receipt.request
    note = "" if decided.note == "applied" else f" ({visible_line(decided.note)})"
    if not decided.receipt.applied:
        return Answer(f"not applied, only recorded: {decided.note}", is_done=False, request=request)
    return Answer(f"{named(request)} is {request.state}{note}", is_done=True, request=request)


async def _steer(front: Front, order: Order, key: str) -> Answer:
    word = _STEERING[order.word]
    run_id = RunId(order.target)
    receipt = await front.steer(_checked(ControlOrder, run_id=run_id, word=word, text=order.text, key=key[:100]))
    done = {"pause": "is paused", "resume": "goes on", "say": "has your message"}[order.word]
    note = f" ({visible_line(receipt.note)})" if receipt.note else ""
    return Answer(f"run {visible_line(run_id)} {done}{note}", is_done=True)


async def _kill(front: Front, order: Order) -> Answer:
    command = _checked(KillCommand, scope=order.scope, value=order.target, reason=order.text, wait_s=KILL_WAIT_S)
    return Answer("\n".join(_told(await front.kill(command))), is_done=True)


def _told(outcome: KillOutcome) -> Sequence[str]:
    fence = outcome.fence
    scope = visible_line(f"{fence.scope} {fence.value}".strip())
    lines = [f"fence {fence.epoch} is up ({scope}, {fence.mode}): no new effect can begin under it"]
    for receipt in outcome.receipts[:LISTED]:
        fates = ", ".join(f"{line.tool} {line.fate}" for line in receipt.lines) or "no effects"
        lines.append(visible_line(f"{receipt.run_id}: {receipt.status}; {fates}"))
    lines += [f"{run_id} has not ended yet" for run_id in outcome.still_open[:LISTED]]
    left_out = max(len(outcome.receipts) - LISTED, 0) + max(len(outcome.still_open) - LISTED, 0)
    lines += [f"and {left_out} more"] if left_out else []
    return [*lines, visible_line(outcome.trouble)] if outcome.trouble else lines


async def _list_runs(front: Front) -> Answer:
    page = await front.runs(RunQuery(open_only=True, limit=LISTED + 1))
    lines = [f"{run.run_id} · {run.status} · {run.agent} for {run.requester}" for run in page.items]
    return Answer(_listed(lines, "no run is open"), is_done=True)


def _listed(lines: Sequence[str], none: str) -> str:
    shown = [visible_line(line) for line in lines[:LISTED]]
    return "\n".join([*shown, "and more"] if len(lines) > LISTED else shown) or none


def _checked(form: Callable[..., Checked], **fields: Any) -> Checked:
    try:
        return form(**fields)
    except ValueError as error:
        raise InvalidInput("that is too long, or is no name", hint="shorten what you said") from error
