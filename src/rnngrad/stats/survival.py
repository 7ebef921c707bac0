"""Times until something happens, some of which are only known to be longer: Kaplan-Meier and log-rank."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

if TYPE_CHECKING:
    from scipy.stats import CensoredData

Array = NDArray[np.float64]
HALF = 0.5
ROUNDING = 1e-9
"""A share this close to one half is one half: it is a product of fractions."""


@dataclass(frozen=True)
class Times:
    """When it happened, and how long was watched where it did not; in any one unit."""

    events: Sequence[float]
    censored: Sequence[float] = ()

    def __len__(self) -> int:
        return len(self.events) + len(self.censored)

    def for_scipy(self) -> CensoredData:
        """The same as scipy.stats wants it."""
        from scipy.stats import CensoredData

        return CensoredData(uncensored=list(self.events), right=list(self.censored))


class Median(NamedTuple):
    """A median with its 95 % interval.

    The median is None where too few times are known; an end is where these times set none: under six, for one.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Survival:
    """The share to which it has not happened, from each of the times ``at`` on, with its 95 % interval.

    ``at`` starts at 0 and holds the distinct times, also those at which watching ended.
    """

    at: Array
    share: Array
    low: Array
    high: Array

    @property
    def median(self) -> Median:
        """The time from which on the share is below one half, the middle if it is one half for a while.

        The interval holds the times at which the interval of the share holds one half (Brookmeyer & Crowley 1982,
        Biometrics 38:29-41).
        """
        reached, passed = self._first(self.share <= HALF + ROUNDING), self._first(self.share < HALF - ROUNDING)
        value = None if reached is None or passed is None else (reached + passed) / 2
        return Median(value, self._first(self.low <= HALF) or None, self._first(self.high < HALF))

    def _first(self, where: NDArray[Any]) -> float | None:
        return float(self.at[where][0]) if where.any() else None


def kaplan_meier(times: Times) -> Survival:
    """The product-limit estimate (Kaplan & Meier 1958, JASA 53:457-481), with the log-log interval of each point.

    Where the share is 1 or 0 that interval does not exist: the exact binomial one stands there (Clopper & Pearson 1934,
    Biometrika 26:404-413), of none among those still watched, or of all that happened.
    Raises UsageError without a single time.
    """
    from scipy.stats import ecdf

    if not len(times):
        raise UsageError("no times to estimate survival from: give those of at least one run")
    survival = ecdf(times.for_scipy()).sf
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The confidence interval is undefined")  # where the share is 1 or 0
        interval: Any = survival.confidence_interval(method="log-log")  # whose stubs take its curves for numbers
    at = np.array([0, *survival.quantiles], dtype=np.float64)
    share = np.array([1, *survival.probabilities], dtype=np.float64)
    low, high = (np.array([np.nan, *end.probabilities]) for end in (interval.low, interval.high))
    for k in np.flatnonzero(share == 1):
        low[k], high[k] = _exact(share=1, of=sum(t > at[k] for t in (*times.events, *times.censored)))
    low[share <= ROUNDING], high[share <= ROUNDING] = _exact(share=0, of=len(times.events))
    return Survival(at, share, low, high)


def _exact(share: int, of: int) -> tuple[float, float]:
    """The exact 95 % interval of a share of all or nothing."""
    from scipy.stats import binomtest

    interval = binomtest(share * of, of).proportion_ci(0.95, method="exact") if of else (0.0, 1.0)
    return float(interval[0]), float(interval[1])


class LogRank(NamedTuple):
    """``chi2`` has one degree of freedom; ``p`` is two-sided."""

    chi2: float
    p: float


def log_rank(first: Times, second: Times) -> LogRank | None:
    """Does it happen at the same rate in both (Mantel 1966; Peto & Peto 1972, J. R. Stat. Soc. A 135:185-207)?

    None where there is nothing to compare: at no time did it happen while both were still watched.
    """
    from scipy.stats import logrank

    if not any(_watched(first, at) and _watched(second, at) for at in {*first.events, *second.events}):
        return None
    result = logrank(first.for_scipy(), second.for_scipy())
    return LogRank(float(result.statistic) ** 2, float(result.pvalue))


def _watched(times: Times, at: float) -> bool:
    return any(t >= at for t in (*times.events, *times.censored))
