"""Forward traces ∂s/∂w of the truncated gradient, and what weights into gates and cells learn by them.

With net_in, net_out and net_c taken as constants with respect to earlier activations (paper, appendix A.1),

    ∂s(t)/∂w_c  = ∂s(t-1)/∂w_c  + y_in g'(net_c) y(t-1)
    ∂s(t)/∂w_in = ∂s(t-1)/∂w_in + g(net_c) f'(net_in) y(t-1)

A one-hot input leaves the traces of all other symbols as they are, so those are let be, and what their weights owe to
errors is added up in one vector for all and paid when the symbol comes again, or at the end of the sequence.
"""

from ...engine.cpu.simd import lanes, load, splat, store
from .arguments import CELL, IN, OUT, H
from .change import share
from .lean import lean

# Vectors over the cells in Scratch.cells: the error of s, that of net_out, the same where the output gate has a bias,
# the sum of errors of s since the sequence began, and room.
_S, _GATE, _BIAS, _SUM, _ROOM = range(5)


@lean
def _extend(traces, row, k, at, of_cell, of_in, y):
    """traces[row] += (of_cell, of_in) y."""
    first = row * 2 * k + at
    store(traces, first, of_cell * y + load(traces, first))
    store(traces, first + k, of_in * y + load(traces, first + k))


@lean
def extend(net, block, t, states, before, now, traces):
    """The traces one step on; those of a bias that is not there stay 0."""
    k = net.width
    for at in range(0, k, lanes(traces)):
        cell = load(states, now + CELL * k + at)
        of_cell = cell * (1.0 - cell) * net.g_scale
        of_in = splat(of_cell, 0.0)
        if net.input_gates:
            gate = load(states, now + IN * k + at)
            of_in = (cell * net.g_scale + net.g_low) * (gate * (1.0 - gate))
            of_cell = of_cell * gate
        if block.symbols.size:
            _extend(traces, block.symbols[t], k, at, of_cell, of_in, 1.0)
        else:
            for i in range(net.inputs):
                _extend(traces, i, k, at, of_cell, of_in, block.values[t, i])
        row = net.inputs
        for source in range(net.sources.size):
            _extend(traces, row + source, k, at, of_cell, of_in, states[before + net.sources[source]])
        row += net.sources.size
        _extend(traces, row, k, at, of_cell * load(net.biased, 2 * k + at), of_in * load(net.biased, at), 1.0)


@lean
def receive(net, states, now, errors, cells):
    """From the errors of the cell outputs to those of s and of the output gates' nets, into ``cells``."""
    k = net.width
    for at in range(0, k, lanes(cells)):
        of_y, h = load(errors, at), load(states, now + H * k + at)
        of_s, of_gate = of_y, splat(of_y, 0.0)
        if net.output_gates:
            gate = load(states, now + OUT * k + at)
            of_s, of_gate = of_y * gate, of_y * h * (gate * (1.0 - gate))
        if not net.linear_h:
            half = (h - net.h_low) * (1.0 / net.h_scale)
            of_s = of_s * (half * (1.0 - half) * net.h_scale)
        store(cells, _S * k + at, of_s)
        store(cells, _GATE * k + at, of_gate)
        store(cells, _SUM * k + at, load(cells, _SUM * k + at) + of_s)
    share(cells, _GATE * k, net)
    for at in range(0, k, lanes(cells)):
        store(cells, _BIAS * k + at, load(cells, _GATE * k + at) * load(net.biased, k + at))


@lean
def _pay(net, hidden, row, traces, cells, error):
    """hidden[row] += cells[error:] times traces, to cells and input gates."""
    k = net.width
    to, trace = row * 3 * k, row * 2 * k
    for at in range(0, k, lanes(cells)):
        of_s = load(cells, error + at)
        store(hidden, to + 2 * k + at, of_s * load(traces, trace + at) + load(hidden, to + 2 * k + at))
        store(cells, _ROOM * k + at, of_s * load(traces, trace + k + at))
    share(cells, _ROOM * k, net)
    for at in range(0, k, lanes(cells)):
        store(hidden, to + at, load(cells, _ROOM * k + at) + load(hidden, to + at))


@lean
def _pay_gate(net, hidden, row, cells, error, y):
    """hidden[row] += cells[error:] y, to the output gates."""
    k = net.width
    for at in range(row * 3 * k + k, row * 3 * k + 2 * k, lanes(cells)):
        store(hidden, at, load(cells, error) * y + load(hidden, at))
        error += lanes(cells)


@lean
def learn(net, hidden, block, t, states, before, traces, cells):
    """hidden, weights or a sum, += what the errors in ``cells`` mean; the traces of symbols wait for :func:`flush`."""
    k = net.width
    if block.symbols.size:
        _pay_gate(net, hidden, block.symbols[t], cells, _GATE * k, 1.0)
    else:
        for i in range(net.inputs):
            _pay(net, hidden, i, traces, cells, _S * k)
            _pay_gate(net, hidden, i, cells, _GATE * k, block.values[t, i])
    for source in range(net.sources.size):
        row = net.inputs + source
        _pay(net, hidden, row, traces, cells, _S * k)
        _pay_gate(net, hidden, row, cells, _GATE * k, states[before + net.sources[source]])
    row = net.inputs + net.sources.size
    _pay(net, hidden, row, traces, cells, _S * k)
    _pay_gate(net, hidden, row, cells, _BIAS * k, 1.0)


@lean
def flush(net, hidden, symbol, traces, cells, flushed):
    """Pay a symbol's weights the errors since they were paid last."""
    k = net.width
    for at in range(0, k, lanes(cells)):
        total = load(cells, _SUM * k + at)
        store(cells, (_ROOM + 1) * k + at, total - load(flushed, symbol * k + at))
        store(flushed, symbol * k + at, total)
    _pay(net, hidden, symbol, traces, cells, (_ROOM + 1) * k)


@lean
def forget(net, sparse, room, count):
    """A sequence is over: its traces and sums are 0 again."""
    k = net.width
    for i in range(count):
        symbol = room.touched[i]
        room.fresh[symbol] = True
        room.flushed[symbol] = 0.0
        room.traces[symbol] = 0.0
    room.traces[net.inputs if sparse else 0 :] = 0.0
    room.cells[_SUM * k : (_SUM + 1) * k] = 0.0
