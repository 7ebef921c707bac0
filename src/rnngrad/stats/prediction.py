"""Where a mean of new trials would lie, from trials whose logarithms are taken for normal."""

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

DRAWS = 40_000
SEED = 0
LEAST = 2
"""Values without which there is no spread to see."""

Array = NDArray[np.float64]


def prediction_interval(values: Sequence[float], trials: int) -> tuple[float, float]:
    """The 95 % prediction interval of the mean of so many new values, from some that are already there.

    Times until success are skewed and positive, and a paper's mean is that of the times, not of their logarithms. So
    the logarithms are taken for normal with unknown mean and variance; both are drawn from what the values leave open,
    new values from them, and of each draw's mean the middle 95 % is the interval. For one new value it is the exact
    Student interval of its logarithm. The draws are the same each time, and their error is about 1 %.
    0 to infinity from fewer than two values.

    Reference: Krishnamoorthy & Mathew 2003, Journal of Statistical Planning and Inference 115:103-121 (generalised
    intervals of log-normal means).
    """
    if len(values) < LEAST:
        return 0.0, inf
    rng = np.random.default_rng(SEED)
    centre, spread = _drawn(values, rng)
    total = np.zeros(DRAWS)
    with np.errstate(over="ignore"):
        for _ in range(trials):
            total += np.exp(centre + spread * rng.standard_normal(DRAWS))
    return _middle(total / trials)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the expected value, the logarithms taken for normal: see :func:`prediction_interval`."""
    if len(values) < LEAST:
        return 0.0, inf
    centre, spread = _drawn(values, np.random.default_rng(SEED))
    with np.errstate(over="ignore"):
        return _middle(np.exp(centre + spread**2 / 2))


def _drawn(values: Sequence[float], rng: np.random.Generator) -> tuple[Array, Array]:
    """Mean and standard deviation of the logarithms, as far as the values leave them open."""
    logs, n = np.log(np.asarray(values, dtype=np.float64)), len(values)
    spread = logs.std(ddof=1) * np.sqrt((n - 1) / rng.chisquare(n - 1, DRAWS))
    return logs.mean() + spread * rng.standard_normal(DRAWS) / np.sqrt(n), spread


def _middle(draws: Array) -> tuple[float, float]:
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)
