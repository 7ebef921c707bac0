"""Intervals of a rate and of a mean, and the median of what was not always seen."""

from collections.abc import Sequence
from math import inf, nan, sqrt

import numpy as np


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a success rate (Wilson 1927, JASA 22:209-212); 0 to 1 without a trial."""
    from scipy.stats import binomtest  # most of a second, which no command needs to wait for at its start

    if not trials:
        return 0.0, 1.0
    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def censored_median(values: Sequence[int | None]) -> float:
    """The median where None stands for "later than was observed"; infinite if it falls among those."""
    return float(np.median([inf if v is None else v for v in values]))


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean of values of one normal distribution (Student 1908); NaN for a single one."""
    from scipy.stats import t

    if len(values) < 2:
        return nan, nan
    half = float(t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / sqrt(len(values))
    mean = float(np.mean(values))
    return mean - half, mean + half
