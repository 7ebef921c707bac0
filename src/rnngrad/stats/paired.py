"""Two cells on common seeds: the same batches, so that what differs is the cell."""

from collections.abc import Mapping
from math import isnan
from typing import Any, NamedTuple

import numpy as np


class McNemar(NamedTuple):
    """Of ``pairs`` seeds, how many only the one solved; ``p`` is None where no pair differs, which tests nothing."""

    pairs: int
    only_first: int
    only_second: int
    p: float | None


class Difference(NamedTuple):
    """The median over ``pairs`` of first minus second, its 95 % interval, and the sign test of a median of 0.

    All are None without a pair, and the ends of the interval where there are too few for one: under six.
    """

    pairs: int
    median: float | None
    low: float | None
    high: float | None
    p: float | None


def mcnemar(first: Mapping[int, bool], second: Mapping[int, bool]) -> McNemar:
    """Is success as likely for both? Exact and two-sided (McNemar 1947, Psychometrika 12:153-157).

    first, second: by seed whether it was solved; seeds of one alone are left out.
    """
    from scipy.stats import binomtest

    common = first.keys() & second.keys()
    only_first = sum(bool(first[seed] and not second[seed]) for seed in common)
    only_second = sum(bool(second[seed] and not first[seed]) for seed in common)
    differ = only_first + only_second
    p = float(binomtest(only_first, differ).pvalue) if differ else None
    return McNemar(len(common), only_first, only_second, p)


def median_difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """By how much do they differ? The interval is that of order statistics, which is the sign test turned round.

    Signs and not signed ranks: steps are counted in whole evaluations, and ties break the ranks' exact distribution. A
    pair without a difference speaks against one (Conover 1999, Practical Nonparametric Statistics, section 3.2).

    first, second: numbers by seed; seeds of one alone are left out.
    """
    from scipy.stats import quantile_test

    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    if not differences:
        return Difference(0, None, None, None, None)
    test = quantile_test(differences, q=0, p=0.5)
    interval: Any = test.confidence_interval(0.95)  # whose stubs take it for a number
    low, high = (None if isnan(end) else float(end) for end in (interval.low, interval.high))
    return Difference(len(differences), float(np.median(differences)), low, high, float(test.pvalue))
