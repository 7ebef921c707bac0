"""The two kernels: all steps of one tile forward, all steps back. One compilation serves all cells.

``kind`` names the cell by a number; rnn.py, lstm.py and gru.py hold what differs. Arrays are (R, …) or (R, tiles, …);
a call works on the tile ``tile`` of ``rows`` samples from ``low`` on of one replica and touches nothing else.
"""

import math

import numpy as np
from numba import njit

from . import gru, lstm, rnn
from .compiled import kernel
from .scale import add_up, level, power, receive, record, reduce_squares, rescale
from .simd import lanes
from .tile import CHUNK_ROWS, add_outer, buffer, joined, pack_gates, pack_rows, padded, pull_back

TANH, RELU, IDENTITY, LSTM, GRU = rnn.TANH, rnn.RELU, rnn.IDENTITY, 3, 4


@njit(inline="always")
def _pack_forward(kind, w_ih, w_hh, b_ih, b_hh, hidden):
    """(weights of x and 1, weights of 1 and h) for a GRU; else (weights of x, 1 and h, the same)."""
    inputs, vectors = w_ih.shape[1], 1 if kind >= LSTM else 2
    if kind != GRU:
        packed = pack_gates(joined(w_ih, inputs, b_ih + b_hh, w_hh, hidden), 0, hidden, vectors)
        return packed, packed
    from_x = pack_gates(joined(w_ih, inputs, b_ih, w_hh, 0), 0, hidden, vectors)
    from_h = pack_gates(joined(w_ih, 0, b_hh, w_hh, hidden), gru.TURN, hidden, vectors)
    return from_x, from_h


@njit
def _enter(rows_of, at, row_size, width, hidden, values, low, rows):
    """Values (B, S) to the rows of a padded buffer, part by part."""
    for row in range(rows):
        for part in range(values.shape[1] // hidden):
            for unit in range(hidden):
                rows_of[at + row * row_size + part * width + unit] = values[low + row, part * hidden + unit]


@njit
def _leave(rows_of, at, row_size, width, hidden, values, low, rows):
    """The way back of :func:`_enter`."""
    for row in range(rows):
        for part in range(values.shape[1] // hidden):
            for unit in range(hidden):
                values[low + row, part * hidden + unit] = rows_of[at + row * row_size + part * width + unit]


@njit
def _stage(states, now, row_size, lead, x, low, rows):
    """The inputs (B, I) of a step and the 1 into the step's rows, before h."""
    inputs = x.shape[1]
    for row in range(rows):
        at = now + row * row_size + lead - 1 - inputs
        for k in range(inputs):
            states[at + k] = x[low + row, k]
        states[at + inputs] = 1.0


@njit
def _emit(states, at, row_size, out, low, rows):
    """h of a step to out (B, H)."""
    for row in range(rows):
        for unit in range(out.shape[1]):
            out[low + row, unit] = states[at + row * row_size + unit]


@kernel
def forward(kind, origin, stop, x, state, w_ih, w_hh, b_ih, b_hh, out, final, states, saved, replica, tile, low, rows):
    """The steps from ``origin`` to ``stop`` forward.

    x: (R, T, B, I); state, final: (R, B, S) before the first of these steps and after the last; out: (R, keep, B, H),
    h at the last steps of all. states: (R, tiles, slots, ·) keeps the operand of step t in slot (t - origin) mod slots;
    saved: the same for what else the way back needs.
    """
    steps, inputs, hidden, keep = x.shape[1], x.shape[3], w_hh.shape[2], out.shape[1]
    width, lead = padded(w_hh, hidden), padded(w_hh, inputs + 1)
    row_size = lead + state.shape[2] // hidden * width
    start, inner = lead - 1 - inputs, inputs + 1 + hidden
    slot, kept_slot = rows * row_size, rows * width * (lstm.KEPT if kind == LSTM else gru.KEPT)
    from_x, from_h = _pack_forward(kind, w_ih[replica], w_hh[replica], b_ih[replica], b_hh[replica], hidden)
    scratch = buffer(w_hh, 64 * lanes(w_hh))
    h, kept = states[replica, tile].reshape(-1), saved[replica, tile].reshape(-1)
    h[: 2 * slot] = 0
    _enter(h, lead, row_size, width, hidden, state[replica], low, rows)
    for t in range(origin, stop):
        now, then = (t - origin) % states.shape[2] * slot, (t - origin + 1) % states.shape[2] * slot
        kept_at = (t - origin) % saved.shape[2] * kept_slot
        _stage(h, now, row_size, lead, x[replica, t], low, rows)
        if kind == LSTM:
            lstm.advance(h, now, then, row_size, lead, start, inner, from_x, kept, kept_at, width, rows, scratch)
        elif kind == GRU:
            gru.advance(
                h, now, then, row_size, lead, start, from_x, from_h, kept, kept_at, width, hidden, rows, scratch
            )
        else:
            rnn.advance(kind, h, now, then, row_size, lead, start, from_x, width, inner, rows, scratch)
        if t >= steps - keep:
            _emit(h, then + lead, row_size, out[replica, t - steps + keep], low, rows)
    _leave(h, (stop - origin) % states.shape[2] * slot + lead, row_size, width, hidden, final[replica], low, rows)


@njit(inline="always")
def _finish(sizes, dz, used, a, first, dw, input_weights, dx, grad_x, begin, end, low, rows):
    """Weight gradients, and those of x (T, B, I) unless empty, of the steps from ``begin`` to ``end``.

    a: the states, of which the operands of these steps start at ``first``.
    dw: flat (I + 1 + H, blocks·W), the transposed gradient of [W_ih | b | W_hh] by blocks of δ.
    """
    inputs, hidden, width, row_size, gates, blocks = sizes
    dz_row, count = blocks * width, (end - begin) * rows
    factor = level(dz, dz_row, used, count)
    if factor == 0.0:
        return
    recurrent_end = gates * width
    add_outer(dw, dz_row, a, first, row_size, inputs + 1 + hidden, dz, 0, recurrent_end, dz_row, count, factor)
    if blocks > gates:
        add_outer(dw, dz_row, a, first, row_size, inputs + 1, dz, recurrent_end, dz_row, dz_row, count, factor)
    if grad_x.size > 0:
        size = padded(dw, inputs)
        pull_back(dx, size, dz, dz_row - recurrent_end, dz_row, width, input_weights, hidden, gates, inputs, count, 1)
        for k in range(count):
            for i in range(inputs):
                grad_x[begin + k // rows, low + k % rows, i] = dx[k * size + i] * factor


@kernel
def backward(
    kind,
    origin,
    stop,
    x,
    w_ih,
    w_hh,
    states,
    saved,
    grad_out,
    grad_x,
    carried,
    carried_powers,
    dw,
    norms,
    powers,
    totals,
    total_powers,
    sums,
    sum_powers,
    befores,
    deltas,
    replica,
    tile,
    low,
    rows,
):
    """The steps from ``stop`` to ``origin`` back; states and saved are those that the same steps forward left.

    grad_out: (R, keep, B, H). carried: (R, B, S), the adjoint after the last of these steps, to be multiplied by 2 to
    the carried_powers (R, B); replaced by that before the first. dw: (R, tiles, I + 1 + H, blocks·W) is added to.
    Written, each unless empty: grad_x (R, T, B, I) and, for a tap, norms (R, T, parts, B), the squared norms of the
    adjoints, to be multiplied by 4 to the powers (R, T, B); totals (R, tiles, T, parts), their sums over the tile's
    samples, with total_powers (R, tiles, T); sums (R, tiles, T, parts·W), the adjoints themselves added up over the
    tile's samples, to be multiplied by 2 to the sum_powers (R, tiles, T); befores and deltas (R, T, B, S), the states
    that the steps start from and the adjoints, these to be multiplied by 2 to the powers.
    """
    steps, inputs, hidden, keep = x.shape[1], x.shape[3], w_hh.shape[2], grad_out.shape[1]
    n, width, lead = lanes(w_hh), padded(w_hh, hidden), padded(w_hh, inputs + 1)
    gates, blocks, parts = w_hh.shape[1] // hidden, 4 if kind >= LSTM else 1, carried.shape[2] // hidden
    row_size, dz_row, row_parts = lead + parts * width, blocks * width, parts * width
    kept_slot = rows * width * (lstm.KEPT if kind == LSTM else gru.KEPT)
    sizes = (inputs, hidden, width, row_size, gates, blocks)
    turn = gru.TURN if kind == GRU else 0
    recurrent, input_weights = pack_rows(w_hh[replica], turn, hidden), pack_rows(w_ih[replica], 0, hidden)
    chunk = max(1, CHUNK_ROWS // rows)
    adjoint, squares = buffer(w_hh, rows * row_parts), buffer(w_hh, rows * parts * n)
    dz, dx = buffer(w_hh, chunk * rows * dz_row), buffer(w_hh, chunk * rows * padded(w_hh, inputs))
    exponents, used = carried_powers[replica, low : low + rows].copy(), np.zeros(chunk * rows, np.int64)
    h, kept = states[replica, tile].reshape(-1), saved[replica, tile].reshape(-1)
    weights, tile_sums = dw[replica, tile].reshape(-1), sums[replica, tile].reshape(-1)
    step_norms = np.empty((chunk, parts, rows))
    heard = (norms[replica], powers[replica], totals[replica, tile], total_powers[replica, tile])
    _enter(adjoint, 0, row_parts, width, hidden, carried[replica], low, rows)
    for end in range(stop, origin, -chunk):
        begin = max(origin, end - chunk)
        for t in range(end - 1, begin - 1, -1):
            if t >= steps - keep:
                receive(adjoint, row_parts, exponents, grad_out[replica, t - steps + keep], low, rows)
            if sums.size > 0:
                sum_powers[replica, tile, t] = add_up(adjoint, row_parts, exponents, tile_sums, t * row_parts, rows)
            now, to, kept_at = (t - origin) * rows * row_size, (t - begin) * rows * dz_row, (t - origin) * kept_slot
            if deltas.size > 0:
                _leave(adjoint, 0, row_parts, width, hidden, deltas[replica, t], low, rows)
                _leave(h, now + lead, row_size, width, hidden, befores[replica, t], low, rows)
            if kind == LSTM:
                lstm.deltas(adjoint, h, now, row_size, lead, kept, kept_at, width, rows, dz, to, squares)
            elif kind == GRU:
                gru.deltas(adjoint, h, now, row_size, lead, kept, kept_at, width, rows, dz, to, squares)
            else:
                rnn.deltas(kind, adjoint, h, now + rows * row_size, row_size, lead, width, rows, dz, to, squares)
            fresh = 0 if kind == GRU else 1
            pull_back(adjoint, row_parts, dz, to, dz_row, width, recurrent, hidden, gates, hidden, rows, fresh)
            reduce_squares(squares, step_norms[t - begin])
            rescale(adjoint, row_parts, exponents, step_norms[t - begin], used, (t - begin) * rows)
        if norms.size > 0:
            record(step_norms, used, begin, end, low, *heard)
        first = (begin - origin) * rows * row_size + lead - 1 - inputs
        _finish(sizes, dz, used, h, first, weights, input_weights, dx, grad_x[replica], begin, end, low, rows)
    carried_powers[replica, low : low + rows] = exponents
    _leave(adjoint, 0, row_parts, width, hidden, carried[replica], low, rows)


@kernel
def log_rms(totals, total_powers, samples, out):
    """ln of the root mean square over all samples, whole state first if it has parts: to out (R, T, 1 + parts or 1).

    totals: (R, tiles, T, parts), sums of squares to be multiplied by 4 to the total_powers (R, tiles, T).
    """
    replicas, tiles, steps, parts = totals.shape
    first = out.shape[2] - parts
    for replica in range(replicas):
        for t in range(steps):
            largest = total_powers[replica, 0, t]
            for tile in range(1, tiles):
                largest = max(largest, total_powers[replica, tile, t])
            whole = 0.0
            for part in range(parts):
                total = 0.0
                for tile in range(tiles):
                    total += totals[replica, tile, t, part] * power(2 * (total_powers[replica, tile, t] - largest))
                whole += total
                out[replica, t, first + part] = 0.5 * math.log(total / samples) + math.log(2.0) * largest
            out[replica, t, 0] = 0.5 * math.log(whole / samples) + math.log(2.0) * largest
