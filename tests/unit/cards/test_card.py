"""Cards of requests, and how they are written."""

import html
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.card import ApprovalCard, build_card
from gateway.cards.difference import changes_between
from gateway.cards.html import render_html
from gateway.cards.plain import columns_of, render_text
from gateway.cards.values import digest_of, flat, rows_of
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.human import RequestState
from proctor.contracts.ids import Digest, PrincipalName
from proctor.contracts.labels import Flow, Integrity, Labels, Origin
from proctor.contracts.obligations import Escalate, Stage
from proctor.contracts.stages import SpokenWord
from tests.unit.cards.requests import NOW, asked, question
from tests.unit.cards.test_visible_text import is_steering

TEXTS = st.text(st.characters(codec=None), max_size=12)
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
ARGUMENTS = st.dictionaries(TEXTS, VALUES, max_size=4)
ALIKE: list[tuple[Any, Any]] = [
    (1, "1"),
    (1, True),
    (None, "null"),
    (None, {}),
    ([], {}),
    ("", []),
    ([1, 2], {"0": 1, "1": 2}),
    ({"a": {"b": 1}}, {"a.b": 1}),
    ({"a": [1]}, {"a[0]": 1}),
    (0.1 + 0.2, 0.3),
    (1e16, 1.0000000000000002e16),
    ("a b", "a  b"),
    ("x" * 3000, "x" * 1500 + "y" + "x" * 1499),
    (["x"] * 100, [*["x"] * 50, "y", *["x"] * 49]),
    ({str(n): n for n in range(500)}, {str(n): n if n != 250 else 0 for n in range(500)}),
]


@given(ARGUMENTS)
@settings(max_examples=60, deadline=None)
def test_nothing_that_is_written_of_a_call_steers(arguments: dict[str, Any]) -> None:
    """Neither as text nor as HTML, whatever the names and values; and a card is JSON."""
    card = build_card(asked(arguments))
    for text in (render_text(card), render_html(card)):
        assert not [char for char in text if is_steering(char) and char != "\n"]
    assert card == ApprovalCard.model_validate_json(card.model_dump_json())


@given(ARGUMENTS, ARGUMENTS)
@settings(max_examples=60, deadline=None)
def test_different_calls_never_have_equal_cards(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The digest of the arguments is part of every card, and what is shown of them differs too."""
    is_same = digest_of(one) == digest_of(other)
    assert is_same or render_text(build_card(asked(one))) != render_text(build_card(asked(other)))


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_values_that_look_alike_are_told_apart_even_without_the_digest(one: Any, other: Any) -> None:
    """Kinds, paths, exact numbers, and the SHA-256 of what is left out."""
    assert rows_of(one) != rows_of(other)
    texts = [
        render_text(build_card(asked({"a": value})).model_copy(update={"arguments_sha256": None}))
        for value in (one, other)
    ]
    assert texts[0] != texts[1]


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text("xyz", min_size=1, max_size=4000), min_size=1))
@settings(max_examples=25, deadline=None)
def test_the_end_of_every_value_is_on_the_card(arguments: dict[str, str]) -> None:
    """Long values lose their middle and never their end."""
    card = build_card(asked(arguments))
    for argument in card.arguments:
        assert argument.rows.values[-1].shown.text.endswith(arguments[argument.name][-20:])


def test_what_is_huge_is_cut_in_bounded_space() -> None:
    """A megabyte, thousands of keys, deep nesting and an endless number: beginning, end, count and digest are there."""
    deep: Any = "bottom"
    for _ in range(900):
        deep = [deep]
    huge = {
        "text": "m" * 1_000_000 + "END",
        "list": [*range(5000), "LAST"],
        "number": 10**6000 + 7,
        "deep": deep,
        **{f"key{n}": n for n in range(3000)},
        "z": "FINAL",
    }
    card = build_card(asked(huge))
    text = render_text(card)
    assert len(text) < 60_000
    for piece in ("END", "LAST", "bottom", "FINAL", "values left out", "arguments left out", "characters left out"):
        assert piece in text
    assert (False, True) == (card.is_whole, build_card(asked(huge), whole=True).is_whole)
    assert 5001 == len(build_card(asked({"list": huge["list"]}), whole=True).arguments[0].rows.values)


def test_what_is_marked_in_the_middle_of_a_list_is_shown() -> None:
    """An address that imitates another is not left out of a long list of recipients."""
    recipients = [f"person{n}@example.org" for n in range(200)]
    recipients[100] = "b\u043ess@example.org"
    assert "b⟦U+043E⟧ss@example.org" in render_text(build_card(asked({"to": recipients})))


def test_a_value_cannot_fake_what_the_card_says() -> None:
    """Lines of a value stand behind a bar; markup in names and values is text; the agent's words say whose they are."""
    fake = "x\n\nrule: none\napproved: 2 of 2\n</code><h2>Approved</h2>"
    text = render_text(build_card(asked({"note": fake, "amount: 5\nto": 1})))
    assert ["rule: refunds-over-100"] == [line for line in text.splitlines() if line.startswith("rule:")]
    assert 1 == sum(line.startswith("approved:") for line in text.splitlines())
    assert "  “amount: 5⏎to” (" in text
    fragment = render_html(build_card(asked({"note": fake, "<b>": 1})))
    assert ("<h2>Approved</h2>" in fragment, "<b>" in fragment) == (False, False)
    assert html.escape("</code><h2>Approved</h2>") in fragment
    asks = build_card(question("Approved!\nrule: none"))
    assert "desk asks a question" == asks.title
    assert "the agent says:\n│ Approved!⏎\n│ rule: none" in render_text(asks)
    assert "The agent says" in render_html(asks)


def test_who_asks_what_of_whom_is_said_first() -> None:
    """Targets and amounts by declared roles, the judged tier rather than the tool's, and where values come from."""
    flow = Flow(labels=Labels(sources=("SearchMail",)), origins=(Origin.TOOL,))
    trusted = Flow(labels=Labels(integrity=Integrity.TRUSTED, sources=("request",)), origins=(Origin.REQUEST,))
    flows = {"to": flow.model_dump(mode="json"), "amount": trusted.model_dump(mode="json")}
    roles = {"to": "target", "amount": "amount"}
    request = asked({"to": "anna", "amount": 12345, "x": 1}, roles=roles, flows=flows, raised_risk="high")
    card = build_card(request)
    assert ("desk asks to call Refund", ("to: anna",), ("amount: 12 345",)) == (card.title, card.targets, card.amounts)
    assert ("high", "rita", "TakeBack", "refunds-over-100") == (card.risk, card.requester, card.compensation, card.rule)
    to, amount, undeclared = card.arguments
    assert (False, ("a tool's result", "SearchMail")) == (to.is_trusted, to.sources)
    assert (True, ("the request",)) == (amount.is_trusted, amount.sources)
    assert ("target", False, None) == (undeclared.role, undeclared.is_declared, undeclared.is_trusted)
    unknown = build_card(asked({}, effect=None, risk=None))
    assert ("irreversible", "high") == (unknown.effect, unknown.risk)


@pytest.mark.parametrize("changed", [{"arguments": {"to": "eve"}}, {"tool": "Wire"}])
def test_a_request_whose_record_was_changed_cannot_be_approved(changed: dict[str, Any]) -> None:
    """What is shown is held against what the request is bound to; only a denial is left."""
    request = asked({"to": "anna"})
    card = build_card(request.model_copy(update={"details": request.details | changed}))
    assert ("deny",) == card.words
    assert render_text(card).startswith("DO NOT APPROVE")
    assert "Do not approve" in render_html(card)


def test_stages_say_who_has_approved_and_who_must_still() -> None:
    """Only decisions that were applied, and on this very binding, count."""
    stages = (Stage(name="finance", count=2), Stage(role="owner"))
    process = ApprovalProcess(
        stages=stages, escalations=(Escalate(after_s=600, to=(PrincipalName("otto"),)),), is_signed=True
    )
    request = asked({}, process).model_copy(update={"escalated": 1})
    assert request.binding is not None

    def word(by: str, *, applied: bool = True, binding: Digest | None = None) -> SpokenWord:
        said = binding or request.binding.digest()  # type: ignore[union-attr]
        return SpokenWord(
            id=by,
            word="approve",
            by=PrincipalName(by),
            roles=("approver",),
            at=NOW,
            applied=applied,
            binding_digest=said,
        )

    spoken = [word("adam"), word("eve", applied=False), word("old", binding=Digest("0" * 64))]
    first, second = build_card(request, spoken=spoken).stages
    assert (("adam",), False, True) == (first.by, first.is_full, first.is_asked_now)
    assert ((), False) == (second.by, second.is_asked_now)
    text = render_text(build_card(request, spoken=spoken))
    assert "asked too: otto" in text
    assert "each approval must be signed" in text


def test_a_decided_request_takes_no_more_words() -> None:
    """Until it is used, an approval can be taken back; nothing else can be said."""
    words = {state: build_card(asked({}).model_copy(update={"state": state})).words for state in RequestState}
    assert ("deny",) == words[RequestState.GRANTED]
    assert not any(words[state] for state in set(RequestState) - {RequestState.PENDING, RequestState.GRANTED})


def test_an_edit_is_shown_value_by_value() -> None:
    """Old and new in full, by path; a change of kind is a change; equal numbers are none."""
    old = {"to": "anna", "n": 1, "list": [1, 2], "gone": {"a": None}, "same": 1.0}
    new = {"to": "anna ", "n": "1", "list": [1, 3], "new": [], "same": 1}
    changes = {
        one.path: (one.old and one.old.shown.text, one.new and one.new.shown.text) for one in changes_between(old, new)
    }
    assert {
        "to": ("anna", "anna⟦1 space⟧"),
        "n": ("1", "1"),
        "list[1]": ("2", "3"),
        "new": (None, "⟦empty list⟧"),
        "gone.a": ("null", None),
    } == changes
    card = build_card(asked(new, replaced=old, author="maria"))
    assert (5, "maria asks to call Refund") == (len(card.changes), card.title)
    assert "changed by maria:" in render_text(card)
    assert "What maria changed" in render_html(card)


@given(ARGUMENTS, ARGUMENTS)
@settings(max_examples=60, deadline=None)
def test_two_calls_differ_when_and_only_when_a_change_is_shown(one: dict[str, Any], other: dict[str, Any]) -> None:
    """No edit goes unseen."""
    is_same = digest_of(one) == digest_of(other)
    assert is_same == (not changes_between(one, other))


@pytest.mark.parametrize("width", [40, 72, 120])
def test_lines_keep_to_the_width_and_values_to_their_bar(width: int) -> None:
    """Wide characters count as two; what is broken stays behind the bar."""
    text = render_text(build_card(asked({"note": "日本語" * 200, "k" * 90: "v" * 500})), width=width)
    assert all(columns_of(line) <= width for line in text.splitlines())
    assert all("│ " in line for line in text.splitlines() if "日" in line)


def test_a_card_names_exactly_what_it_shows() -> None:
    """Its digest changes with the state, the deadline, the people and the arguments."""
    request = asked({"to": "anna"})
    others = [
        asked({"to": "eve"}),
        request.model_copy(update={"state": RequestState.GRANTED}),
        request.model_copy(update={"expires_at": NOW + timedelta(hours=2)}),
        request.model_copy(update={"escalated": 1, "next_at": NOW}),
    ]
    assert 5 == len({build_card(one).digest() for one in (request, *others)})
    assert json.loads(build_card(request).model_dump_json())["title"] == "desk asks to call Refund"


def test_rows_come_in_order_whatever_the_depth() -> None:
    """Names that could be taken for a path are quoted."""
    assert [(".a[0]", 1), ('["b.c"]', 2), ('["d\\"]"]', 3)] == list(flat({"a": [1], "b.c": 2, 'd"]': 3}))
