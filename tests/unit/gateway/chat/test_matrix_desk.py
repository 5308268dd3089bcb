"""What a reaction or a reply in Matrix comes to, without a homeserver or a store."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.chat.conversation import Answer
from gateway.chat.matrix_api import Heard
from gateway.chat.matrix_card import MatrixMessage
from gateway.chat.matrix_desk import MatrixDesk
from proctor.contracts.human import HumanDecision

ARGUMENTS = {"service": "web"}
SUBJECTS = {"$card": "req-1", "$run": "run-1"}


@dataclass
class FakeParts:
    """The conversation, the room and the store in one; notes what was decided, ordered and said."""

    decided: list[HumanDecision] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def decide(self, subject: str, decision: HumanDecision) -> Answer:
        self.decided.append(decision)
        return Answer("done", is_done=True)

    async def obey(self, subject: str, text: str, key: str) -> Answer:
        self.orders.append(text)
        return Answer("done", is_done=True)

    async def form_for(self, subject: str, request_id: str, word: str) -> Any:
        return SimpleNamespace(details={"arguments": ARGUMENTS})

    async def contract_of(self, request: Any) -> Any:
        return SimpleNamespace(input_schema={"type": "object"})

    async def subject_of(self, channel: str, reference: str) -> str | None:
        return SUBJECTS.get(reference)

    async def request_in(self, place: str) -> str | None:
        assert place, "the homeserver is asked about an event"
        return None

    async def post(self, message: MatrixMessage, thread: str) -> str:
        self.told.append(message.content["body"])
        return "$told"


async def take(text: str, about: str | None = "$card", *, is_reaction: bool = False) -> FakeParts:
    """Have something done that adam said about an event; gives what came of it."""
    parts = FakeParts()
    given: Any = parts
    desk = MatrixDesk(conversation=given, room=given, outbox=given, tools=given)
    await desk.take(Heard("$1", "@adam:chat.example", is_reaction, text, about, 1))
    return parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("approve", {"word": "approve", "reason": ""}),
        ("approve: go on\nthen", {"word": "approve", "reason": "go on\nthen"}),
        ("deny: too late", {"word": "deny", "reason": "too late"}),
        ("answer: blue", {"word": "answer", "answer": "blue"}),
        ("not-happened", {"word": "not_happened"}),
        ('edit: {"service": "db"}', {"word": "edit", "arguments": {"service": "db"}}),
    ],
)
async def test_a_reply_to_a_card_decides_what_it_says(text: str, expected: dict[str, Any]) -> None:
    """A word alone, or with what belongs to it."""
    (decided,) = (await take(text)).decided
    assert expected == {name: getattr(decided, name) for name in expected}


@pytest.mark.parametrize(("emoji", "word"), [("✅", "approve"), ("✔️", "approve"), ("❌", "deny"), ("🚫", "deny")])
async def test_a_reaction_to_a_card_decides(emoji: str, word: str) -> None:
    """Whatever variant of the emoji a client sends."""
    (decided,) = (await take(emoji, is_reaction=True)).decided
    assert word == decided.word


@pytest.mark.parametrize("emoji", ["👍", "👀", "❤", "approve", "✅✅"])
async def test_other_reactions_decide_nothing_and_are_not_answered(emoji: str) -> None:
    """A thumb up says that somebody has read it."""
    assert FakeParts() == await take(emoji, is_reaction=True)


@pytest.mark.parametrize(
    "text",
    [
        "approve this only when the tests are green",
        "I approve",
        "approved",
        "deny, I would say",
        "deny: ",
        "approve for ever",
        "approve for 2 h",
        "!proctorkill all now",
        "say !proctor kill all now",
    ],
)
async def test_talk_decides_nothing_and_is_not_answered(text: str) -> None:
    """Whatever word it begins with."""
    assert FakeParts() == await take(text)


@pytest.mark.parametrize("about", [None, "$other", "$run"])
@pytest.mark.parametrize(("text", "is_reaction"), [("approve", False), ("✅", True)])
async def test_what_is_about_no_card_decides_nothing(text: str, about: str | None, *, is_reaction: bool) -> None:
    """Nor what is about the message of a run's end."""
    assert FakeParts() == await take(text, about, is_reaction=is_reaction)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("deny", "reply: deny: why"),
        ("answer", "reply: answer: text"),
        ("edit", "reply: edit: {…}"),
        ("deny for 2h: no", "only an approval can be given for a while"),
        ("approve for 9999d", "at most 30 days"),
        ("approve for 0m", "at most 30 days"),
        ('edit: {"service": "web"}', "nothing is changed"),
        ("edit: {service: db}", "this is not JSON"),
    ],
)
async def test_what_is_not_complete_decides_nothing_and_is_told(text: str, why: str) -> None:
    """Below the card, with what is missing."""
    parts = await take(text)
    assert ([], 1) == (parts.decided, len(parts.told))
    assert why in parts.told[0]


async def test_orders_are_taken_up_by_their_prefix() -> None:
    """Alone, it asks for help."""
    assert [["runs"], [""]] == [(await take(text, None)).orders for text in ("!proctor runs", "!proctor")]
