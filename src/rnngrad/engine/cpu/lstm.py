"""Kernels of the LSTM: i, f, o = σ(·), g = tanh(·); c_t = f c_{t-1} + i g, h_t = o tanh(c_t)."""

from .compiled import kernel
from .functions import sigmoid, tanh
from .product import product4
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

KEPT = 6  # i, f, g, o, c_{t-1}, tanh(c_t)
DELTAS = 4
RECURRENT = INPUT = (0, 1, 2, 3)  # the order of the gates in the packed weights


@kernel
def forward(kind, x, state, w_ih, w_hh, b_ih, b_hh, out, states, saved, replica, tile, low, rows):
    """All steps of one tile; arguments as in rnn.forward. saved: a step's i, f, g, o, c_{t-1}, tanh(c_t) per sample."""
    steps, batch, inputs = x.shape[1:]
    hidden, keep, slots = w_hh.shape[2], out.shape[1], states.shape[2]
    n, width = lanes(w_hh), padded(w_hh, hidden)
    recurrent = pack_gates(w_hh[replica], RECURRENT, hidden, 1)
    input_weights = pack_gates(w_ih[replica], INPUT, hidden, 1)
    bias = pack_bias(b_ih[replica] + b_hh[replica], RECURRENT, hidden)
    scratch = buffer(w_hh, 64 * n)
    h, kept = states[replica, tile].reshape(-1), saved[replica, tile].reshape(-1)
    slot, kept_row = rows * width, KEPT * width
    kept_slots = saved.shape[2]
    c = buffer(w_hh, slot)
    for row in range(rows):
        h[row * width + hidden : (row + 1) * width] = 0
        for unit in range(hidden):
            h[row * width + unit] = state[replica, low + row, unit]
            c[row * width + unit] = state[replica, low + row, hidden + unit]
    count = groups(rows, 4)
    for t in range(steps):
        before, after = (t % slots) * slot, ((t + 1) % slots) * slot
        kept_at = (t % kept_slots) * rows * kept_row
        for first in range(0, width, n):
            for group in range(count):
                start = group * rows // count
                height = (group + 1) * rows // count - start
                for row in range(height):
                    for gate in range(4):
                        store(scratch, (4 * row + gate) * n, load(bias, gate * width + first))
                x_at = ((replica * steps + t) * batch + low + start) * inputs
                x_panel, h_panel, h_at = 4 * first * inputs, 4 * first * hidden, before + start * width
                product4(scratch, 0, 4 * n, x, x_at, inputs, 0, input_weights, x_panel, 4 * n, inputs, 1, height)
                product4(scratch, 0, 4 * n, h, h_at, width, 0, recurrent, h_panel, 4 * n, hidden, 1, height)
                for row in range(height):
                    at = (start + row) * width + first
                    i, f = sigmoid(load(scratch, 4 * row * n)), sigmoid(load(scratch, (4 * row + 1) * n))
                    g, o = tanh(load(scratch, (4 * row + 2) * n)), sigmoid(load(scratch, (4 * row + 3) * n))
                    old = load(c, at)
                    new = f * old + i * g
                    squashed = tanh(new)
                    store(c, at, new)
                    store(h, after + at, o * squashed)
                    to = kept_at + (start + row) * kept_row + first
                    store(kept, to, i)
                    store(kept, to + width, f)
                    store(kept, to + 2 * width, g)
                    store(kept, to + 3 * width, o)
                    store(kept, to + 4 * width, old)
                    store(kept, to + 5 * width, squashed)
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
    dh, dc = buffer(w_hh, rows * width), buffer(w_hh, rows * width)
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
                sum_i, sum_f = load(db, at), load(db, width + at)
                sum_g, sum_o = load(db, 2 * width + at), load(db, 3 * width + at)
                for row in range(rows):
                    source = (t * rows + row) * kept_row + at
                    i, f = load(kept, source), load(kept, source + width)
                    g, o = load(kept, source + 2 * width), load(kept, source + 3 * width)
                    old, squashed = load(kept, source + 4 * width), load(kept, source + 5 * width)
                    upstream = load(dh, row * width + at)
                    cell = load(dc, row * width + at) + upstream * o * (1.0 - squashed * squashed)
                    d_i = cell * g * (i * (1.0 - i))
                    d_f = cell * old * (f * (1.0 - f))
                    d_g = cell * i * (1.0 - g * g)
                    d_o = upstream * squashed * (o * (1.0 - o))
                    store(dc, row * width + at, cell * f)
                    target = now + row * dz_row + at
                    store(dz, target, d_i)
                    store(dz, target + width, d_f)
                    store(dz, target + 2 * width, d_g)
                    store(dz, target + 3 * width, d_o)
                    sum_i, sum_f, sum_g, sum_o = sum_i + d_i, sum_f + d_f, sum_g + d_g, sum_o + d_o
                store(db, at, sum_i)
                store(db, width + at, sum_f)
                store(db, 2 * width + at, sum_g)
                store(db, 3 * width + at, sum_o)
            dh[:] = 0
            pull_back(dh, width, dz, now, dz_row, width, recurrent, hidden, 4, hidden, rows)
            if want_x:
                dx[:] = 0
                pull_back(dx, input_width, dz, now, dz_row, width, input_weights, hidden, 4, inputs, rows)
                for row in range(rows):
                    for k in range(inputs):
                        grad_x[replica, t, low + row, k] = dx[row * input_width + k]
        add_outer(dwh, h, begin * slot, width, 0, hidden, dz, 0, dz_row, dz_row, (last - begin) * rows, 1)
        x_at = ((replica * steps + begin) * batch + low) * inputs
        add_outer(dwi, x, x_at, inputs, batch * inputs, inputs, dz, 0, dz_row, dz_row, rows, last - begin)
    for row in range(rows):
        for unit in range(hidden):
            grad_state[replica, low + row, unit] = dh[row * width + unit]
            grad_state[replica, low + row, hidden + unit] = dc[row * width + unit]
