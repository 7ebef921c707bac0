"""Kernels of the GRU: r, z = σ(·); n = tanh(a_n + r u_n), u_n the recurrent share of n; h_t = (1 - z) n + z h_{t-1}.

The recurrent weights' gates are ordered n, r, z and the input weights' r, z, n, so that of the four blocks u_n, r, z,
a_n the first three belong to the one and the last three to the other.
"""

from .compiled import kernel
from .functions import sigmoid, tanh
from .product import product3
from .simd import lanes, load, store
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

KEPT = 4  # r, z, n, u_n
DELTAS = 4
RECURRENT, INPUT = (2, 0, 1), (0, 1, 2)


@kernel
def forward(kind, x, state, w_ih, w_hh, b_ih, b_hh, out, states, saved, replica, tile, low, rows):
    """All steps of one tile; arguments as in rnn.forward. saved: a step's r, z, n, u_n per sample."""
    steps, batch, inputs = x.shape[1:]
    hidden, keep, slots = w_hh.shape[2], out.shape[1], states.shape[2]
    n, width = lanes(w_hh), padded(w_hh, hidden)
    recurrent = pack_gates(w_hh[replica], RECURRENT, hidden, 1)
    input_weights = pack_gates(w_ih[replica], INPUT, hidden, 1)
    recurrent_bias = pack_bias(b_hh[replica], RECURRENT, hidden)
    input_bias = pack_bias(b_ih[replica], INPUT, hidden)
    scratch = buffer(w_hh, 64 * n)
    h, kept = states[replica, tile].reshape(-1), saved[replica, tile].reshape(-1)
    slot, kept_row = rows * width, KEPT * width
    kept_slots = saved.shape[2]
    for row in range(rows):
        h[row * width + hidden : (row + 1) * width] = 0
        for unit in range(hidden):
            h[row * width + unit] = state[replica, low + row, unit]
    count = groups(rows, 3)
    for t in range(steps):
        before, after = (t % slots) * slot, ((t + 1) % slots) * slot
        kept_at = (t % kept_slots) * rows * kept_row
        for first in range(0, width, n):
            bias_u = load(recurrent_bias, first)
            bias_r = load(recurrent_bias, width + first) + load(input_bias, first)
            bias_z = load(recurrent_bias, 2 * width + first) + load(input_bias, width + first)
            bias_n = load(input_bias, 2 * width + first)
            for group in range(count):
                start = group * rows // count
                height = (group + 1) * rows // count - start
                for row in range(height):
                    store(scratch, 4 * row * n, bias_u)
                    store(scratch, (4 * row + 1) * n, bias_r)
                    store(scratch, (4 * row + 2) * n, bias_z)
                    store(scratch, (4 * row + 3) * n, bias_n)
                x_at = ((replica * steps + t) * batch + low + start) * inputs
                x_panel, h_panel, h_at = 3 * first * inputs, 3 * first * hidden, before + start * width
                product3(scratch, n, 4 * n, x, x_at, inputs, 0, input_weights, x_panel, 3 * n, inputs, 1, height)
                product3(scratch, 0, 4 * n, h, h_at, width, 0, recurrent, h_panel, 3 * n, hidden, 1, height)
                for row in range(height):
                    at = (start + row) * width + first
                    u = load(scratch, 4 * row * n)
                    r, z = (
                        sigmoid(load(scratch, (4 * row + 1) * n)),
                        sigmoid(load(scratch, (4 * row + 2) * n)),
                    )
                    new = tanh(load(scratch, (4 * row + 3) * n) + r * u)
                    store(h, after + at, new + z * (load(h, before + at) - new))
                    to = kept_at + (start + row) * kept_row + first
                    store(kept, to, r)
                    store(kept, to + width, z)
                    store(kept, to + 2 * width, new)
                    store(kept, to + 3 * width, u)
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
    """All steps of one tile, backwards; arguments as in rnn.backward."""
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
    slot, dz_row, kept_row = rows * width, 4 * width, KEPT * width
    dz = buffer(w_hh, chunk * rows * dz_row)
    h, kept = states[replica, tile].reshape(-1), saved[replica, tile].reshape(-1)
    dwi, dwh, db = dw_ih[replica, tile].reshape(-1), dw_hh[replica, tile].reshape(-1), dz_sum[replica, tile]
    for last in range(steps, 0, -chunk):
        begin = max(0, last - chunk)
        for t in range(last - 1, begin - 1, -1):
            if t >= steps - keep:
                for row in range(rows):
                    for unit in range(hidden):
                        dh[row * width + unit] += grad_out[replica, t - steps + keep, low + row, unit]
            now = (t - begin) * rows * dz_row
            for at in range(0, width, n):
                sum_u, sum_r = load(db, at), load(db, width + at)
                sum_z, sum_n = load(db, 2 * width + at), load(db, 3 * width + at)
                for row in range(rows):
                    source = (t * rows + row) * kept_row + at
                    r, z = load(kept, source), load(kept, source + width)
                    new, u = load(kept, source + 2 * width), load(kept, source + 3 * width)
                    upstream = load(dh, row * width + at)
                    old = load(h, t * slot + row * width + at)
                    d_n = upstream * (1.0 - z) * (1.0 - new * new)
                    d_z = upstream * (old - new) * (z * (1.0 - z))
                    d_u = d_n * r
                    d_r = d_n * u * (r * (1.0 - r))
                    store(dh, row * width + at, upstream * z)
                    target = now + row * dz_row + at
                    store(dz, target, d_u)
                    store(dz, target + width, d_r)
                    store(dz, target + 2 * width, d_z)
                    store(dz, target + 3 * width, d_n)
                    sum_u, sum_r, sum_z, sum_n = sum_u + d_u, sum_r + d_r, sum_z + d_z, sum_n + d_n
                store(db, at, sum_u)
                store(db, width + at, sum_r)
                store(db, 2 * width + at, sum_z)
                store(db, 3 * width + at, sum_n)
            pull_back(dh, width, dz, now, dz_row, width, recurrent, hidden, 3, hidden, rows)
            if want_x:
                dx[:] = 0
                pull_back(dx, input_width, dz, now + width, dz_row, width, input_weights, hidden, 3, inputs, rows)
                for row in range(rows):
                    for k in range(inputs):
                        grad_x[replica, t, low + row, k] = dx[row * input_width + k]
        add_outer(dwh, h, begin * slot, width, 0, hidden, dz, 0, dz_row, 3 * width, (last - begin) * rows, 1)
        x_at = ((replica * steps + begin) * batch + low) * inputs
        add_outer(dwi, x, x_at, inputs, batch * inputs, inputs, dz, width, dz_row, 3 * width, rows, last - begin)
    for row in range(rows):
        for unit in range(hidden):
            grad_state[replica, low + row, unit] = dh[row * width + unit]
