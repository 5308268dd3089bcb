"""How sure we may be of an agent's rate of agreement when people look at the evidence again and again.

A bound for a sample of fixed size (Clopper-Pearson) is wrong as often as it says only when it is looked at once.
Looked at after each verdict it is wrong far more often, and evidence for a promotion is looked at after each verdict.
So this is a *confidence sequence*: with probability at least `1 - alpha` it holds at every sample size at once.

It is the one-sided capital process of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", Journal of the Royal Statistical Society B 86(1), 2024 (arXiv:2010.09686), for verdicts that are 1 (agrees) or
0 (anything else). Somebody who doubts that agreement is at most `m` starts with a capital of 1 and stakes the fraction
`c` of it on each verdict at fair odds: agreement multiplies the capital by `1 - c + c/m`, the rest by `1 - c`. If
each verdict agrees with probability at most `m`, given all before it, the expected factor is at most 1, so the
capital is a non-negative supermartingale, and so is the mean over several fractions. By Ville's inequality it ever
reaches `1 / alpha` with probability at most `alpha`, however often anybody looks and whenever they stop.
"""

import math
from functools import lru_cache
from typing import Final

STAKES: Final = (0.25, 0.5, 0.75, 0.9, 1.0)
"""Fractions of the capital that are staked, a fifth of it each. All is lost at the first disagreement with the last,
which proves a spotless agent soonest; the smaller ones prove one that errs now and then. The guarantee holds for any
choice made beforehand."""
_HALVINGS: Final = 40
"""Of the interval that holds the bound: to 1e-12."""


def log_capital(agreements: int, others: int, rate: float) -> float:
    """Give the logarithm of the capital that doubting "agreement is at most `rate`" has won; 0 < rate <= 1."""
    logs = [_log_won(stake, agreements, others, rate) for stake in STAKES]
    largest = max(logs)
    return largest + math.log(sum(math.exp(log - largest) for log in logs) / len(STAKES))


@lru_cache(maxsize=4096)
def lower_bound(agreements: int, others: int, alpha: float) -> float:
    """Give the rate that agreement exceeds, at all times at once, with probability at least `1 - alpha`.

    `others` counts every verdict that does not agree. The bound is 0 without agreements, and below the observed rate.
    """
    enough = math.log(1 / alpha)
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # The capital only shrinks as the rate grows: doubting a modest claim wins less on the same verdicts.
        if log_capital(agreements, others, middle) >= enough:
            low = middle
        else:
            high = middle
    return low


def _log_won(stake: float, agreements: int, others: int, rate: float) -> float:
    if stake == 1.0:
        return -math.inf if others else -agreements * math.log(rate)
    return agreements * math.log1p(stake * (1 / rate - 1)) + others * math.log1p(-stake)
