from pathlib import Path
from typing import Any

import pytest

from gateway.assumed_facts import assumed_facts
from gateway.plain_words import Weighed, Words, span
from gateway.policy_explaining import Explanation, carrying, duty, explain_call, folded, recorded_duty
from gateway.policy_files import read_policy_folder
from policies.conditions import AllOf, AnyOf, Compare, Condition, Not
from policies.facts import PLATFORM
from policies.manifest_policy import compile_policy
from proctor.contracts.labels import Flow, Labels, Origin
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import (
    AskEachTime,
    CoolDown,
    Escalate,
    MaxAmount,
    Notify,
    Quorum,
    Redact,
    ReviewAfter,
    Signed,
    Stage,
    Stages,
)

from .policy_agents import write_clerk


@pytest.fixture
def bundle(tmp_path: Path) -> AgentBundle:
    return read_policy_folder(write_clerk(tmp_path)).sound()


def explained(bundle: AgentBundle, given: dict[str, Any] | None = None, **arguments: Any) -> Explanation:
    policy = compile_policy(bundle)
    windows = policy.windows_for("RefundOrder")
    facts = assumed_facts(bundle, "RefundOrder", {"order": "7", **arguments}, given or {}, windows=windows)
    untrusted = Flow(labels=Labels(sources=("ReadMail",)), origins=(Origin.REQUEST, Origin.TOOL))
    return explain_call(bundle, policy, policy.judge(facts), facts, flows={"order": untrusted})


def test_explanation_names_the_rule_the_value_and_what_is_allowed_instead(bundle: AgentBundle) -> None:
    """Whoever reads it needs neither the policy nor a program."""
    text = "\n".join(explained(bundle, amount=60).lines())
    assert "RefundOrder by refund-clerk: waits for a person" in text
    assert "decided by the rule large-refunds" in text
    assert "the argument amount is more than 50: yes, it is 60" in text
    assert "duty: a person looks at the effect afterwards" in text
    assert "instead: Refund at most 50, or let a person agree." in text
    assert "argument order: the request and a tool's result (ReadMail); untrusted, internal" in text


def test_determining_rule_comes_first_and_the_rest_when_asked_for(bundle: AgentBundle) -> None:
    """Rules that did not apply are counted, and shown with their comparisons on demand."""
    found = explained(bundle, amount=40)
    assert "small-refunds" == found.rules[0].id
    assert "rules did not apply" in "\n".join(found.lines())
    assert "the argument amount is more than 50: no, it is 40" in "\n".join(found.lines(with_rest=True))


def test_windows_are_told_as_what_they_measure(bundle: AgentBundle) -> None:
    """`windows.refunded_today` means nothing to a reader who did not write it."""
    text = "\n".join(explained(bundle, {"windows.refunded_today": 1001}, amount=10).lines())
    assert (
        "the sum of amount over calls of RefundOrder of this agent within 1 day, this one included, is more than 1000: "
        "yes, it is 1001" in text
    )


def test_fact_that_cannot_be_read_is_said_to_be_so(bundle: AgentBundle) -> None:
    """Fail closed is explained: the value, and what is wrong with it."""
    text = "\n".join(explained(bundle, amount="60").lines(with_rest=True))
    assert 'the argument amount is more than 50: cannot be said, it is "60", which is not a plain number' in text


def test_every_platform_fact_has_a_name_in_words() -> None:
    """No dotted name reaches the reader."""
    assert [] == [name for name in PLATFORM if Words().fact(name) == name]


@pytest.mark.parametrize(
    ("obligation", "words"),
    [
        (ReviewAfter(), "looks at the effect afterwards"),
        (Redact(fields=("a.b",)), "taken out before anybody sees them: a.b"),
        (Quorum(count=2, role="owner"), "2 different people with the role owner"),
        (
            Stages(stages=(Stage(name="finance", count=2), Stage(role="owner"))),
            "in this order: 2 with the role approver (finance), then 1 with the role owner",
        ),
        (Escalate(after_s=1800, to=("maria.ops",)), "without a decision after 30 minutes, these are asked too: maria"),
        (Signed(), "must be signed"),
        (AskEachTime(), "no standing grant answers"),
        (Notify(who=("ana",)), "told: ana"),
        (MaxAmount(argument="amount", max=50), "amount may be at most 50"),
        (CoolDown(seconds=7200), "must wait 2 hours"),
    ],
)
def test_each_obligation_is_said_in_words(obligation: Any, words: str) -> None:
    """What must be done along with a call is told as a duty."""
    assert words in duty(obligation)


@pytest.mark.parametrize(
    ("seconds", "words"), [(86_400, "1 day"), (7200, "2 hours"), (90, "90 seconds"), (60, "1 minute")]
)
def test_times_are_said_in_the_largest_unit_that_fits(seconds: int, words: str) -> None:
    """24 hours are a day."""
    assert words == span(seconds)


def test_recorded_obligation_is_said_in_words_if_it_is_known() -> None:
    """Nobody reads a dictionary; what another version wrote is shown all the same."""
    assert "a person looks at the effect afterwards" == recorded_duty({"kind": "review_after"})
    assert "{'kind': 'sing'}" == recorded_duty({"kind": "sing"})


def test_rule_without_a_condition_is_said_to_apply_always(bundle: AgentBundle) -> None:
    """There is no comparison to show, and none to answer with yes or no."""
    lines = list(explained(bundle, amount=40).lines())
    decided = lines.index("  decided by the rule small-refunds, which permits it")
    assert "      it applies to every such call" == lines[decided + 1]


def test_headings_that_say_nothing_are_left_out() -> None:
    """A group of one is that one, and all of all of these are all of these; the others keep their heading."""
    lines = [
        Weighed(text="all of these", holds=True, is_group=True),
        Weighed(text="a", holds=True, depth=1),
        Weighed(text="at least one of these", holds=True, is_group=True, depth=1),
        Weighed(text="all of these", holds=True, is_group=True, depth=2),
        Weighed(text="b", holds=True, depth=3),
        Weighed(text="c", holds=True, depth=3),
        Weighed(text="at least one of these", holds=True, is_group=True, depth=1),
        Weighed(text="d", holds=True, depth=2),
        Weighed(text="e", holds=True, depth=2),
    ]
    shown = [("all of these", 0), ("a", 1), ("b", 1), ("c", 1), ("at least one of these", 1), ("d", 2), ("e", 2)]
    assert shown == [(line.text, line.depth) for line in folded(lines)]


def test_opposite_of_a_condition_is_said_as_such() -> None:
    """Nobody has to read that something does not hold: yes, and below it what: no."""
    night, risky = Compare(PLATFORM["time.hour"], "in", (1, 2)), Compare(PLATFORM["risk"], "equals", ("high",))
    facts = {"time.hour": 3, "risk": "low"}

    def said(condition: Condition) -> list[tuple[str, bool | None]]:
        return [(line.text, line.holds) for line in Words().weigh(condition, facts)]

    hour, risk = "the hour of the day (UTC) is one of 1, 2", 'the risk of the call is "high"'
    assert [("the hour of the day (UTC) is not one of 1, 2", True)] == said(Not(night))
    assert [(hour, False)] == said(Not(Not(night)))
    assert [("none of these", True), (hour, False), (risk, False)] == said(Not(AnyOf((night, risky))))
    assert [("not all of these", True), (hour, False), (risk, False)] == said(Not(AllOf((night, risky))))
    assert [("it applies to no call", False)] == said(Not(AllOf(())))
    assert [('the risk of the call is not "high"', None)] == [
        (line.text, line.holds) for line in Words().weigh(Not(risky), {"risk": 5})
    ]


def test_of_a_group_that_must_not_hold_the_parts_are_shown_that_decide() -> None:
    """Not all held because of those that did not."""
    lines = [
        Weighed(text="not all of these", holds=True, is_group=True, is_negated=True),
        Weighed(text="a", holds=True, depth=1),
        Weighed(text="b", holds=False, depth=1),
    ]
    assert ["not all of these", "b"] == [line.text for line in folded(carrying(lines))]


def test_long_conditions_are_cut_to_what_carried_the_outcome() -> None:
    """Of alternatives that did not hold nobody needs to read, as long as one did."""
    lines = [
        Weighed(text="at least one of these", holds=True, is_group=True),
        Weighed(text="all of these", holds=False, is_group=True, depth=1),
        Weighed(text="a", holds=True, depth=2),
        Weighed(text="b", holds=False, depth=2),
        Weighed(text="all of these", holds=True, is_group=True, depth=1),
        Weighed(text="c", holds=True, depth=2),
    ]
    assert ["at least one of these", "all of these", "c"] == [line.text for line in carrying(lines)]
