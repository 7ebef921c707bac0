"""The logistic function on vectors of float64, for a short chain of dependent steps and not for throughput.

engine/cpu/functions.py sums its series by Horner's rule and divides by Newton's; here a net of eight units waits for
each result, so the series is summed in a tree (Estrin's rule) and the division is the machine's.
"""

import math

from ...engine.cpu.simd import power_of_two, splat, where_less
from .lean import lean

_C = tuple(1.0 / math.factorial(k) for k in range(14))
_LN2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)  # split: n times the first is exact
_ROUNDER = 1.5 * 2.0**52  # rounds to whole numbers when added
_LIMIT = 708.0  # beyond it e^x is not a normal number


@lean
def logistic(x):
    """1 / (1 + e^{-x}) to a few units in the last place; beyond ±708 the value there; a NaN stays one."""
    x = where_less(splat(x, _LIMIT), x, splat(x, _LIMIT), x)
    x = where_less(x, splat(x, -_LIMIT), splat(x, -_LIMIT), x)
    shifted = x * -1.4426950408889634 + _ROUNDER
    n = shifted - _ROUNDER
    f = (n * -_LN2[0] - x) - n * _LN2[1]
    f2 = f * f
    f4 = f2 * f2
    low = (f + 1.0) + (f * _C[3] + _C[2]) * f2 + ((f * _C[5] + _C[4]) + (f * _C[7] + _C[6]) * f2) * f4
    high = (f * _C[9] + _C[8]) + (f * _C[11] + _C[10]) * f2 + (f * _C[13] + _C[12]) * f4
    return 1.0 / ((low + high * (f4 * f4)) * power_of_two(shifted) + 1.0)
