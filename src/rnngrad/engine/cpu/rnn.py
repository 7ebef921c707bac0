"""Kernels of the vanilla net: h_t = φ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), φ one of tanh, relu, identity."""

from numba import njit

from .compiled import kernel
from .functions import tanh
from .product import product1, product2
from .simd import lanes, load, splat, store, where_less
from .tile import (
    CHUNK_ROWS,
    add_outer,
    buffer,
    groups,
    pack_bias,
    pack_gates,
    pack_rows,
    padded,
    pull_back,
)

KEPT = 0  # vectors of W per sample and step that the way back needs beside h
DELTAS = 1  # vectors of W per sample and step of pre-activation gradients
RECURRENT = INPUT = (0,)  # the order of the gates in the packed weights


@njit
def activate(kind, v):
    """φ by number: 0 tanh, 1 relu, 2 identity."""
    if kind == 0:
        return tanh(v)
    if kind == 1:
        zero = splat(v, 0.0)
        return where_less(v, zero, zero, v)
    return v


@njit
def slope(kind, h):
    """φ' as a function of φ."""
    one = splat(h, 1.0)
    if kind == 0:
        return one - h * h
    if kind == 1:
        return where_less(splat(h, 0.0), h, one, h)  # h is 0, or NaN and shall stay so
    return one


@kernel
def forward(kind, x, state, w_ih, w_hh, b_ih, b_hh, out, states, saved, replica, tile, low, rows):
    """All steps of one tile.

    x: (R, T, B, I); state: (R, B, S); out: (R, keep, B, H), h at the last steps. states: (R, tiles, slots, rows·W),
    h of step t at slot t mod slots, the initial state being step 0; saved: the same for what else the way back needs.
    """
    steps, batch, inputs = x.shape[1:]
    hidden, keep, slots = w_hh.shape[2], out.shape[1], states.shape[2]
    n, width = lanes(w_hh), padded(w_hh, hidden)
    recurrent = pack_gates(w_hh[replica], RECURRENT, hidden, 2)
    input_weights = pack_gates(w_ih[replica], INPUT, hidden, 2)
    bias = pack_bias(b_ih[replica] + b_hh[replica], RECURRENT, hidden)
    scratch = buffer(w_hh, 64 * n)
    h = states[replica, tile].reshape(-1)
    slot = rows * width
    for row in range(rows):
        for unit in range(hidden):
            h[row * width + unit] = state[replica, low + row, unit]
        h[row * width + hidden : (row + 1) * width] = 0
    count = groups(rows, 2)
    for t in range(steps):
        before, after = (t % slots) * slot, ((t + 1) % slots) * slot
        for first in range(0, width, 2 * n):
            panel = min(2 * n, width - first)
            for group in range(count):
                start = group * rows // count
                height = (group + 1) * rows // count - start
                for row in range(height):
                    for at in range(0, panel, n):
                        store(scratch, row * panel + at, load(bias, first + at))
                x_at = ((replica * steps + t) * batch + low + start) * inputs
                x_panel, h_panel, h_at = first * inputs, first * hidden, before + start * width
                if panel == n:
                    product1(
                        scratch,
                        0,
                        panel,
                        x,
                        x_at,
                        inputs,
                        0,
                        input_weights,
                        x_panel,
                        panel,
                        inputs,
                        1,
                        height,
                    )
                    product1(scratch, 0, panel, h, h_at, width, 0, recurrent, h_panel, panel, hidden, 1, height)
                else:
                    product2(
                        scratch,
                        0,
                        panel,
                        x,
                        x_at,
                        inputs,
                        0,
                        input_weights,
                        x_panel,
                        panel,
                        inputs,
                        1,
                        height,
                    )
                    product2(scratch, 0, panel, h, h_at, width, 0, recurrent, h_panel, panel, hidden, 1, height)
                for row in range(height):
                    for at in range(0, panel, n):
                        store(
                            h,
                            after + (start + row) * width + first + at,
                            activate(kind, load(scratch, row * panel + at)),
                        )
        if t >= steps - keep:
            for row in range(rows):
                for unit in range(hidden):
                    out[replica, t - steps + keep, low + row, unit] = h[after + row * width + unit]


@kernel
def backward(
    kind,
    x,
    w_ih,
    w_hh,
    states,
    saved,
    grad_out,
    grad_x,
    grad_state,
    dw_ih,
    dw_hh,
    dz_sum,
    replica,
    tile,
    low,
    rows,
):
    """All steps of one tile, backwards.

    grad_out: (R, keep, B, H). Written: grad_x (R, T, B, I) unless empty, grad_state (R, B, S), and for this tile
    dw_ih (R, tiles, I, D·W), dw_hh (R, tiles, H, D·W), dz_sum (R, tiles, D·W), which start at zero.
    """
    steps, batch, inputs = x.shape[1:]
    hidden, keep = w_hh.shape[2], grad_out.shape[1]
    n, width = lanes(w_hh), padded(w_hh, hidden)
    recurrent = pack_rows(w_hh[replica], RECURRENT, hidden)
    want_x = grad_x.size > 0
    input_weights = pack_rows(w_ih[replica], INPUT, hidden)
    input_width = padded(w_hh, inputs)
    dx = buffer(w_hh, rows * input_width)
    dh = buffer(w_hh, rows * width)
    chunk = max(1, CHUNK_ROWS // rows)
    slot = rows * width
    dz = buffer(w_hh, chunk * slot)
    h = states[replica, tile].reshape(-1)
    dwi, dwh, db = dw_ih[replica, tile].reshape(-1), dw_hh[replica, tile].reshape(-1), dz_sum[replica, tile]
    for last in range(steps, 0, -chunk):
        begin = max(0, last - chunk)
        for t in range(last - 1, begin - 1, -1):
            if t >= steps - keep:
                for row in range(rows):
                    for unit in range(hidden):
                        dh[row * width + unit] += grad_out[replica, t - steps + keep, low + row, unit]
            now = (t - begin) * slot
            for at in range(0, width, n):
                total = load(db, at)
                for row in range(rows):
                    delta = load(dh, row * width + at) * slope(kind, load(h, (t + 1) * slot + row * width + at))
                    store(dz, now + row * width + at, delta)
                    total = total + delta
                store(db, at, total)
            dh[:] = 0
            pull_back(dh, width, dz, now, width, width, recurrent, hidden, 1, hidden, rows)
            if want_x:
                dx[:] = 0
                pull_back(dx, input_width, dz, now, width, width, input_weights, hidden, 1, inputs, rows)
                for row in range(rows):
                    for k in range(inputs):
                        grad_x[replica, t, low + row, k] = dx[row * input_width + k]
        add_outer(dwh, h, begin * slot, width, 0, hidden, dz, 0, width, width, (last - begin) * rows, 1)
        x_at = ((replica * steps + begin) * batch + low) * inputs
        add_outer(dwi, x, x_at, inputs, batch * inputs, inputs, dz, 0, width, width, rows, last - begin)
    for row in range(rows):
        for unit in range(hidden):
            grad_state[replica, low + row, unit] = dh[row * width + unit]
