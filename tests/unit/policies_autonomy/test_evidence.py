"""What evidence lets a cell rise, and what it says is missing."""

from itertools import pairwise
from typing import Any

import pytest

from policies.autonomy.evidence import (
    FAR,
    RULES,
    Assessment,
    Coverage,
    PromotionRule,
    agreements_to_go,
    assess,
    is_proven,
)
from proctor.contracts.governing import Cell, Evidence, ReviewVerdict
from proctor.contracts.ids import PrincipalName
from proctor.contracts.manifest import Autonomy
from proctor.contracts.tool import Risk

AGREE, DISAGREE, HARMFUL = ReviewVerdict.AGREE, ReviewVerdict.DISAGREE, ReviewVerdict.HARMFUL
RULE = RULES[Autonomy.SUPERVISED]
TWO = frozenset({PrincipalName("olga"), PrincipalName("paul")})
ENOUGH = 120


def judged(*verdicts: ReviewVerdict, rule: PromotionRule = RULE, **changes: Any) -> Assessment:
    coverage = Coverage(changes.pop("reviewers", TWO), changes.pop("passed_over", 0))
    cell = Cell(tool="Refund", risk=Risk.LOW)
    return assess(Evidence(cell=cell, verdicts=verdicts, open_incidents=0, since=None, **changes), rule, coverage)


def with_incidents(number: int) -> Assessment:
    evidence = Evidence(
        cell=Cell(tool="Refund", risk=Risk.LOW), verdicts=(AGREE,) * ENOUGH, open_incidents=number, since=None
    )
    return assess(evidence, RULE, Coverage(TWO))


def test_enough_agreement_lets_a_cell_rise() -> None:
    """Nothing is missing, and the figures are given."""
    found = judged(*[AGREE] * ENOUGH)
    assert (True, ENOUGH, 1.0, ()) == (found.may_rise, found.n, found.agreement, found.missing)
    assert 0.95 < found.lower_bound < 1


def test_no_evidence_is_no_ground() -> None:
    """Nothing said, nothing risen; every gap is named."""
    found = judged(reviewers=frozenset())
    assert (False, 0, 0.0, 0.0) == (found.may_rise, found.n, found.agreement, found.lower_bound)
    assert ["at least 30 verdicts: there are 0", "verdicts of 2 people: there are 0"] == list(found.missing[:2])
    assert "the bound is 0.0 %; at best 74 more agreements" in found.missing[2]


def test_one_harmful_verdict_blocks_whatever_the_numbers_say() -> None:
    """A breach is not outvoted."""
    found = judged(HARMFUL, *[AGREE] * 5000)
    assert not found.may_rise
    assert found.lower_bound > 0.95
    assert ["no harmful verdict, but 1 verdict said harmful: the owner demotes to begin anew"] == list(found.missing)


def test_open_incident_blocks() -> None:
    """Unknown outcomes are settled first."""
    assert ("no open incident, but 1 incident must be settled",) == with_incidents(1).missing
    assert with_incidents(0).may_rise


def test_reviews_left_out_block() -> None:
    """Who decides only what looks good proves nothing."""
    found = judged(*[AGREE] * ENOUGH, passed_over=2)
    assert ("no review left out, but 2 older ones must be decided",) == found.missing


def test_one_reviewer_alone_is_not_enough() -> None:
    """Raising autonomy takes a second pair of eyes."""
    found = judged(*[AGREE] * ENOUGH, reviewers=frozenset({"olga"}))
    assert ("verdicts of 2 people: there are 1",) == found.missing


def test_small_sample_is_not_enough_however_good() -> None:
    """The stated minimum holds where the bound alone would pass."""
    rule = RULES[Autonomy.APPROVAL_REQUIRED]
    found = judged(*[AGREE] * (rule.min_verdicts - 1), rule=rule)
    assert found.lower_bound > 1 - rule.max_error_rate
    assert ("at least 20 verdicts: there are 19",) == found.missing
    assert judged(*[AGREE] * rule.min_verdicts, rule=rule).may_rise
    assert (False, True) == (is_proven(rule.min_verdicts - 1, 0, rule), is_proven(rule.min_verdicts, 0, rule))


def test_agent_that_became_worse_does_not_live_on_old_merit() -> None:
    """A thousand agreements do not carry a bad month."""
    found = judged(*[AGREE] * 1000, DISAGREE, *[AGREE] * 5, DISAGREE)
    assert found.lower_bound > 0.95
    assert ("at most 1 not in agreement of the newest 20: there are 2",) == found.missing


def test_agreement_that_is_not_surely_high_enough_says_how_far_it_is() -> None:
    """So that a person knows what to expect."""
    found = judged(*[AGREE] * 40)
    assert not found.may_rise
    assert ["agreement surely above 95 %: the bound is 91.0 %; at best 34 more agreements"] == list(found.missing)
    assert judged(*[AGREE] * 74).may_rise
    assert not judged(*[AGREE] * 73).may_rise


def test_what_is_out_of_reach_is_said_to_be() -> None:
    """No false hope."""
    assert FAR == agreements_to_go(0, 60_000, RULE)


def test_every_demotion_halves_alpha_so_that_trying_again_does_not_pay() -> None:
    """All tries of a bad agent together stay below twice alpha."""
    assert [0.05, 0.025, 0.0125] == [RULE.after(n).alpha for n in range(3)]
    assert judged(*[AGREE] * 74, rule=RULE.after(0)).may_rise
    assert not judged(*[AGREE] * 74, rule=RULE.after(1)).may_rise


def test_each_level_asks_for_more_than_the_one_below() -> None:
    """There is a rule for every level that can be risen to."""
    rules = list(RULES.values())
    assert [Autonomy.APPROVAL_REQUIRED, Autonomy.SUPERVISED, Autonomy.AUTONOMOUS] == [rule.to for rule in rules]
    for lower, higher in pairwise(rules):
        assert lower.max_error_rate > higher.max_error_rate
        assert lower.min_verdicts < higher.min_verdicts
        assert lower.alpha >= higher.alpha


@pytest.mark.parametrize("to", list(RULES))
def test_rule_names_the_level_it_is_for(to: Autonomy) -> None:
    """The table's keys are the rules' own."""
    assert to is RULES[to].to
