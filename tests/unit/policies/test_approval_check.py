from typing import Any

import pytest

from policies.approval_check import approval_problems
from proctor.contracts.policy import RuleForm

QUORUM, SIGNED, EACH = {"kind": "quorum", "count": 2}, {"kind": "signed"}, {"kind": "ask_each_time"}
OWNER = {"kind": "stages", "stages": [{"role": "owner"}]}
ANA = {"kind": "escalate", "after_s": 60, "to": ["ana"]}


def found(*obligations: dict[str, Any], effect: str = "require_approval") -> list[str]:
    values = {"id": "r", "effect": effect, "reason": "x", "obligations": list(obligations)}
    problems = approval_problems(RuleForm.model_validate(values), 3600)
    return [f"{'.'.join(map(str, problem.where))}: {problem.message}" for problem in problems]


@pytest.mark.parametrize("obligation", [QUORUM, SIGNED, EACH, OWNER, ANA])
def test_what_an_approval_takes_stands_on_rules_that_ask(obligation: dict[str, Any]) -> None:
    """A permit asks nobody; a rule that asks takes each of them."""
    (problem,) = found({"kind": "notify", "who": ["ana"]}, obligation, effect="permit")
    assert problem.startswith("1: ")
    assert problem.endswith("for a rule that asks people: write effect: require_approval")
    assert [] == found(obligation)


TWICE = {"kind": "stages", "stages": [{"role": "owner"}, {"role": "owner", "count": 2}]}
NAMED = {"kind": "stages", "stages": [{"role": "owner", "name": "first"}, {"role": "owner", "name": "second"}]}


@pytest.mark.parametrize(
    ("obligations", "problem"),
    [
        ([SIGNED, SIGNED], "1: signed stands twice: leave one out"),
        ([OWNER, NAMED], "1: the order of two lists of stages is not said: write one list"),
        ([OWNER, QUORUM], "1: people are named twice: write the quorum as one of the stages"),
        ([TWICE], "0.stages.1: two stages of one role cannot be told apart: give each a `name:`, or one a count"),
        (
            [{**ANA, "after_s": 3600}],
            "0.after: a request expires after 3600 s, so nobody is asked then: write an earlier `after:`",
        ),
        ([ANA, {**ANA, "after_s": 90}], "1.to: these are asked already: name somebody else, or leave it out"),
        ([{**ANA, "after_s": 90}, ANA], "0.to: these are asked already: name somebody else, or leave it out"),
        ([{**ANA, "to": ["ana", "ana"]}], "0.to: these are asked already: name somebody else, or leave it out"),
        ([EACH, SIGNED], "0: people are asked each time anyway where a signature is given: leave ask_each_time out"),
        (
            [QUORUM, EACH],
            "1: people are asked each time anyway where more than one person approves: leave ask_each_time out",
        ),
        (
            [NAMED, EACH],
            "1: people are asked each time anyway where more than one person approves: leave ask_each_time out",
        ),
    ],
)
def test_contradictions_and_idle_words_are_refused(obligations: list[dict[str, Any]], problem: str) -> None:
    """Each is told with its place and what to write instead."""
    assert [problem] == found(*obligations)


def test_stages_with_names_and_several_escalations_are_sound() -> None:
    """Nothing is said of what means something."""
    assert [] == found(NAMED, ANA, {"kind": "escalate", "after_s": 90, "to": ["ana", "bob"]}, SIGNED)
    assert [] == found(OWNER, EACH)
