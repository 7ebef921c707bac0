"""Real-time recurrent learning and backpropagation through time for the paper's net of experiment 2a.

One hidden unit sees the inputs and itself; the outputs see the inputs and the hidden unit; all are logistic, none has
a bias. hidden[0] holds the weights from the inputs, then that from the unit itself. Everything else is laid out as for
memory blocks with one cell, whose output is the hidden unit's.
"""

import math

from ...engine.cpu.compiled import kernel
from ...engine.cpu.simd import lanes, load, store
from .arguments import STEP, SUM, TEST
from .change import add_all, apply_out, meet
from .lean import lean
from .outputs import learn_outputs, note, score


@lean
def _net(net, w, block, t, h):
    """The hidden unit's net."""
    total = w[net.inputs] * h
    if block.symbols.size:
        return total + w[block.symbols[t]]
    for i in range(net.inputs):
        total += w[i] * block.values[t, i]
    return total


@lean
def _extend(net, block, t, f_prime, u, h, traces):
    """∂h(t)/∂w = f'(net) (y + u ∂h(t-1)/∂w), for all weights into the hidden unit."""
    for at in range(0, traces.size, lanes(traces)):
        store(traces, at, load(traces, at) * (f_prime * u))
    traces[0, net.inputs] += f_prime * h
    if block.symbols.size:
        traces[0, block.symbols[t]] += f_prime
    else:
        for i in range(net.inputs):
            traces[0, i] += f_prime * block.values[t, i]


@lean
def _learn_by_traces(hidden, error, traces):
    """hidden += error times traces."""
    for at in range(0, traces.size, lanes(traces)):
        store(hidden, at, load(traces, at) * error + load(hidden, at))


@lean
def _back(net, weights, hidden, block, sequence, row, states, errors):
    """hidden += what the errors of a whole sequence mean for it, backward through time."""
    begin, carried, u = block.starts[sequence], 0.0, weights.hidden[0, net.inputs]
    for t in range(block.starts[sequence + 1] - 1, begin - 1, -1):
        before = (t - begin) * row
        h = states[before + row]
        delta = (carried + errors[before]) * h * (1.0 - h)
        hidden[0, net.inputs] += delta * states[before]
        if block.symbols.size:
            hidden[0, block.symbols[t]] += delta
        else:
            for i in range(net.inputs):
                hidden[0, i] += delta * block.values[t, i]
        carried = delta * u


@lean
def _sequence(net, weights, change, block, sequence, answer, lr, learning, room, results, by_traces):
    """One sequence from h = 0; returns the first target of the next."""
    row, sparse, begin, count = net.width, block.symbols.size > 0, block.starts[sequence], 0
    squared, worst, last = 0.0, 0.0, 0.0
    room.states[:row] = 0.0
    room.traces[:] = 0.0
    for t in range(begin, block.starts[sequence + 1]):
        before = (t - begin) * row
        h, u = room.states[before], weights.hidden[0, net.inputs]
        now = 1.0 / (1.0 + math.exp(-_net(net, weights.hidden[0], block, t, h)))
        room.states[before + row] = now
        room.errors[before] = 0.0
        if learning != TEST and sparse:
            count = meet(block.symbols[t], room, count)
        if learning != TEST and by_traces:
            _extend(net, block, t, now * (1.0 - now), u, h, room.traces)
        if block.scored[t]:
            y = before + row
            squares, last = score(net, weights, block, t, answer, room.states, y, lr, room.out, results)
            squared, worst, answer = squared + squares, max(worst, last), answer + 1
            if learning != TEST:
                learn_outputs(net, weights, change, block, t, room.states, y, room.out, room.errors, before)
                if by_traces:
                    _learn_by_traces(change.hidden, room.errors[before], room.traces)
    note(results, sequence, squared, worst, last)
    if learning != TEST and not by_traces:
        _back(net, weights, change.hidden, block, sequence, row, room.states, room.errors)
    if learning != STEP and learning != SUM and learning != TEST:
        add_all(weights.hidden, change.hidden)
        apply_out(net, weights, change, sparse, room.touched, count)
    room.fresh[:] = True
    return answer


@kernel
def recurrent(net, weights, change, block, lr, learning, room, results, by_traces):
    """Runs a block's sequences in order, each from h = 0, and learns from each as ``learning`` has it.

    By traces (real-time recurrent learning), or by going back through each sequence; for that ``learning`` is not STEP.
    """
    answer = 0
    for sequence in range(block.starts.size - 1):
        answer = _sequence(net, weights, change, block, sequence, answer, lr, learning, room, results, by_traces)
