"""Adjoints in log space: every sample carries a power of two beside its adjoint, so that none under- or overflows.

The backward map is linear, and multiplying by a power of two is exact: the gradients are what they would be without,
except that the range of the exponent is unlimited. It also keeps the arithmetic away from denormal numbers, which
are a hundred times slower.
"""

import math

import numpy as np
from numba import njit

from .simd import lanes, load, splat, store, sum_lanes

_STEP = 32  # adjoints move by this many powers of two at once, so that most samples have the same exponent
# For float64 and float32: exponents down to the first make a factor of the dtype, and what is below goes into the
# gradients themselves; below the second nothing is left of either.
_LIMITS_64, _LIMITS_32 = (-900, -1100), (-120, -170)
_NEGLIGIBLE = -100  # so many powers of two below the largest, a gradient adds nothing to a sum
_ZERO = -(1 << 40)  # the exponent of an adjoint that is exactly zero


@njit
def power(exponent):
    """2^exponent. The machine's ldexp takes 32 bits; beyond these limits it is infinite or 0 anyway."""
    return math.ldexp(1.0, min(max(exponent, -4096), 4096))


@njit
def multiply(array, begin, end, exponent):
    """array[begin:end] *= 2^exponent for whole vectors; in two steps, since the factor may exceed the dtype's range."""
    n = lanes(array)
    half = exponent // 2
    for at in range(begin, end, n):
        v = load(array, at)
        store(array, at, (v * splat(v, power(half))) * splat(v, power(exponent - half)))


@njit
def receive(adjoint, row_size, exponents, grad, low, rows):
    """Add the loss's own gradient of h, (B, H), to rows of [δh | δc] that may be scaled: they are unscaled first."""
    for row in range(rows):
        new = False
        for unit in range(grad.shape[1]):
            new |= grad[low + row, unit] != 0.0
        if new and exponents[row] != 0:
            multiply(adjoint, row * row_size, (row + 1) * row_size, exponents[row])
            exponents[row] = 0
        for unit in range(grad.shape[1]):
            adjoint[row * row_size + unit] += grad[low + row, unit]


@njit
def add_up(adjoint, row_size, exponents, sums, at, rows):
    """The sum of the rows to sums[at:], each brought to the largest exponent, which is returned."""
    n = lanes(adjoint)
    largest = exponents.max()
    sums[at : at + row_size] = 0
    for row in range(rows):
        factor = 1.0 if exponents[row] == largest else power(exponents[row] - largest)
        for column in range(0, row_size, n):
            term = load(adjoint, row * row_size + column) * factor
            store(sums, at + column, load(sums, at + column) + term)
    return largest


@njit
def reduce_squares(squares, norms):
    """Per row and part a vector of partial sums of squares to the squared norms (parts, rows); clears the squares."""
    n = lanes(squares)
    parts, rows = norms.shape
    for row in range(rows):
        for part in range(parts):
            norms[part, row] = sum_lanes(load(squares, (row * parts + part) * n))
    squares[:] = 0


@njit
def record(norms, used, begin, end, low, heard, powers, totals, total_powers):
    """Squared norms (steps, parts, rows) and their exponents (steps · rows) of the steps from ``begin`` to ``end``.

    They go to heard (T, parts, B) and powers (T, B); their sums over the rows to totals (T, parts), as numbers to be
    multiplied by 4 to the total_powers (T,).
    """
    _, parts, rows = norms.shape
    for t in range(begin, end):
        first = (t - begin) * rows
        largest, least = used[first], used[first]
        for row in range(rows):
            exponent = used[first + row]
            largest, least = max(largest, exponent), min(least, exponent)
            powers[t, low + row] = exponent
        total_powers[t] = largest
        for part in range(parts):
            total = 0.0
            for row in range(rows):
                norm = norms[t - begin, part, row]
                heard[t, part, low + row] = norm
                total += norm if least == largest else norm * power(2 * (used[first + row] - largest))
            totals[t, part] = total


@njit
def rescale(adjoint, row_size, exponents, norms, used, at):
    """Bring the adjoints that left the range back to about 1.

    norms: squared, (parts, rows), of the adjoints just used, whose exponents go to ``used[at:]``. The adjoints
    themselves are one step older and of about that size.
    """
    parts, rows = norms.shape
    for row in range(rows):
        total = norms[0, row]
        for part in range(1, parts):
            total += norms[part, row]
        if total == 0.0:  # and stays so: it shall not be the largest
            exponents[row] = _ZERO
        used[at + row] = exponents[row]
        if not total < np.inf:  # nor NaN: it shall be seen, however small the adjoints were before
            used[at + row] = max(exponents[row], 0)
        shift = 0
        if 0.0 < total < 4.0**-_STEP:
            shift = _STEP
        elif 4.0**_STEP < total < np.inf:
            shift = -_STEP
        if shift != 0:
            multiply(adjoint, row * row_size, (row + 1) * row_size, shift)
            exponents[row] -= shift


@njit
def level(dz, row_size, used, count):
    """Bring ``count`` rows of gradients to one common exponent; returns two to it, and 0 if all of them are zero."""
    limits = _LIMITS_64 if dz.itemsize == 8 else _LIMITS_32
    largest = used[0]
    for k in range(1, count):
        largest = max(largest, used[k])
    if largest < limits[1]:
        return 0.0
    common = max(largest, limits[0])
    for k in range(count):
        if used[k] - largest < _NEGLIGIBLE:
            dz[k * row_size : (k + 1) * row_size] = 0
        elif used[k] != common:
            multiply(dz, k * row_size, (k + 1) * row_size, used[k] - common)
    return power(common)
