"""The LSTM in the kernels: i, f, o = σ(·), g = tanh(·); c_t = f c_{t-1} + i g, h_t = o tanh(c_t).

A row of the states ends with h and c; W numbers each.
"""

from numba import njit

from .functions import sigmoid, tanh
from .product import product4
from .simd import lanes, load, store
from .tile import groups

KEPT = 5  # vectors of W that a step keeps per sample beside the states: i, f, g, o, tanh(c_t)


@njit(inline="always")
def advance(states, now, then, row_size, lead, start, inner, packed, kept, kept_at, width, rows, scratch):
    """One step: rows of the states from ``now`` on, the operand [x, 1, h] of ``inner`` numbers, to those from ``then``.

    What the way back needs goes to kept[kept_at:].
    """
    n = lanes(states)
    count = groups(rows, 4)
    for first in range(0, width, n):
        for group in range(count):
            low = group * rows // count
            height = (group + 1) * rows // count - low
            a, b = now + low * row_size + start, 4 * first * inner
            product4(scratch, 0, 4 * n, states, a, row_size, 0, packed, b, 4 * n, inner, 1, height, 1)
            _activate(scratch, height)
            for row in range(height):
                at, source = (low + row) * row_size + lead + first, 4 * row * n
                to = kept_at + KEPT * (low + row) * width + first
                i, f = load(scratch, source), load(scratch, source + n)
                g, o = load(scratch, source + 2 * n), load(scratch, source + 3 * n)
                c = f * load(states, now + at + width) + i * g
                squashed = tanh(c)
                store(states, then + at, o * squashed)
                store(states, then + at + width, c)
                store(kept, to, i)
                store(kept, to + width, f)
                store(kept, to + 2 * width, g)
                store(kept, to + 3 * width, o)
                store(kept, to + 4 * width, squashed)


@njit
def _activate(scratch, rows):
    """Pre-activations to gates, in place; in loops of their own, so that many rows are under way at once."""
    n = lanes(scratch)
    for row in range(rows):
        for at in (4 * row * n, (4 * row + 1) * n, (4 * row + 3) * n):
            store(scratch, at, sigmoid(load(scratch, at)))
    for row in range(rows):
        at = (4 * row + 2) * n
        store(scratch, at, tanh(load(scratch, at)))


@njit
def deltas(adjoint, states, now, row_size, lead, kept, kept_at, width, rows, dz, to, squares):
    """δ of i, f, g, o from the adjoints [δh | δc] of one step; δc becomes that of the step before."""
    n = lanes(dz)
    for row in range(rows):
        sum_h, sum_c = load(squares, 2 * row * n), load(squares, (2 * row + 1) * n)
        for at in range(0, width, n):
            source = kept_at + KEPT * row * width + at
            i, f = load(kept, source), load(kept, source + width)
            g, o = load(kept, source + 2 * width), load(kept, source + 3 * width)
            squashed, old = load(kept, source + 4 * width), load(states, now + row * row_size + lead + width + at)
            upstream, carried = load(adjoint, 2 * row * width + at), load(adjoint, (2 * row + 1) * width + at)
            sum_h, sum_c = sum_h + upstream * upstream, sum_c + carried * carried
            cell = carried + upstream * o * (1.0 - squashed * squashed)
            store(adjoint, (2 * row + 1) * width + at, cell * f)
            target = to + 4 * row * width + at
            store(dz, target, cell * g * (i * (1.0 - i)))
            store(dz, target + width, cell * old * (f * (1.0 - f)))
            store(dz, target + 2 * width, cell * i * (1.0 - g * g))
            store(dz, target + 3 * width, upstream * squashed * (o * (1.0 - o)))
        store(squares, 2 * row * n, sum_h)
        store(squares, (2 * row + 1) * n, sum_c)
