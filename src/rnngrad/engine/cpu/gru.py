"""The GRU in the kernels: r, z = σ(·); n = tanh(a_n + r u_n), u_n the recurrent share; h_t = (1 - z) n + z h_{t-1}.

Of the four blocks u_n, r, z, a_n the first three are products of h and the last three of x. So the recurrent weights'
gates are packed in the order n, r, z and the input weights' in the order r, z, n.
"""

from numba import njit

from .functions import sigmoid, tanh
from .product import product3
from .simd import lanes, load, splat, store
from .tile import groups

KEPT = 4  # vectors of W that a step keeps per sample beside the states: r, z, n, u_n
TURN = 1  # gate g of the recurrent weights goes to place (g + TURN) mod 3


@njit(inline="always")
def advance(states, now, then, row_size, lead, start, from_x, from_h, kept, kept_at, width, hidden, rows, scratch):
    """One step, as lstm.advance; from_x: packed weights of x and 1, from_h: of 1 and h, each with its own bias."""
    n = lanes(states)
    count = groups(rows, 3)
    for first in range(0, width, n):
        for group in range(count):
            low = group * rows // count
            height = (group + 1) * rows // count - low
            _multiply(
                scratch, states, now + low * row_size, row_size, lead, start, from_x, from_h, hidden, first, height
            )
            for row in range(height):
                for at in ((4 * row + 1) * n, (4 * row + 2) * n):  # a loop of its own: many are under way at once
                    store(scratch, at, sigmoid(load(scratch, at)))
            for row in range(height):
                to, source = kept_at + KEPT * (low + row) * width + first, 4 * row * n
                at = (low + row) * row_size + lead + first
                u, r, z = load(scratch, source), load(scratch, source + n), load(scratch, source + 2 * n)
                new = tanh(load(scratch, source + 3 * n) + r * u)
                store(states, then + at, new + z * (load(states, now + at) - new))
                store(kept, to, r)
                store(kept, to + width, z)
                store(kept, to + 2 * width, new)
                store(kept, to + 3 * width, u)


@njit(inline="always")
def _multiply(scratch, states, a, row_size, lead, start, from_x, from_h, hidden, first, height):
    """The pre-activations u_n, r, z, a_n of one vector of units for some rows, to the scratch."""
    n = lanes(states)
    of_x, of_h = lead - start, 1 + hidden
    x, one, panel_x, panel_h = a + start, a + lead - 1, 3 * first * of_x, 3 * first * of_h
    product3(scratch, n, 4 * n, states, x, row_size, 0, from_x, panel_x, 3 * n, of_x, 1, height, 1)
    zero = splat(load(states, a), 0.0)
    for row in range(height):
        store(scratch, 4 * row * n, zero)
    product3(scratch, 0, 4 * n, states, one, row_size, 0, from_h, panel_h, 3 * n, of_h, 1, height, 0)


@njit
def deltas(adjoint, states, now, row_size, lead, kept, kept_at, width, rows, dz, to, squares):
    """δ of u_n, r, z, a_n from the adjoint of h_t; of that stays what flows past the gates, z δ."""
    n = lanes(dz)
    for row in range(rows):
        total = load(squares, row * n)
        for at in range(0, width, n):
            source = kept_at + KEPT * row * width + at
            r, z = load(kept, source), load(kept, source + width)
            new, u = load(kept, source + 2 * width), load(kept, source + 3 * width)
            upstream, old = load(adjoint, row * width + at), load(states, now + row * row_size + lead + at)
            total = total + upstream * upstream
            store(adjoint, row * width + at, upstream * z)
            d_n = upstream * (1.0 - z) * (1.0 - new * new)
            target = to + 4 * row * width + at
            store(dz, target, d_n * r)
            store(dz, target + width, d_n * u * (r * (1.0 - r)))
            store(dz, target + 2 * width, upstream * (old - new) * (z * (1.0 - z)))
            store(dz, target + 3 * width, d_n)
        store(squares, row * n, total)
