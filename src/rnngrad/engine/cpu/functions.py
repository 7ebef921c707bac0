"""exp, tanh and the logistic function on vectors, from one core: e^y = 2^n (1 + q(f)), q(f) = e^f - 1, |f| <= ln 2 / 2.

Keeping q apart from the 1 keeps tanh accurate next to zero. Largest error over every float32, in units in the last
place: see tests/test_engine_functions.py, which measures it.
"""

import math

from numba import njit, types
from numba.extending import overload

from .simd import copy_sign, scale_by_power, splat, where_less

# For each dtype: ln 2 split so that n times the first part is exact, the number that rounds when added, where e^y
# has sunk to nothing, and 1/k! from the highest power the precision needs down to 1/2!.
_LN2_HIGH_32, _LN2_LOW_32 = 0.693359375, -2.12194440e-4
_LN2_HIGH_64, _LN2_LOW_64 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SERIES_32 = tuple(1.0 / math.factorial(k) for k in range(7, 1, -1))
_SERIES_64 = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))


def constants(v):
    """(high and low part of ln 2, rounding number, least exponent, coefficients) of the vector's dtype."""
    raise NotImplementedError


@overload(constants)
def _constants(v):
    if v.dtype is types.float64:
        return lambda v: (_LN2_HIGH_64, _LN2_LOW_64, 6755399441055744.0, -746.0, _SERIES_64)
    return lambda v: (_LN2_HIGH_32, _LN2_LOW_32, 12582912.0, -105.0, _SERIES_32)


@njit
def _reduce(y):
    """q and the shifted n of e^y = 2^n (1 + q), for y <= 0."""
    high, low, rounder, least, series = constants(y)
    y = where_less(y, splat(y, least), splat(y, least), y)
    shifted = y * 1.4426950408889634 + rounder
    n = shifted - rounder
    f = (y - n * high) - n * low
    p = splat(y, series[0])
    for coefficient in series[1:]:
        p = p * f + coefficient
    return p * (f * f) + f, shifted


@njit
def tanh(x):
    """(1 - e^{-2|x|}) / (1 + e^{-2|x|}), with the sign of x."""
    q, shifted = _reduce(copy_sign(x, splat(x, -1.0)) * 2.0)
    one = splat(x, 1.0)
    power = scale_by_power(one, shifted)
    minus = (one - power) - power * q
    return copy_sign(minus / (2.0 - minus), x)


@njit
def sigmoid(x):
    """1 / (1 + e^{-x}); by e^{-|x|}, so that neither tail overflows or loses digits."""
    q, shifted = _reduce(copy_sign(x, splat(x, -1.0)))
    e = scale_by_power(q + 1.0, shifted)
    one = splat(x, 1.0)
    return where_less(x, splat(x, 0.0), e, one) / (e + 1.0)
