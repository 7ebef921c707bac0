"""Bengio's latch: one tanh unit that holds a bit by its own weight, and forgets its gradient in doing so."""

from math import atanh, log, sqrt, tanh

from ..errors import UsageError
from .bound import Bound

BENGIO = "Bengio, Simard & Frasconi 1994"


def latch(weight: float, bias: float = 0.0) -> Bound:
    """The latching condition of a_t = w tanh(a_{t-1}) + b, and the rate of the gradient while the bit is held.

    There are two stable states if and only if w > 1 (w φ'(0) > 1) and |b| < :func:`latch_threshold`. At a state a* the
    gradient changes by ln(w (1 - tanh² a*)) < 0 per step; with a bias the two differ, and the slower one is given.
    No latch, no rate: then log_factor is None. An input that comes while the bit is held changes the rate.
    """
    holds = weight > 1 and abs(bias) < latch_threshold(weight)
    return Bound(
        name="bengio_latch",
        kind="rate",
        log_factor=max(_rate(weight, a) for a in latch_states(weight, bias)) if holds else None,
        assumption="two stable states: w > 1, and a bias too small to tip the latch",
        satisfied=holds,
        vacuous=not holds,
        source=BENGIO,
    )


def latch_threshold(weight: float) -> float:
    """h*: a constant input beyond it tips the latch over, w > 1. There the slope w (1 - tanh² a) is 1.

    Raises UsageError for w <= 1, where nothing latches.
    """
    fold = _fold(weight)
    return weight * tanh(fold) - fold


def latch_states(weight: float, bias: float = 0.0) -> tuple[float, float]:
    """The two stable states a* = w tanh(a*) + b, the lower first.

    Raises UsageError for w <= 1 or |b| >= h*, where there are no two.
    """
    from scipy.optimize import brentq  # slow to import, and no command needs it at its start

    fold, far = _fold(weight), weight + abs(bias) + 1
    if abs(bias) >= latch_threshold(weight):
        raise UsageError(f"a latch of weight {weight:g} needs |bias| < {latch_threshold(weight):g}, got {bias:g}")

    def excess(a: float) -> float:
        return weight * tanh(a) + bias - a

    low, high = (float(brentq(excess, *ends, xtol=1e-15, rtol=1e-15)) for ends in ((-far, -fold), (fold, far)))
    return low, high


def _rate(weight: float, a: float) -> float:
    return log(weight * (1 - tanh(a) ** 2))


def _fold(weight: float) -> float:
    """a > 0 with w (1 - tanh² a) = 1, where a stable and an unstable state meet."""
    if not weight > 1:
        raise UsageError(f"a latch needs a weight above 1, got {weight:g}")
    return atanh(sqrt(1 - 1 / weight))
