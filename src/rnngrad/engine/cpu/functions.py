"""exp, tanh and the logistic function on vectors, from one core: e^y = 2^n (1 + q(f)), q(f) = e^f - 1, |f| <= ln 2 / 2.

Keeping q apart from the 1 keeps tanh accurate next to zero. Largest error over all float32 numbers, denormal ones
included: tanh 2.7, sigmoid 2.5 units in the last place, 3.0 on a processor without fused multiply-adds; see
tests/test_engine_functions.py, which measures it.
"""

import math

from numba import njit, types
from numba.extending import overload

from .simd import copy_sign, power_of_two, splat, where_less

# By dtype: ln 2 split so that n times the first part is exact; the number that rounds to whole ones when added; where
# e^y has sunk to nothing; a factor that lifts it out of the denormal numbers; 1/k! from the highest power down to 1/2!.
_FLOAT32 = (
    (0.693359375, -2.12194440e-4),
    1.5 * 2.0**23,
    -105.0,
    64.0,
    tuple(1.0 / math.factorial(k) for k in range(7, 1, -1)),
)
_FLOAT64 = (
    (6.93147180369123816490e-01, 1.90821492927058770002e-10),
    1.5 * 2.0**52,
    -746.0,
    512.0,
    tuple(1.0 / math.factorial(k) for k in range(13, 1, -1)),
)


def constants(v):
    """The constants of the vector's dtype."""
    raise NotImplementedError  # for numba alone: kernels get the overload below


@overload(constants)
def _constants(v):
    chosen = _FLOAT64 if v.dtype is types.float64 else _FLOAT32
    return lambda v: chosen


def newton_steps(v):
    """How often the reciprocal's first guess, good to 1/99, is squared before the last time."""
    raise NotImplementedError  # for numba alone: kernels get the overload below


@overload(newton_steps)
def _newton_steps(v):
    chosen = 3 if v.dtype is types.float64 else 1
    return lambda v: chosen


@njit
def _reduce(y, least):
    """q and n + rounder of e^y = 2^n (1 + q), for y <= 0; below ``least`` y counts as that."""
    ln2, rounder, _, _, series = constants(y)
    y = where_less(y, splat(y, least), splat(y, least), y)
    shifted = y * 1.4426950408889634 + rounder
    n = shifted - rounder
    f = (y - n * ln2[0]) - n * ln2[1]
    p = splat(y, series[0])
    for coefficient in series[1:]:
        p = p * f + coefficient
    return p * (f * f) + f, shifted


@njit
def _divide(a, d):
    """a / d for d from 1 to 2, several times faster than the machine's division: Newton from a parabola."""
    r = (d * (32.0 / 99.0) - 16.0 / 11.0) * d + 70.0 / 33.0
    for _ in range(newton_steps(d)):
        r = r * (2.0 - d * r)
    quotient = a * r
    return quotient + r * (a - d * quotient)


@njit
def tanh(x):
    """(1 - e^{-2|x|}) / (1 + e^{-2|x|}), with the sign of x."""
    q, shifted = _reduce(copy_sign(x, splat(x, -1.0)) * 2.0, -60.0)
    power = power_of_two(shifted)
    minus = (1.0 - power) - power * q
    return copy_sign(_divide(minus, 2.0 - minus), x)


@njit
def sigmoid(x):
    """1 / (1 + e^{-x}); by e^{-|x|}, so that neither tail overflows or loses digits."""
    _, _, least, lift, _ = constants(x)
    q, shifted = _reduce(copy_sign(x, splat(x, -1.0)), least)
    down = 2.0**-lift
    e = (q * down + down) * power_of_two(shifted + lift)
    one = splat(x, 1.0)
    return _divide(where_less(x, splat(x, 0.0), e, one), e + 1.0)
