"""The lag at which success falls to one half."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

Array = NDArray[np.float64]
Counts = NDArray[np.int_]
RESAMPLES = 1000
TAIL = 0.025
ROUNDING = 1e-9
"""Of the likelihood's slope where it is 0."""


class Tried(NamedTuple):
    """How many of some runs at a lag solved it."""

    lag: float
    solved: int
    trials: int


@dataclass(frozen=True)
class HalfSuccess:
    """Where the success rate falls to one half, as far as the lags that were tried can tell.

    ``lag`` is the estimate: None where none can be made, or where it lies outside of the lags that were tried.
    ``low`` and ``high`` enclose it; one that is None is not to be had from these runs. With a ``curve`` they are its
    95 % interval. Without one they are no interval but a bracket: the longest lag that all runs solved and the shortest
    that none did, or the longest (shortest) lag tried where success does not fall with lag.
    ``curve``: a and b of ln(odds of success) = a + b ln(lag).
    """

    lag: float | None
    low: float | None
    high: float | None
    curve: tuple[float, float] | None


class _Ends(NamedTuple):
    """The lags between which success halves; 0 or infinite where it does not on that side of those tried."""

    low: float
    high: float
    curve: tuple[float, float] | None


def half_success(tried: Sequence[Tried], rng: np.random.Generator) -> HalfSuccess:
    """Logistic regression of success on ln(lag) by maximum likelihood, for success that falls with lag or is constant.

    The estimate is the LD50 of a dose-response curve (Finney 1971, Probit Analysis). Its interval is the bootstrap's
    (percentiles), drawing runs with replacement within each lag; a draw without an estimate of its own counts as its
    bracket, its low end for ``low``, its high end for ``high``. Lags without a trial are left out.
    Raises UsageError if no lag has any.
    """
    rows = sorted(row for row in tried if row.trials)
    if not rows:
        raise UsageError("no lag has a run that ended: there is no success rate to fit")
    lags = np.array([row.lag for row in rows], dtype=np.float64)
    solved, trials = np.array([row.solved for row in rows]), np.array([row.trials for row in rows])
    own = _ends(lags, solved, trials)
    low, high = (own.low, own.high) if own.curve is None else _bootstrap(lags, solved, trials, rng)
    shortest, longest = rows[0].lag, rows[-1].lag
    return HalfSuccess(
        lag=own.low if own.curve is not None and shortest <= own.low <= longest else None,
        low=min(low, longest) if low >= shortest else None,
        high=max(high, shortest) if high <= longest else None,
        curve=own.curve,
    )


def _bootstrap(lags: Array, solved: Counts, trials: Counts, rng: np.random.Generator) -> tuple[float, float]:
    """Drawing the runs of a lag with replacement is drawing the number of solved ones, binomially.

    scipy.stats.bootstrap draws the same, but refuses a lag with a single run.
    """
    drawn = rng.binomial(trials, solved / trials, (RESAMPLES, len(lags)))
    distinct, times = np.unique(drawn, axis=0, return_counts=True)
    ends = [_ends(lags, row, trials) for row in distinct]
    lows = np.sort(np.repeat([end.low for end in ends], times))
    highs = np.sort(np.repeat([end.high for end in ends], times))
    skipped = int(TAIL * RESAMPLES)
    return float(lows[skipped]), float(highs[-1 - skipped])


def _ends(lags: Array, solved: Counts, trials: Counts) -> _Ends:
    """lags: rising. Where the likelihood has no maximum, or has it at a curve that rises, there is no curve."""
    if lags[solved > 0].max(initial=0) <= lags[solved < trials].min(initial=inf):
        return _Ends(float(lags[solved == trials].max(initial=0)), float(lags[solved == 0].min(initial=inf)), None)
    share = solved.sum() / trials.sum()
    if (solved - trials * share) @ np.log(
        lags
    ) > -ROUNDING:  # the likelihood's slope at a constant rate: best to rise or stay
        return _Ends(inf if share > 0.5 else 0.0, 0.0 if share < 0.5 else inf, None)
    intercept, slope = _fit(np.log(lags), solved, trials)
    half = exp(min(max(-intercept / slope, log(lags[0]) - 1), log(lags[-1]) + 1))  # how far outside does not matter
    return _Ends(half, half, (intercept, slope))


def _fit(x: Array, solved: Counts, trials: Counts) -> tuple[float, float]:
    """x: ln lag. The root of the score equations, which is the maximum: the log likelihood is concave."""
    from scipy.optimize import root
    from scipy.special import expit, logit

    centre, width = float(x.mean()), float(x.std())
    design = np.stack([np.ones_like(x), (x - centre) / width])

    def score(b: Array) -> Array:
        return np.asarray(design @ (solved - trials * expit(b @ design)))

    def information(b: Array) -> Array:
        p = expit(b @ design)
        return np.asarray(-(design * (trials * p * (1 - p))) @ design.T)

    found = root(score, [logit(solved.sum() / trials.sum()), 0.0], jac=information)
    if not found.success:
        raise ArithmeticError(f"the logistic fit did not converge: {found.message}")
    slope = float(found.x[1]) / width
    return float(found.x[0]) - slope * centre, slope
