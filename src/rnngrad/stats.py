"""Statistics of a handful of seeds."""

from collections.abc import Sequence
from math import inf

import numpy as np


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a success rate (Wilson 1927, JASA 22:209-212)."""
    from scipy.stats import binomtest  # most of a second, which no command needs to wait for at its start

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def censored_median(values: Sequence[int | None]) -> float:
    """The median where None stands for "later than was observed"; infinite if it falls among those."""
    return float(np.median([inf if v is None else v for v in values]))
