"""The vanilla net in the kernels: h_t = φ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), φ one of tanh, relu, identity."""

from numba import njit

from .functions import tanh
from .product import product1, product2
from .simd import lanes, load, splat, store, where_less
from .tile import groups

TANH, RELU, IDENTITY = 0, 1, 2


@njit
def activate(kind, v):
    """φ of a vector."""
    if kind == TANH:
        return tanh(v)
    if kind == RELU:
        zero = splat(v, 0.0)
        return where_less(v, zero, zero, v)
    return v


@njit
def slope(kind, h):
    """φ' as a function of φ."""
    one = splat(h, 1.0)
    if kind == TANH:
        return one - h * h
    if kind == RELU:
        return where_less(splat(h, 0.0), h, one, h)  # h is 0, or NaN and shall stay so
    return one


@njit(inline="always")
def advance(kind, states, now, then, row_size, lead, start, packed, width, inner, rows, scratch):
    """One step: rows of the states from ``now`` on, [x, 1, h] of ``inner`` numbers, to those from ``then`` on."""
    n = lanes(states)
    count = groups(rows, 2)
    for first in range(0, width, 2 * n):
        panel = min(2 * n, width - first)
        for group in range(count):
            low = group * rows // count
            height = (group + 1) * rows // count - low
            a, b = now + low * row_size + start, first * inner
            if panel == n:
                product1(scratch, 0, panel, states, a, row_size, 0, packed, b, panel, inner, 1, height, 1)
            else:
                product2(scratch, 0, panel, states, a, row_size, 0, packed, b, panel, inner, 1, height, 1)
            for row in range(height):
                for at in range(0, panel, n):
                    v = activate(kind, load(scratch, row * panel + at))
                    store(states, then + (low + row) * row_size + lead + first + at, v)


@njit
def deltas(kind, adjoint, states, then, row_size, lead, width, rows, dz, to, squares):
    """δ of the pre-activations from the adjoint of h_t; squares of the adjoint are added up per row."""
    n = lanes(dz)
    for row in range(rows):
        total = load(squares, row * n)
        for at in range(0, width, n):
            upstream, h = load(adjoint, row * width + at), load(states, then + row * row_size + lead + at)
            total = total + upstream * upstream
            store(dz, to + row * width + at, upstream * slope(kind, h))
        store(squares, row * n, total)
