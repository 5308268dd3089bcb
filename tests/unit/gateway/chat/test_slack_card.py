"""Cards as Slack shows them: within its limits, nothing obeyed, nothing hidden that is approved."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.card import ApprovalCard, build_card
from gateway.chat.slack_card import CardMessage, Drawing, draw, words_here
from gateway.chat.slack_text import cut, escape
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.canonical import digest_json
from proctor.contracts.human import ApprovalBinding, HumanRequest, RequestKind
from proctor.contracts.labels import Confidentiality, Flow, Integrity, Labels, Origin
from tests.integration.chat.block_kit import problem_with_blocks
from tests.integration.chat.slack_workspace import texts_in
from tests.unit.gateway.fakes import NOW, human_request

PAGE = "https://proctor.example.org/approvals/req-000001"
FULL_WORDS = {"approve", "deny"}


def request_for(arguments: dict[str, Any], **details: Any) -> HumanRequest:
    """Make a request for a call of `Pay`."""
    process = details.pop("process", ApprovalProcess())
    binding = ApprovalBinding(
        run_id="run-1",
        step=0,
        call=0,
        tenant="default",
        agent="resolver",
        requester="operator",
        tool="Pay",
        tool_version="1",
        arguments_sha256=digest_json(arguments),
        policy_digest="0" * 64,
        expires_at=human_request().expires_at,
    )
    told = {"tool": "Pay", "effect": "irreversible", "risk": "high", "arguments": arguments, **details}
    return human_request(details=told, binding=binding, process=process)


def flow(kind: Confidentiality) -> dict[str, Any]:
    """Make a traced flow of that confidentiality."""
    labels = Labels(integrity=Integrity.UNTRUSTED, confidentiality=kind, sources=("mail",))
    return Flow(labels=labels, origins=(Origin.TOOL,)).model_dump(mode="json")


def drawn(card: ApprovalCard, drawing: Drawing | None = None, page: str = PAGE) -> CardMessage:
    """Draw a card, and see that Slack would take it."""
    message = draw(card, page, drawing or Drawing())
    assert "" == problem_with_blocks(message.blocks)
    return message


def said(message: CardMessage) -> str:
    """Give every text of a message."""
    return "\n".join(texts_in(message.blocks))


def labels_of(message: CardMessage) -> list[str]:
    """Give the labels of its buttons."""
    return [one["text"]["text"] for block in message.blocks if block["type"] == "actions" for one in block["elements"]]


def test_card_shows_every_argument_with_its_whole_value_and_where_it_comes_from() -> None:
    """Values are set off as they are; nothing of them is parsed."""
    text = "*bold* <!channel> <@U1> <https://evil.example|bank> `code` :x: &amp; @here"
    card = build_card(request_for({"to": "bob", "note": text}, roles={"to": "target"}, flows={"to": flow("internal")}))
    message = drawn(card)
    assert f'"{text}"' in said(message)
    assert "target · UNTRUSTED · internal · from a tool's result, mail" in said(message)
    assert {"header", "rich_text", "actions"} == {block["type"] for block in message.blocks}


def test_only_our_own_words_stand_where_slack_parses() -> None:
    """The line of the notification holds no value of the call, and nothing in it is a mention or a link."""
    hostile = human_request().model_copy(update={"agent": "<!here>&@channel", "details": {"tool": "<@U1>"}})
    message = drawn(build_card(hostile))
    assert not {"<", ">"} & set(message.text)
    assert "@channel" not in message.text
    assert all(block["text"]["type"] == "plain_text" for block in message.blocks if block["type"] == "header")


@given(st.text())
def test_escaped_text_is_neither_mention_nor_link(text: str) -> None:
    """Whatever it holds."""
    shown = escape(text)
    assert not {"<", ">", "\n"} & set(shown)
    assert not any(loud in shown.lower() for loud in ("@here", "@channel", "@everyone"))


@given(st.text(min_size=1, max_size=400), st.integers(min_value=80, max_value=200))
def test_cut_keeps_beginning_and_end_within_the_limit(text: str, limit: int) -> None:
    """And says how much is missing."""
    shown = cut(text, limit)
    assert len(shown) <= limit
    assert (shown[:10], shown[-5:]) == (text[:10], text[-5:])
    assert (shown == text) == (len(text) <= limit)


@pytest.mark.parametrize("count", [1, 7, 30])
def test_long_values_keep_their_ends_and_fit_slack(count: int) -> None:
    """However many there are; what is missing is named, and the page has it."""
    arguments = {f"field{n}": f"begin{n} " + "x" * 50_000 + f" end{n}" for n in range(count)}
    message = drawn(build_card(request_for(arguments)))
    for n in range(count):
        assert f"begin{n}" in said(message)
        assert f"end{n}" in said(message)
    assert "Open the page" in labels_of(message)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(max_size=80), st.recursive(st.text(max_size=300), st.lists, max_leaves=20), max_size=40))
def test_any_arguments_make_a_message_that_slack_takes(arguments: dict[str, Any]) -> None:
    """Whatever their names, number, depth and length."""
    drawn(build_card(request_for(arguments)))


def test_more_arguments_than_a_chat_can_show_are_not_approved_in_it() -> None:
    """The denial stays; the rest is for the page."""
    card = build_card(request_for({f"field{n}": n for n in range(61)}))
    assert ("deny",) == words_here(card, Drawing())
    assert ["Deny", "Decide on the page"] == labels_of(drawn(card))
    whole = build_card(request_for({f"field{n}": n for n in range(61)}), whole=True)
    assert ("deny",) == words_here(whole, Drawing())


def test_secret_and_personal_values_do_not_reach_the_channel() -> None:
    """Nor does their change in a diff; a hidden value that steers is not approved in the chat."""
    arguments = {"to": "bob", "note": "card 4111"}
    kept = {"roles": {"to": "target", "note": "content"}, "flows": {"note": flow("pii")}}
    card = build_card(request_for(arguments, replaced={"to": "bob", "note": "card 4222"}, author="maria.ops", **kept))
    message = drawn(card)
    assert "4111" not in said(message)
    assert "4222" not in said(message)
    assert FULL_WORDS <= set(words_here(card, Drawing()))
    assert "edit" not in words_here(card, Drawing())
    assert "4111" in said(drawn(card, Drawing(Confidentiality.PII)))
    steering = build_card(request_for(arguments, roles={"note": "target"}, flows={"note": flow("pii")}))
    assert ("deny",) == words_here(steering, Drawing())
    assert "Not all that it does can be shown here" in said(drawn(steering))


def test_changed_call_hides_what_it_had_of_personal_values() -> None:
    """A person took it out; the channel does not learn what it was. Names that imitate a path hide nothing else."""
    old = {"to": "bob", "no te.x": "card 4222", "seen": 1}
    card = build_card(request_for({"to": "bob", "seen": 2}, replaced=old, author="maria.ops"))
    assert "4222" in said(drawn(card))
    shown = "\n".join(texts_in(draw(card, PAGE, Drawing(), frozenset({"no te.x"})).blocks))
    assert "4222" not in shown
    assert "- 1\n+ 2" in shown


def test_secrets_are_hidden_whatever_the_channel_may_see() -> None:
    """No setting shows them."""
    card = build_card(request_for({"key": "hunter2"}, roles={"key": "content"}, flows={"key": flow("secret")}))
    for kind in Confidentiality:
        assert "hunter2" not in said(drawn(card, Drawing(kind)))


def test_hidden_and_look_alike_characters_are_made_visible() -> None:
    """As codes, and named."""
    text = said(drawn(build_card(request_for({"to": "b\u043eb\u202e", "note": "a\u200bb"}))))
    assert not {"\u202e", "\u200b", "\u043e"} & set(text)
    assert "Made visible" in text


def test_words_of_an_agent_are_marked_as_its_words() -> None:
    """A question is quoted, and never looks like ours."""
    asked = human_request(kind=RequestKind.QUESTION, details={"question": "Approve *all* <!here>?"})
    message = drawn(build_card(asked))
    quotes = [one for block in message.blocks for one in block.get("elements", []) if one["type"] == "rich_text_quote"]
    assert ["Approve *all* <!here>?"] == [one["elements"][0]["text"] for one in quotes]
    assert "the agent's words, not ours" in said(message)
    assert "Answer" in labels_of(message)


def test_signed_requests_are_not_approved_in_the_chat() -> None:
    """Without a page, the command is named."""
    card = build_card(request_for({"to": "bob"}, process=ApprovalProcess(is_signed=True, may_grant=False)))
    assert ["Deny"] == labels_of(drawn(card, page=""))
    assert "an approval is signed. Approve it there: proctor approve req-000001" in said(drawn(card, page=""))


def test_altered_request_is_alarmed_and_can_only_be_denied() -> None:
    """Arguments that are not those that it is bound to."""
    request = request_for({"to": "bob"})
    altered = request.model_copy(update={"details": {**request.details, "arguments": {"to": "eve"}}})
    message = drawn(build_card(altered))
    assert "Do not approve" in said(message)
    assert ["Deny", "Open the page"] == labels_of(message)


def test_irreversible_calls_are_confirmed_before_they_are_approved() -> None:
    """A slip of the thumb approves nothing that cannot be undone."""
    buttons = drawn(build_card(request_for({"to": "bob"}))).blocks[-1]["elements"]
    assert "cannot be undone" in buttons[0]["confirm"]["text"]["text"]
    assert NOW < human_request().expires_at
