"""The rate at which a gradient decays: a straight line through its log, and how far it is from straight."""

from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Interval = tuple[float, float]

FITTED_LAGS = 200
"""Lags that take part in a fit, evenly spaced over its range, at most."""
RESAMPLES = 1000
BENT, APART = 0.25, 0.1
"""One rate is a poor description where the slope changes over the fit range by more than BENT of itself, and that takes
the parabola away from a straight line by more than APART, 10 % of the gradient, between its ends."""
_FLOOR = -700.0  # of logs relative to the largest: keeps a resample of small samples from being a zero


@dataclass(frozen=True)
class Rate:
    """Least squares of the log rms of the gradient against lag, natural logs per step, first to last lag included.

    ``log_per_step``: the slope; ``curvature``: the second derivative of the parabola through the same points, per
    step², 0 for an exponential. The intervals hold 95 % of the fits to samples drawn again with replacement
    (percentile bootstrap, Efron & Tibshirani 1993, ch. 13); None for a single sample.
    """

    log_per_step: float
    interval: Interval | None
    curvature: float
    curvature_interval: Interval | None
    first_lag: int
    last_lag: int

    @property
    def factor(self) -> float:
        """What the gradient is multiplied by per step back."""
        return exp(self.log_per_step)

    @property
    def ends(self) -> tuple[float, float]:
        """The slopes of the parabola at the first and the last lag of the range."""
        change = self.curvature * (self.last_lag - self.first_lag) / 2
        return self.log_per_step - change, self.log_per_step + change

    @property
    def bent(self) -> bool:
        """Whether the gradient does not decay at one rate: the slope changes much, and not by chance of the samples."""
        change = abs(self.curvature) * (self.last_lag - self.first_lag)
        apart = change * (self.last_lag - self.first_lag) / 8
        low, high = self.curvature_interval or (self.curvature, self.curvature)
        return change > BENT * abs(self.log_per_step) and apart > APART and low * high > 0


def fitted_rate(log_norms: Array, seed: int) -> Rate | None:
    """The rate of the samples' log gradient norms (L, B), lag 0 first.

    The fit range leaves out a tenth of the lags at either end, where the loss and the initial state are near, and all
    lags from the first exactly zero gradient on. None if fewer than three lags are left.
    """
    lags = _range(log_norms)
    if len(lags) < 3:
        return None
    largest = log_norms[lags].max(axis=1, keepdims=True)
    squares = np.exp(np.maximum(2 * (log_norms[lags] - largest), _FLOOR))
    lines = _lines(lags)
    level = lines @ largest
    whole = (lines @ (0.5 * np.log(squares.mean(axis=1, keepdims=True))) + level)[:, 0]
    slope, curvature = _intervals(lines, level, squares, seed)
    return Rate(float(whole[0]), slope, float(whole[1]), curvature, int(lags[0]), int(lags[-1]))


def _range(log_norms: Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The lags that are fitted."""
    length = len(log_norms)
    zero = np.isneginf(log_norms).all(axis=1)
    end = min(length - length // 10, int(zero.argmax()) if zero.any() else length)
    count = min(FITTED_LAGS, end - length // 10)
    return np.linspace(length // 10, end - 1, max(count, 0)).round().astype(np.int64)


def _lines(lags: np.ndarray[Any, np.dtype[np.int64]]) -> Array:
    """Slope, and second derivative, as the two rows (2, n) that a curve over the lags is multiplied with."""
    middle, half = (lags[0] + lags[-1]) / 2, (lags[-1] - lags[0]) / 2
    x = (lags - middle) / half
    slope = np.linalg.pinv(np.vander(x, 2))[0] / half
    bend = 2 * np.linalg.pinv(np.vander(x, 3))[0] / half**2
    return np.stack([slope, bend])


def _intervals(lines: Array, level: Array, squares: Array, seed: int) -> tuple[Interval | None, Interval | None]:
    """Of slope and curvature, by resampling the samples of squares (n, B)."""
    samples = squares.shape[1]
    if samples == 1:
        return None, None
    counts = np.random.default_rng(seed).multinomial(samples, [1 / samples] * samples, size=RESAMPLES)
    drawn = lines @ (0.5 * np.log(squares @ (counts.T / samples))) + level
    slope, bend = np.percentile(drawn, [2.5, 97.5], axis=1).T
    return (float(slope[0]), float(slope[1])), (float(bend[0]), float(bend[1]))
