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
    """2^exponent."""
    return math.ldexp(1.0, exponent)


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
def record(squares, parts, exponents, norms, powers, low, rows):
    """Squared norms of a step's adjoints to norms (B, parts) and their exponents to powers (B,)."""
    n = lanes(squares)
    for row in range(rows):
        powers[low + row] = exponents[row]
        for part in range(parts):
            norms[low + row, part] = sum_lanes(load(squares, (row * parts + part) * n))


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
def rescale(adjoint, row_size, exponents, squares, parts, rows, used, at):
    """Bring the adjoints that left the range back to about 1.

    squares: per row and part a vector of partial sums of squares of the adjoints just used; their exponents go to
    ``used[at:]``. The adjoints themselves are one step older and of about that size. Clears the squares.
    """
    n = lanes(squares)
    for row in range(rows):
        used[at + row] = exponents[row]
        total = 0.0
        for part in range(parts):
            total += sum_lanes(load(squares, (row * parts + part) * n))
        if total == 0.0:
            used[at + row] = _ZERO
        elif not total < np.inf:  # nor NaN: it shall be seen, however small the adjoints were before
            used[at + row] = max(exponents[row], 0)
        shift = 0
        if 0.0 < total < 4.0**-_STEP:
            shift = _STEP
        elif 4.0**_STEP < total < np.inf:
            shift = -_STEP
        if shift != 0:
            multiply(adjoint, row * row_size, (row + 1) * row_size, shift)
            exponents[row] -= shift
    squares[:] = 0


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
