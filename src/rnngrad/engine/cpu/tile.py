"""What the kernels of all cells share: packed weights, products over a tile of the batch, weight gradients.

A tile is some rows (samples) of one replica's batch; one worker runs all its time steps. Letters as in cells/base.py.
W is H padded to whole vectors; the padding's weights are zero and sums run over the real H, so that the padding never
reaches a real unit, not even as 0 · inf.

A step's operand is one row per sample, [… x_t, 1, h_{t-1}], of LEAD + W numbers: the x and the 1 end where h begins,
at a whole vector. So weights, biases and inputs take part in one product, and so do their gradients.
"""

import numpy as np
from numba import njit

from .product import TILE_ROWS, product1, product2, transposed1, transposed2
from .simd import lanes

CHUNK_ROWS = 256  # samples × steps whose weight gradient is one product: gradients and states stay in the cache


@njit
def buffer(like, size):
    """A zeroed vector of the dtype of ``like`` that starts at a cache line."""
    space = np.zeros(size + 64 // like.itemsize, like.dtype)
    skip = (-space.ctypes.data % 64) // like.itemsize
    return space[skip : skip + size]


@njit
def padded(array, width):
    """``width`` rounded up to whole vectors."""
    n = lanes(array)
    return (width + n - 1) // n * n


@njit
def joined(left, columns, bias, right, right_columns):
    """The first columns of ``left`` (GH, ·), the bias (GH,) and the first of ``right`` (GH, ·) as rows of G·H."""
    rows = np.empty((columns + 1 + right_columns, len(bias)), bias.dtype)
    for unit in range(len(bias)):
        rows[columns, unit] = bias[unit]
        for k in range(columns):
            rows[k, unit] = left[unit, k]
        for k in range(right_columns):
            rows[columns + 1 + k, unit] = right[unit, k]
    return rows


@njit
def pack_gates(rows, turn, hidden, vectors):
    """Weights for the forward product: (K, G·H) to panels [units of the panel][k][gate][lane].

    A panel holds ``vectors`` vectors of units, the last perhaps fewer; gate g goes to place (g + turn) mod G.
    """
    inner, gates = len(rows), rows.shape[1] // hidden
    n = lanes(rows)
    width = padded(rows, hidden)
    packed = buffer(rows, inner * gates * width)
    for first in range(0, width, vectors * n):
        units = min(vectors * n, width - first)
        for k in range(inner):
            for gate in range(gates):
                at = first * gates * inner + (k * gates + (gate + turn) % gates) * units - first
                for unit in range(first, min(first + units, hidden)):
                    packed[at + unit] = rows[k, gate * hidden + unit]
    return packed


@njit
def pack_rows(w, turn, hidden):
    """Weights for the backward product: (GH, K) to panels of two vectors of k, [columns][gate][unit][k].

    Gate g goes to place (g + turn) mod G.
    """
    columns, gates = w.shape[1], len(w) // hidden
    n = lanes(w)
    width = padded(w, columns)
    packed = buffer(w, gates * hidden * width)
    for first in range(0, width, 2 * n):
        panel = min(2 * n, width - first)
        for gate in range(gates):
            for unit in range(hidden):
                at = first * gates * hidden + ((gate + turn) % gates * hidden + unit) * panel - first
                for k in range(first, min(first + panel, columns)):
                    packed[at + k] = w[gate * hidden + unit, k]
    return packed


@njit
def groups(rows, vectors):
    """Into how many register tiles of about equal height the rows go."""
    return (rows + TILE_ROWS[vectors] - 1) // TILE_ROWS[vectors]


@njit(inline="always")
def pull_back(out, out_row, dz, dz_off, dz_row, dz_block, packed, hidden, gates, columns, rows, fresh):
    """out (+)= δ · weights: from gradients of the pre-activations to those of what the weights multiplied.

    out: rows of ``out_row`` >= columns padded to vectors; dz: gate g of a row starts g·dz_block after the first.
    """
    n = lanes(out)
    width = padded(out, columns)
    count = groups(rows, 2)
    for first in range(0, width, 2 * n):
        panel = min(2 * n, width - first)
        b = first * gates * hidden
        for group in range(count):
            low = group * rows // count
            height = (group + 1) * rows // count - low
            c, a = low * out_row + first, dz_off + low * dz_row
            if panel == n:
                product1(out, c, out_row, dz, a, dz_row, dz_block, packed, b, panel, hidden, gates, height, fresh)
            else:
                product2(out, c, out_row, dz, a, dz_row, dz_block, packed, b, panel, hidden, gates, height, fresh)


@njit(inline="always")
def add_outer(dw, dw_row, a, a_off, a_k, columns, dz, begin, end, dz_row, samples, factor):
    """dw += factor · Aᵀ δ over the samples, for columns of A and the numbers from ``begin`` to ``end`` of each δ."""
    n = lanes(dw)
    count = groups(columns, 2)
    for group in range(count):
        low = group * columns // count
        height = (group + 1) * columns // count - low
        for first in range(begin, end, 2 * n):
            c = low * dw_row + first
            if first + n == end:
                transposed1(dw, c, dw_row, a, a_off + low, a_k, 0, dz, first, dz_row, samples, 1, height, factor)
            else:
                transposed2(dw, c, dw_row, a, a_off + low, a_k, 0, dz, first, dz_row, samples, 1, height, factor)
