"""What a card in Slack says of what it does not show, and which buttons it then lacks."""

import pytest

from gateway.cards.arguments import MOST_ARGUMENTS
from gateway.cards.card import build_card
from gateway.chat.slack_card import Drawing, draw, read_value, words_here
from gateway.chat.slack_text import escape
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.human import RequestKind, RequestState
from tests.unit.gateway.chat.test_slack_card import PAGE, drawn, flow, labels_of, request_for, said
from tests.unit.gateway.fakes import human_request


def test_a_button_names_the_call_that_its_card_shows() -> None:
    """So that a decision on one call is never taken for one on another."""
    stamps = []
    for to in ("bob", "eve"):
        card = build_card(request_for({"to": to}))
        values = {one["value"] for one in drawn(card).blocks[-1]["elements"] if "value" in one}
        ((request_id, stamp),) = (read_value(value) for value in values)
        assert (card.request_id, str(card.binding_sha256)[:16]) == (request_id, stamp)
        stamps.append(stamp)
    assert 2 == len({stamp for stamp in stamps if len(stamp) == 16})


@pytest.mark.parametrize(("count", "is_approved_here"), [(20, True), (40, False), (MOST_ARGUMENTS + 1, False)])
def test_what_has_too_little_room_to_be_judged_is_not_approved_here(count: int, *, is_approved_here: bool) -> None:
    """Whether some arguments are left out or each is cut to nearly nothing."""
    card = build_card(request_for({f"field{n}": f"begin {'x' * 900} end{n}" for n in range(count)}))
    assert is_approved_here == ("approve" in words_here(card, Drawing()))
    message = said(drawn(card))
    shown = message.count("begin ")
    assert (count == shown) == ("more arguments are on the page only" not in message)
    assert shown == count or f"{count - shown} more arguments are on the page only" in message
    assert shown == message.count(" end")
    assert shown >= min(count, 20)


def test_a_hidden_amount_is_approved_elsewhere() -> None:
    """As a hidden target is: both say what happens."""
    kept = {"roles": {"sum": "amount"}, "flows": {"sum": flow("pii")}}
    assert ("deny",) == words_here(build_card(request_for({"sum": 5}, **kept)), Drawing())


def test_lists_say_where_something_is_left_out_and_roles_that_nobody_declared() -> None:
    """A gap stands where it is; an argument without a role is not taken for harmless."""
    card = build_card(request_for({"to": [*range(100)]}))
    message = said(drawn(card))
    assert "60 values left out" in message
    assert message.index("[29] = 29") < message.index("60 values left out") < message.index("[90] = 90")
    assert "undeclared" in message


def test_a_request_with_many_long_facts_fits_and_shows_how_they_end() -> None:
    """Slack would refuse a larger message, and nobody would see any of it."""
    details = {"question": "why?", **{f"fact {n}": "x" * 5000 + "END" for n in range(50)}}
    message = drawn(build_card(human_request(kind=RequestKind.QUESTION, details=details)))
    assert 20 == said(message).count("END")
    assert "30 more facts are on the page only" in said(message)


@pytest.mark.parametrize("count", [1, 30, 100])
def test_a_card_of_any_size_is_a_message_that_slack_takes(count: int) -> None:
    """Long names, long values and long facts together: what does not fit is counted."""
    arguments = {f"{'n' * 200}{n}": "v" * 5000 for n in range(count)}
    flows = {name: flow("internal") for name in arguments}
    drawn(build_card(request_for(arguments, flows=flows, replaced={"x" * 3000: "y" * 3000}, author="maria")))
    told = {"question": "q" * 5000, "arguments": arguments, **{f"fact {n}": "x" * 5000 for n in range(count)}}
    message = drawn(build_card(human_request(kind=RequestKind.UNKNOWN_OUTCOME, details=told)))
    assert (count > 1) == ("more facts are on the page only" in said(message))


def test_stop_asking_is_offered_only_where_it_is_allowed() -> None:
    """Neither where policy asks each time, nor where the approval itself is made elsewhere."""
    label = "Approve and stop asking"
    assert label in labels_of(drawn(build_card(request_for({"to": "bob"}))))
    each_time = ApprovalProcess(may_grant=False)
    assert label not in labels_of(drawn(build_card(request_for({"to": "bob"}, process=each_time))))
    hidden = {"roles": {"to": "target"}, "flows": {"to": flow("pii")}}
    assert label not in labels_of(drawn(build_card(request_for({"to": "bob"}, **hidden))))
    assert not [one for one in draw(build_card(request_for({"to": "bob"})), "", Drawing()).blocks if PAGE in str(one)]


def test_a_hidden_name_hides_no_other_that_begins_alike() -> None:
    """What the channel may not see is that argument and what is in it, and nothing beside it."""
    new = {"to": {"name": "new-name"}, "total": 2, "list": ["new-entry"]}
    old = {"to": {"name": "old-name"}, "total": 1, "list": ["old-entry"]}
    card = build_card(request_for(new, replaced=old, author="maria"))
    shown = said(draw(card, PAGE, Drawing(), frozenset({"to", "list"})))
    assert ("to.name: ⟦not shown in this channel⟧", "list[0]: ⟦not shown") == (
        next(one for one in shown.splitlines() if one.startswith("to.name")),
        next(one for one in shown.splitlines() if one.startswith("list[0]"))[:19],
    )
    assert "total:\n- 1\n+ 2" in shown
    assert not [one for one in ("old-name", "old-entry") if one in shown]


def test_a_card_that_is_over_says_who_ended_it_and_why() -> None:
    """Whoever comes late sees it without asking."""
    over = {"state": RequestState.DENIED, "decided_by": "maria.ops", "reason": "not today"}
    assert "Decided by: \nmaria.ops: “not today”" in said(drawn(build_card(request_for({}).model_copy(update=over))))


def test_a_headline_is_cut_and_turned_into_no_picture() -> None:
    """Names may be as long as Slack's headers are not, and hold what Slack would draw."""
    card = build_card(request_for({}, tool=":bomb:" * 100).model_copy(update={"agent": "a" * 300}))
    header = drawn(card).blocks[0]["text"]
    assert (150, False) == (len(header["text"]), header["emoji"])
    assert "&amp;lt; a" == escape("&lt;\n a")
