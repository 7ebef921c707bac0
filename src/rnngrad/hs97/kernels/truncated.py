"""On-line learning by the truncated gradient, and tests: forward traces, nothing kept of the steps gone by."""

from ...engine.cpu.compiled import kernel
from .arguments import PARTS, STEP, SUM, TEST, Y
from .change import apply, meet
from .lean import lean
from .outputs import learn_outputs, note, score
from .step import advance
from .traces import extend, flush, forget, learn, receive


@lean
def _end(net, weights, change, learning, sparse, room, count, owing):
    """What is left to do behind a sequence's last step."""
    for i in range(count if owing else 0):
        flush(net, change.hidden, room.touched[i], room.traces, room.cells, room.flushed)
    if learning != STEP and learning != SUM:
        apply(net, weights, change, sparse, room.touched, count)
    forget(net, sparse, room, count)


@lean
def _sequence(net, weights, change, block, sequence, answer, lr, learning, room, results):
    """One sequence from a state of zeros; returns the first target of the next."""
    row, sparse = PARTS * net.width, block.symbols.size > 0
    begin, count, owing = block.starts[sequence], 0, False
    squared, worst, last = 0.0, 0.0, 0.0
    room.states[: 2 * row] = 0.0
    for t in range(begin, block.starts[sequence + 1]):
        now = ((t - begin) & 1) * row
        before = row - now
        if sparse and learning != TEST:
            count = meet(block.symbols[t], room, count)
            if owing:  # before the symbol's weights are used
                flush(net, change.hidden, block.symbols[t], room.traces, room.cells, room.flushed)
        advance(net, weights.hidden, block, t, room.states, before, now)
        if learning != TEST:
            extend(net, block, t, room.states, before, now, room.traces)
        if block.scored[t]:
            y = now + Y * net.width
            squares, last = score(net, weights, block, t, answer, room.states, y, lr, room.out, results)
            squared, worst, answer = squared + squares, max(worst, last), answer + 1
            if learning != TEST:
                owing = True
                learn_outputs(net, weights, change, block, t, room.states, y, room.out, room.errors, 0)
                receive(net, room.states, now, room.errors, room.cells)
                learn(net, change.hidden, block, t, room.states, before, room.traces, room.cells)
    if learning != TEST:
        _end(net, weights, change, learning, sparse, room, count, owing)
    note(results, sequence, squared, worst, last)
    return answer


@kernel
def truncated(net, weights, change, block, lr, learning, room, results):
    """Runs a block's sequences in order, each from zeros, and learns from each as ``learning`` has it.

    ``change`` is a second set of weights, all zero, or for STEP the weights themselves. ``room.traces``, ``cells`` and
    ``flushed`` are zero and ``fresh`` true before and after.
    """
    answer = 0
    for sequence in range(block.starts.size - 1):
        answer = _sequence(net, weights, change, block, sequence, answer, lr, learning, room, results)
