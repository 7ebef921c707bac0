"""One time step of the memory blocks: from the inputs now and the activations before to gates, cells, cell outputs."""

from ...engine.cpu.simd import lanes, load, store
from .arguments import CELL, IN, OUT, H, S, Y
from .lean import lean
from .logistic import logistic


@lean
def _nets(net, hidden, block, t, states, before, at):
    """net_in, net_out, net_c of the cells from ``at`` on; states[before:] is one step old."""
    k = net.width
    row = 3 * k
    bias = (net.inputs + net.sources.size) * row + at
    of_in, of_out, of_cell = load(hidden, bias), load(hidden, bias + k), load(hidden, bias + 2 * k)
    if block.symbols.size:
        w = block.symbols[t] * row + at
        of_in, of_out, of_cell = (
            of_in + load(hidden, w),
            of_out + load(hidden, w + k),
            of_cell + load(hidden, w + 2 * k),
        )
    else:
        for i in range(net.inputs):
            x, w = block.values[t, i], i * row + at
            of_in = load(hidden, w) * x + of_in
            of_out = load(hidden, w + k) * x + of_out
            of_cell = load(hidden, w + 2 * k) * x + of_cell
    w = net.inputs * row + at
    for source in range(net.sources.size):
        y = states[before + net.sources[source]]
        of_in = load(hidden, w) * y + of_in
        of_out = load(hidden, w + k) * y + of_out
        of_cell = load(hidden, w + 2 * k) * y + of_cell
        w += row
    return of_in, of_out, of_cell


@lean
def advance(net, hidden, block, t, states, before, now):
    """Step t of the block: from the state at states[before:] to that at states[now:].

    s(t) = s(t-1) + y_in g(net_c), y_c = y_out h(s(t)); a gate that is absent is 1.
    """
    k = net.width
    for at in range(0, k, lanes(states)):
        of_in, of_out, of_cell = _nets(net, hidden, block, t, states, before, at)
        cell = logistic(of_cell)
        store(states, now + CELL * k + at, cell)
        s = cell * net.g_scale + net.g_low
        if net.input_gates:
            y_in = logistic(of_in)
            store(states, now + IN * k + at, y_in)
            s = s * y_in
        s = s + load(states, before + S * k + at)
        store(states, now + S * k + at, s)
        y = s
        if not net.linear_h:
            y = logistic(s) * net.h_scale + net.h_low
        store(states, now + H * k + at, y)
        if net.output_gates:
            y_out = logistic(of_out)
            store(states, now + OUT * k + at, y_out)
            y = y * y_out
        store(states, now + Y * k + at, y)
