"""What the kernels of all cells share: packed weights, products over a tile of the batch, weight gradients.

A tile is some rows (samples) of one replica's batch; one worker runs all its time steps. Letters as in cells/base.py;
W is H padded to whole vectors, D the number of blocks of W columns in the buffer of pre-activation gradients. The
weights of the padding are zero and sums run over the real H, so the padding never reaches a real unit.
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
def pack_gates(w, order, hidden, vectors):
    """Weights for the forward product: (GH, K) to panels [units of the panel][k][gate][lane].

    A panel holds ``vectors`` vectors of units (the last perhaps fewer); gates come in the given order.
    """
    inner, gates = w.shape[1], len(order)
    n = lanes(w)
    width = padded(w, hidden)
    packed = buffer(w, inner * gates * width)
    for first in range(0, width, vectors * n):
        units = min(vectors * n, width - first)
        for position in range(gates):
            for unit in range(first, min(first + units, hidden)):
                row = order[position] * hidden + unit
                at = first * gates * inner + position * units + unit - first
                for k in range(inner):
                    packed[at + k * gates * units] = w[row, k]
    return packed


@njit
def pack_rows(w, order, hidden):
    """Weights for the backward product: (GH, K) to panels of two vectors of k, [columns][gate][unit][k]."""
    columns, gates = w.shape[1], len(order)
    n = lanes(w)
    width = padded(w, columns)
    packed = buffer(w, gates * hidden * width)
    for first in range(0, width, 2 * n):
        panel = min(2 * n, width - first)
        for position in range(gates):
            for unit in range(hidden):
                at = first * gates * hidden + (position * hidden + unit) * panel
                for k in range(first, min(first + panel, columns)):
                    packed[at + k - first] = w[order[position] * hidden + unit, k]
    return packed


@njit
def pack_bias(b, order, hidden):
    """(GH,) to the layout [gate][unit], every gate padded to whole vectors."""
    width = padded(b, hidden)
    packed = buffer(b, len(order) * width)
    for position in range(len(order)):
        packed[position * width : position * width + hidden] = b[
            order[position] * hidden : (order[position] + 1) * hidden
        ]
    return packed


@njit
def groups(rows, vectors):
    """Into how many register tiles of about equal height the rows go."""
    return (rows + TILE_ROWS[vectors] - 1) // TILE_ROWS[vectors]


@njit
def pull_back(out, out_row, dz, dz_off, dz_row, dz_block, packed, hidden, gates, columns, rows):
    """out += δ · weights: from gradients of the pre-activations to those of what the weights multiplied.

    out: rows of ``out_row`` >= columns padded to vectors; dz: gate g of a row starts g·dz_block after the first.
    """
    n = lanes(out)
    width = padded(out, columns)
    for first in range(0, width, 2 * n):
        panel = min(2 * n, width - first)
        at = first * gates * hidden
        count = groups(rows, 2)
        for group in range(count):
            low = group * rows // count
            height = (group + 1) * rows // count - low
            if panel == 2 * n:
                product2(
                    out,
                    low * out_row + first,
                    out_row,
                    dz,
                    dz_off + low * dz_row,
                    dz_row,
                    dz_block,
                    packed,
                    at,
                    panel,
                    hidden,
                    gates,
                    height,
                )
            else:
                product1(
                    out,
                    low * out_row + first,
                    out_row,
                    dz,
                    dz_off + low * dz_row,
                    dz_row,
                    dz_block,
                    packed,
                    at,
                    panel,
                    hidden,
                    gates,
                    height,
                )


@njit
def add_outer(dw, a, a_off, a_k, a_outer, columns, dz, dz_off, dz_row, blocks_width, inner, outer):
    """dw += Aᵀ δ over inner × outer samples: dw is (columns, blocks_width), the transposed gradient of the weights."""
    n = lanes(dw)
    count = groups(columns, 2)
    for group in range(count):
        low = group * columns // count
        height = (group + 1) * columns // count - low
        for first in range(0, blocks_width, 2 * n):
            if first + 2 * n <= blocks_width:
                transposed2(
                    dw,
                    low * blocks_width + first,
                    blocks_width,
                    a,
                    a_off + low,
                    a_k,
                    a_outer,
                    dz,
                    dz_off + first,
                    dz_row,
                    inner,
                    outer,
                    height,
                )
            else:
                transposed1(
                    dw,
                    low * blocks_width + first,
                    blocks_width,
                    a,
                    a_off + low,
                    a_k,
                    a_outer,
                    dz,
                    dz_off + first,
                    dz_row,
                    inner,
                    outer,
                    height,
                )
