"""Random matrix theory of recurrent weights: singular values of one step, exponents of many."""

from math import log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

TORCH_GAIN = 1 / sqrt(3)
"""Gain of torch's default recurrent matrix, U[-1/√H, 1/√H] with variance gain²/H: 0.577 per step in a net that is
linear or near its linear point, and the limit of its spectral radius (the circular law); but its largest singular value
tends to 2/√3 = 1.155, so that a bound by norms allows growth."""


def newman_exponents(width: int, gain: float = 1.0) -> NDArray[np.float64]:
    """Lyapunov exponents of a product of independent Gaussian matrices N(0, gain²/width), exact at every width.

    λ_i = ln gain + ½ [ψ((n - i + 1)/2) + ln(2/n)], i = 1 … n, largest first, natural log per factor; (n,).
    Raises UsageError unless both are positive.

    Reference: Newman 1986, Communications in Mathematical Physics 103:121-126.
    """
    from scipy.special import digamma  # slow to import, and no command needs it at its start

    _check(width, gain)
    freedom = np.arange(width, 0, -1)
    return np.asarray(log(gain) + 0.5 * (digamma(freedom / 2) + log(2 / width)), dtype=np.float64)


def mean_singular_value(gain: float = 1.0) -> float:
    """8/(3π) gain = 0.849 gain: mean singular value of a large square matrix with entries of variance gain²/n.

    The quarter-circle law (Marchenko & Pastur 1967). With gain 1 and 1/√3 it gives 0.85 and 0.49, the means that Glorot
    & Bengio 2010 print, to a digit, for their normalised and the standard initialisation.
    """
    _check(1, gain)
    return 8 / (3 * pi) * gain


def largest_singular_value(gain: float = 1.0) -> float:
    """2 gain: the limit for a large square matrix with entries of variance gain²/n (Geman 1980)."""
    _check(1, gain)
    return 2 * gain


def _check(width: int, gain: float) -> None:
    if width < 1 or not gain > 0:
        raise UsageError(f"a random matrix needs a width and a gain above 0, got width {width} and gain {gain:g}")
