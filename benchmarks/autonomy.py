"""`python -m benchmarks.autonomy` measures how often a bad agent is promoted, and how soon a good one.

Agents with a known error rate are simulated, and people who look at the evidence after every verdict; the same is
computed exactly, from the probabilities of all counts. Needs no other part, and takes two minutes.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache
from random import Random

from policies.autonomy.evidence import RULES, PromotionRule, is_proven

RUNS = 1000
LOOKS = 2000
"""Verdicts after each of which people look."""
PATIENCE = 6000
"""Verdicts within which a good agent should be through."""
GOOD = (0.0, 0.005, 0.01)

Passes = Callable[[int, int], bool]
"""Says whether so many agreements and so many others are enough."""


def verdicts(error_rate: float, number: int, seed: int) -> Iterator[bool]:
    """Give whether each verdict agrees."""
    dice = Random(seed)
    return (dice.random() >= error_rate for _ in range(number))


def first_promotion(passes: Passes, agreeing: Iterator[bool]) -> int | None:
    """Look after every verdict; give the number of verdicts at which the agent is promoted, None for never."""
    counts = [0, 0]
    for n, agrees in enumerate(agreeing, 1):
        counts[0 if agrees else 1] += 1
        if agrees and passes(*counts):
            return n
    return None


def share_promoted(passes: Passes, error_rate: float, *, runs: int, number: int) -> float:
    """Give the share of simulated agents that are ever promoted."""
    ends = (first_promotion(passes, verdicts(error_rate, number, seed)) for seed in range(runs))
    return sum(end is not None for end in ends) / runs


def ours(rule: PromotionRule) -> Passes:
    """Decide as the product does."""
    return cache(lambda agreements, others: is_proven(agreements, others, rule))


def naive(rule: PromotionRule) -> Passes:
    """Decide by the exact bound for a sample of fixed size (Clopper and Pearson, Biometrika 26, 1934).

    Its lower bound on agreement exceeds `1 - limit` just when so few errors or fewer have probability below alpha at
    the limit.
    """

    @cache
    def passes(agreements: int, others: int) -> bool:
        n, limit = agreements + others, rule.max_error_rate
        if n < rule.min_verdicts:
            return False
        return sum(binomial(n, k, limit) for k in range(others + 1)) <= rule.alpha

    return passes


def ever_promoted(passes: Passes, error_rate: float, number: int) -> list[float]:
    """Compute exactly, for each n up to `number`, the probability of a promotion within n verdicts.

    Walks over the probabilities of all counts of errors that were not promoted before.
    """
    alive, promoted, totals = {0: 1.0}, 0.0, []
    for n in range(1, number + 1):
        after: dict[int, float] = {}
        for errors, probability in alive.items():
            after[errors] = after.get(errors, 0.0) + probability * (1 - error_rate)
            after[errors + 1] = after.get(errors + 1, 0.0) + probability * error_rate
        promoted += sum(probability for errors, probability in after.items() if passes(n - errors, errors))
        alive = {e: p for e, p in after.items() if not passes(n - e, e) and p > 1e-15}
        totals.append(promoted)
    return totals


def binomial(n: int, k: int, rate: float) -> float:
    """Give the probability of k errors among n."""
    if rate in {0.0, 1.0}:
        return float(k == n * rate)
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log + k * math.log(rate) + (n - k) * math.log1p(-rate))


def verdicts_needed(rule: PromotionRule, error_rate: float) -> str:
    """Say within how many verdicts half and nine tenths of such agents are promoted."""
    totals = ever_promoted(ours(rule), error_rate, PATIENCE)
    needed = [next((n for n, total in enumerate(totals, 1) if total >= share), None) for share in (0.5, 0.9)]
    return " / ".join(f"more than {PATIENCE}" if n is None else str(n) for n in needed)


def print_bad(rule: PromotionRule) -> None:
    """Print how often agents that err just at the limit are ever promoted, by our bound and by the naive one."""
    for name, passes in (("ours", ours(rule)), ("fixed-sample bound", naive(rule))):
        simulated = share_promoted(passes, rule.max_error_rate, runs=RUNS, number=LOOKS)
        exact = ever_promoted(passes, rule.max_error_rate, LOOKS)[-1]
        print(f"  {name:<20}{simulated:>10.1%} of {RUNS} simulated{exact:>10.2%} exactly")


def main() -> None:
    for rule in RULES.values():
        print(f"to {rule.to}: error rate below {rule.max_error_rate:.0%}, alpha {rule.alpha:g}")
        print(f" errs at the limit, looked at after each of {LOOKS} verdicts; ever promoted:")
        print_bad(rule)
        print(" is good; verdicts until half / nine tenths of such agents are promoted:")
        for error_rate in GOOD:
            print(f"  errs in {error_rate:<12.1%}{verdicts_needed(rule, error_rate)}")


if __name__ == "__main__":
    main()
