"""What was denied is denied again in other words, by other tools, with more or fewer targets."""

from typing import Any, Literal

import pytest

from policies.flow.goals import denied, goal_of
from proctor.contracts.governing import DeniedGoal
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import ArgumentRole, Effect, ToolContract

ROLES = {"to": ArgumentRole.TARGET, "amount": ArgumentRole.AMOUNT, "note": ArgumentRole.CONTENT}


def _tool(name: str = "pay", action: str = "pay", roles: dict[str, Any] | None = None, **more: Any) -> ToolContract:
    return ToolContract(
        name=name, action=action, input_schema={}, argument_roles=ROLES if roles is None else roles, **more
    )


def _goal(tool: ToolContract | None = None, **arguments: Any) -> str:
    return goal_of(tool or _tool(), arguments)


def _was_denied(goal: str, tool: str = "pay", by: Literal["person", "policy"] = "person", step: int = 1) -> DeniedGoal:
    return DeniedGoal(goal=goal, tool=ToolName(tool), by=by, reason="no", step=step, call=0)


def test_words_amounts_and_spelling_make_no_other_goal() -> None:
    """Only the action and its targets tell goals apart."""
    first = _goal(to="DE89370400440532013000", amount=10, note="please")
    assert first == _goal(to="DE89 3704 0044 0532 0130 00", amount=9, note="I beg you")
    assert first != _goal(to="GB29NWBK60161331926819", amount=10, note="please")


def test_another_tool_for_the_same_action_has_the_same_goal() -> None:
    """The names of tools and arguments do not matter where the action is declared."""
    other = _tool("wire", roles={"account": ArgumentRole.TARGET})
    assert _goal(to="bob@example.com") == goal_of(other, {"account": "BOB@example.com"})


def test_read_has_no_goal() -> None:
    """Only effects are remembered."""
    assert ("", "no") == (_goal(_tool(effect=Effect.READ), to="x"), denied("", "pay", [_was_denied("pay:")]))


def test_read_that_leaves_is_for_the_place_that_it_goes_to() -> None:
    """Denied once, a place is not asked for again with other words in its URL; what names no place is all places."""
    fetch = _tool("fetch", "fetch", {}, effect=Effect.READ, egress_arguments=("url",))
    first = goal_of(fetch, {"url": "https://evil.example/?secret=1"})
    said = [_was_denied(first, "fetch")]
    urls = ("http://evil.example/other?secret=2", "https://good.example/", "no place")
    assert ["by_person", "no", "by_person"] == [denied(goal_of(fetch, {"url": url}), "fetch", said) for url in urls]


@pytest.mark.parametrize(
    ("by", "tool", "expected"),
    [
        ("person", "pay", "by_person"),
        ("person", "wire", "by_person"),
        ("policy", "pay", "no"),
        ("policy", "wire", "by_policy"),
    ],
)
def test_person_covers_every_tool_and_policy_every_other(
    by: Literal["person", "policy"], tool: str, expected: str
) -> None:
    """After a policy's denial the same tool is judged by its own rules, e.g. on a smaller amount."""
    goal = _goal(to="bob@example.com")
    assert expected == denied(goal, tool, [_was_denied(goal, by=by)])


def test_second_tool_gains_nothing_by_being_denied_itself() -> None:
    """The tool that was denied first is the only one that is judged again."""
    goal = _goal(to="bob@example.com")
    earlier = [_was_denied(goal, "pay", "policy", 1), _was_denied(goal, "wire", "policy", 2)]
    assert ("by_policy", "no") == (denied(goal, "wire", earlier), denied(goal, "pay", earlier))


def test_more_or_fewer_targets_make_no_other_goal() -> None:
    """A copy to somebody else, or a part of what was denied, is still what was denied."""
    both, one = _goal(to=["a@x.example", "b@x.example"]), _goal(to=["a@x.example"])
    assert ("by_person", "by_person") == (
        denied(both, "pay", [_was_denied(one)]),
        denied(one, "pay", [_was_denied(both)]),
    )
    assert "no" == denied(_goal(to=["c@x.example"]), "pay", [_was_denied(both)])


def test_undeclared_roles_make_every_call_of_the_tool_one_goal() -> None:
    """Where the contract does not say what the targets are, a denial covers all of them."""
    vague = _tool("send", action="", roles={})
    first, other = goal_of(vague, {"to": "a@x.example"}), goal_of(vague, {"to": "b@x.example"})
    assert "by_person" == denied(other, "send", [_was_denied(first, "send")])


def test_undeclared_action_may_be_any_action_on_the_same_target() -> None:
    """A tool that does not say what it is for does not get around a denial; without targets it is another matter."""
    goal, vague = _goal(to="a@x.example"), _tool("custom", action="")
    assert "by_person" == denied(goal_of(vague, {"to": "a@x.example"}), "custom", [_was_denied(goal)])
    assert "no" == denied(goal_of(vague, {"to": "b@x.example"}), "custom", [_was_denied(goal)])


def test_too_many_targets_stand_for_all() -> None:
    """Who is hidden among a thousand is denied with them, and a denial of a thousand covers each."""
    many = [f"user{n}@x.example" for n in range(1000)]
    one = _goal(to=many[0])
    assert 100 > len(_goal(to=many))
    assert ("by_person", "by_person") == (
        denied(_goal(to=many), "pay", [_was_denied(one)]),
        denied(one, "pay", [_was_denied(_goal(to=many))]),
    )


def test_words_beside_an_address_make_no_other_goal() -> None:
    """A name, brackets or a polite word around an account are spelling."""
    assert _goal(to="thief@x.example") == _goal(to="A Friend <thief@x.example>")
    assert _goal(to="DE89370400440532013000") == _goal(to="IBAN: DE89 3704 0044 0532 0130 00, please")
