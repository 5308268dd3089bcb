"""The bound holds at all sample sizes at once, and is not wasteful."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.autonomy import binomial, ever_promoted, naive, ours, share_promoted
from policies.autonomy.betting import log_capital, lower_bound
from policies.autonomy.evidence import RULES, PromotionRule, is_proven
from proctor.contracts.manifest import Autonomy

RUNS = 1000
LOOKS = 500
SURE = 1e-6
"""Probability that a share of 1,000 runs is so large although alpha is kept."""
COUNTS = st.integers(0, 300)
RATES = st.floats(0.01, 0.99)


def most_promotions(alpha: float) -> int:
    """Count the promotions out of 1,000 that more than happen with probability below SURE if each has alpha."""
    tail, most = 1.0, -1
    while tail > SURE:
        most += 1
        tail -= binomial(RUNS, most, alpha)
    return most


@given(COUNTS, COUNTS, RATES)
@example(0, 0, 0.95)
@example(3, 1, 0.5)
def test_doubt_wins_nothing_on_average_against_an_agent_that_deserves_it(
    agreements: int, others: int, rate: float
) -> None:
    """The capital is a martingale at the doubted rate, and shrinks at every lower one: Ville's inequality holds."""
    now = log_capital(agreements, others, rate)
    up = math.exp(log_capital(agreements + 1, others, rate) - now)
    down = math.exp(log_capital(agreements, others + 1, rate) - now)
    assert 1.0 == pytest.approx(rate * up + (1 - rate) * down)
    assert down <= up


def test_doubt_begins_with_a_capital_of_one() -> None:
    """Ville's inequality bounds by what it began with."""
    assert 0.0 == pytest.approx(log_capital(0, 0, 0.95))


@given(COUNTS, COUNTS, st.sampled_from([0.05, 0.01]))
def test_bound_lies_below_the_observed_rate_and_moves_with_each_verdict(
    agreements: int, others: int, alpha: float
) -> None:
    """Agreement raises it, anything else lowers it."""
    bound = lower_bound(agreements, others, alpha)
    assert 0 <= bound <= agreements / max(1, agreements + others)
    assert (
        lower_bound(agreements, others + 1, alpha) <= bound + 1e-9 <= lower_bound(agreements + 1, others, alpha) + 2e-9
    )


@given(COUNTS, COUNTS, st.sampled_from(list(RULES.values())))
def test_bound_and_decision_say_the_same(agreements: int, others: int, rule: PromotionRule) -> None:
    """What people read is what decides."""
    if agreements + others >= rule.min_verdicts:
        is_above = lower_bound(agreements, others, rule.alpha) >= 1 - rule.max_error_rate - 1e-9
        assert is_above == is_proven(agreements, others, rule)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.to.value)
def test_bad_agent_is_promoted_less_often_than_alpha_however_often_people_look(rule: PromotionRule) -> None:
    """1,000 simulated agents at the limit, looked at after each of 500 verdicts; and computed exactly."""
    promoted = share_promoted(ours(rule), rule.max_error_rate, runs=RUNS, number=LOOKS)
    assert promoted * RUNS <= most_promotions(rule.alpha)
    assert ever_promoted(ours(rule), rule.max_error_rate, LOOKS)[-1] < rule.alpha


@pytest.mark.parametrize("error_rate", [0.06, 0.1, 0.3])
def test_worse_agents_are_promoted_still_less_often(error_rate: float) -> None:
    """The limit is the worst case."""
    rule = RULES[Autonomy.SUPERVISED]
    at_limit = ever_promoted(ours(rule), rule.max_error_rate, LOOKS)[-1]
    assert ever_promoted(ours(rule), error_rate, LOOKS)[-1] < at_limit


def test_bound_for_a_fixed_sample_fails_when_people_look_after_every_verdict() -> None:
    """The same 1,000 bad agents: Clopper and Pearson let several times alpha through, and we do not."""
    rule = RULES[Autonomy.SUPERVISED]
    fixed = share_promoted(naive(rule), rule.max_error_rate, runs=RUNS, number=LOOKS)
    assert fixed > 3 * rule.alpha
    assert fixed * RUNS > most_promotions(rule.alpha)


@pytest.mark.parametrize(
    ("to", "error_rate", "verdicts"),
    [
        (Autonomy.APPROVAL_REQUIRED, 0.01, 40),
        (Autonomy.SUPERVISED, 0.0, 75),
        (Autonomy.SUPERVISED, 0.005, 180),
        (Autonomy.SUPERVISED, 0.01, 250),
        (Autonomy.AUTONOMOUS, 0.0, 280),
        (Autonomy.AUTONOMOUS, 0.005, 1100),
    ],
)
def test_good_agent_is_promoted_in_reasonable_time(to: Autonomy, error_rate: float, verdicts: int) -> None:
    """Nine of ten within so many verdicts: caution that never ends would be no evidence either."""
    assert ever_promoted(ours(RULES[to]), error_rate, verdicts)[-1] >= 0.9
