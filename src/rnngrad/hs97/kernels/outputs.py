"""A scored step: the outputs, their errors, what the output weights learn, and the error that the cells get."""

from ...engine.cpu.simd import copy_sign, lanes, load, splat, store, sum_lanes, where_less
from .lean import lean
from .logistic import logistic


@lean
def _net(net, out, block, t, states, y, at):
    """net_k of the outputs from ``at`` on; states[y:] holds the cell outputs."""
    width, row = net.out_width, net.inputs if net.direct else 0
    total = load(out, (row + net.cells) * width + at)
    if net.direct and block.symbols.size:
        total = total + load(out, block.symbols[t] * width + at)
    elif net.direct:
        for i in range(net.inputs):
            total = load(out, i * width + at) * block.values[t, i] + total
    for cell in range(net.cells):
        total = load(out, (row + cell) * width + at) * states[y + cell] + total
    return total


@lean
def _delta(net, output, error, lr):
    """-lr ∂E/∂net_k."""
    delta = error * (net.factor * lr)
    return delta * (output * (1.0 - output)) if net.logistic and net.derivative else delta


@lean
def score(net, weights, block, t, answer, states, y, lr, room, results):
    """Outputs of step t and their deltas, in room.out. Returns the sum of squared errors and the largest error.

    ``answer`` is the step's row of the targets. A NaN among the errors makes the sum a NaN, and maybe not the largest.
    """
    width, n = net.out_width, lanes(states)
    for k in range(net.outputs):
        room[k] = block.targets[answer, k]
    squares, largest = splat(load(room, 0), 0.0), splat(load(room, 0), 0.0)
    for at in range(0, width, n):
        net_k = _net(net, weights.out, block, t, states, y, at)
        output = logistic(net_k) if net.logistic else net_k
        error = (load(room, at) - output) * load(net.answered, at)
        size = copy_sign(error, splat(error, 1.0))
        squares, largest = squares + error * error, where_less(size, largest, largest, size)
        store(room, width + at, output)
        store(room, 2 * width + at, _delta(net, output, error, lr))
    if results.outputs.size:
        for k in range(net.outputs):
            results.outputs[answer, k] = room[width + k]
    store(room, 0, largest)
    worst = 0.0
    for lane in range(n):
        worst = max(worst, room[lane])
        room[lane] = 0.0
    return sum_lanes(squares), worst


@lean
def note(results, sequence, squared, worst, last):
    """Enters how a sequence went; one NaN makes all three NaN, so that no criterion takes it for a success."""
    results.squared[sequence] = squared
    results.worst[sequence] = worst + 0.0 * squared
    results.last[sequence] = last + 0.0 * squared


@lean
def _add(total, row, width, room, y):
    """total[row] += deltas times y, over all outputs."""
    for at in range(0, width, lanes(total)):
        store(total, row * width + at, load(room, 2 * width + at) * y + load(total, row * width + at))


@lean
def learn_outputs(net, weights, change, block, t, states, y, room, errors, first):
    """The deltas in ``room`` back to the cells, into errors[first:], and on to what the output weights change by.

    The errors are taken before the weights change, which matters where ``change`` is the weights themselves.
    """
    width, row = net.out_width, net.inputs if net.direct else 0
    for cell in range(net.cells):
        at = (row + cell) * width
        total = splat(load(room, 0), 0.0)
        for k in range(0, width, lanes(room)):
            total = load(weights.out, at + k) * load(room, 2 * width + k) + total
        errors[first + cell] = sum_lanes(total)
        _add(change.out, row + cell, width, room, states[y + cell])
    if net.output_bias:
        _add(change.out, row + net.cells, width, room, 1.0)
    if net.direct and block.symbols.size:
        _add(change.out, block.symbols[t], width, room, 1.0)
    elif net.direct:
        for i in range(net.inputs):
            _add(change.out, i, width, room, block.values[t, i])
