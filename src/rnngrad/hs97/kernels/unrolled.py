"""The exact gradient: all steps of a sequence are kept, and errors go back through gates and outputs too."""

from ...engine.cpu.compiled import kernel
from ...engine.cpu.simd import lanes, load, splat, store, sum_lanes
from .arguments import CELL, IN, OUT, PARTS, SUM, TEST, H, S, Y
from .change import apply, meet, share
from .lean import lean
from .outputs import learn_outputs, note, score
from .step import advance


@lean
def _forward(net, weights, change, block, sequence, answer, lr, learning, room, results):
    """All steps, kept in room.states; errors of the cell outputs in room.errors. Returns the next target."""
    k, row = net.width, PARTS * net.width
    begin, squared, worst, last = block.starts[sequence], 0.0, 0.0, 0.0
    room.states[:row] = 0.0
    for t in range(begin, block.starts[sequence + 1]):
        before, step = (t - begin) * row, (t - begin) * k
        advance(net, weights.hidden, block, t, room.states, before, before + row)
        room.errors[step : step + k] = 0.0
        if block.scored[t]:
            y = before + row + Y * k
            squares, last = score(net, weights, block, t, answer, room.states, y, lr, room.out, results)
            squared, worst, answer = squared + squares, max(worst, last), answer + 1
            if learning != TEST:
                learn_outputs(net, weights, change, block, t, room.states, y, room.out, room.errors, step)
    note(results, sequence, squared, worst, last)
    return answer


@lean
def _deltas(net, states, now, errors, step, adjoint, deltas):
    """From the adjoints of a state to those of net_in, net_out and net_c; that of s becomes the step before's."""
    k = net.width
    for at in range(0, k, lanes(states)):
        h, cell = load(states, now + H * k + at), load(states, now + CELL * k + at)
        of_y = load(adjoint, Y * k + at) + load(errors, step + at)
        store(deltas, k + at, load(adjoint, OUT * k + at) + of_y * h)
        of_h = of_y * load(states, now + OUT * k + at) if net.output_gates else of_y
        if not net.linear_h:
            half = (h - net.h_low) * (1.0 / net.h_scale)
            of_h = of_h * (half * (1.0 - half) * net.h_scale)
        of_s = load(adjoint, S * k + at) + of_h
        store(adjoint, S * k + at, of_s)
        store(deltas, at, load(adjoint, IN * k + at) + of_s * (cell * net.g_scale + net.g_low))
        of_g = of_s * load(states, now + IN * k + at) if net.input_gates else of_s
        store(deltas, 2 * k + at, of_g * (cell * (1.0 - cell) * net.g_scale))
    share(deltas, 0, net)
    share(deltas, k, net)
    _through_gates(net, states, now, deltas)


@lean
def _through_gates(net, states, now, deltas):
    """From the adjoints of the gates to those of their nets."""
    k = net.width
    for at in range(0, k, lanes(states)):
        y_in, y_out = load(states, now + IN * k + at), load(states, now + OUT * k + at)
        of_in, of_out = load(deltas, at) * (y_in * (1.0 - y_in)), load(deltas, k + at) * (y_out * (1.0 - y_out))
        store(deltas, at, of_in if net.input_gates else splat(of_in, 0.0))
        store(deltas, k + at, of_out if net.output_gates else splat(of_out, 0.0))


@lean
def _add(hidden, row, deltas, wide, y):
    """hidden[row] += deltas y."""
    for at in range(0, wide, lanes(hidden)):
        store(hidden, row * wide + at, load(deltas, at) * y + load(hidden, row * wide + at))


@lean
def _learn(net, hidden, block, t, states, before, deltas):
    """hidden += what one step's deltas mean for it."""
    wide = 3 * net.width
    if block.symbols.size:
        _add(hidden, block.symbols[t], deltas, wide, 1.0)
    else:
        for i in range(net.inputs):
            _add(hidden, i, deltas, wide, block.values[t, i])
    for source in range(net.sources.size):
        _add(hidden, net.inputs + source, deltas, wide, states[before + net.sources[source]])
    bias = (net.inputs + net.sources.size) * wide
    for at in range(0, wide, lanes(hidden)):
        store(hidden, bias + at, load(deltas, at) * load(net.biased, at) + load(hidden, bias + at))


@lean
def _pull_back(net, hidden, deltas, adjoint):
    """Adjoints of the recurrent sources one step before; a unit that fills several lanes counts once."""
    wide = 3 * net.width
    for source in range(net.sources.size):
        row = (net.inputs + source) * wide
        total = splat(load(deltas, 0), 0.0)
        for at in range(0, wide, lanes(deltas)):
            total = load(hidden, row + at) * (load(deltas, at) * load(net.single, at)) + total
        adjoint[net.sources[source]] = sum_lanes(total)


@kernel
def unrolled(net, weights, change, block, lr, learning, room, results):
    """As :func:`truncated`, with the exact gradient; ``learning`` is not STEP. room.states keeps the last sequence."""
    k, row, sparse, answer = net.width, PARTS * net.width, block.symbols.size > 0, 0
    for sequence in range(block.starts.size - 1):
        answer = _forward(net, weights, change, block, sequence, answer, lr, learning, room, results)
        if learning == TEST:
            continue
        begin, end, count = block.starts[sequence], block.starts[sequence + 1], 0
        room.adjoint[:] = 0.0
        for t in range(end - 1, begin - 1, -1):
            before = (t - begin) * row
            _deltas(net, room.states, before + row, room.errors, (t - begin) * k, room.adjoint, room.cells)
            _learn(net, change.hidden, block, t, room.states, before, room.cells)
            _pull_back(net, weights.hidden, room.cells, room.adjoint)
            if sparse:
                count = meet(block.symbols[t], room, count)
        room.fresh[:] = True
        if learning != SUM:
            apply(net, weights, change, sparse, room.touched, count)
