"""What the learning rules share: gates that a block's cells share, and changes that wait for a sequence's end."""

from ...engine.cpu.simd import lanes, load, splat, store
from .lean import lean


@lean
def share(values, at, net):
    """Each of the K values from ``at`` on becomes the sum over its block."""
    if net.size == 1:
        return
    for first in range(at, at + net.cells, net.size):
        total = 0.0
        for lane in range(first, first + net.size):
            total += values[lane]
        for lane in range(first, first + net.size):
            values[lane] = total


@lean
def _move(weights, change, row, width):
    """weights[row] += change[row]; the change is 0 again."""
    for at in range(row * width, (row + 1) * width, lanes(weights)):
        store(weights, at, load(weights, at) + load(change, at))
        store(change, at, splat(load(change, at), 0.0))


@lean
def apply_out(net, weights, change, sparse, touched, count):
    """Adds to the output weights what a sequence has summed up, for symbols only to those that have occurred."""
    direct = net.inputs if net.direct else 0
    for i in range(count if direct else 0):
        _move(weights.out, change.out, touched[i], net.out_width)
    for row in range(direct if sparse else 0, weights.out.shape[0]):
        _move(weights.out, change.out, row, net.out_width)


@lean
def apply(net, weights, change, sparse, touched, count):
    """The same for all weights of memory blocks."""
    wide = 3 * net.width
    for i in range(count):
        _move(weights.hidden, change.hidden, touched[i], wide)
    for row in range(net.inputs if sparse else 0, weights.hidden.shape[0]):
        _move(weights.hidden, change.hidden, row, wide)
    apply_out(net, weights, change, sparse, touched, count)


@lean
def add_all(weights, change):
    """weights += change, and the change is 0 again."""
    for row in range(weights.shape[0]):
        _move(weights, change, row, weights.shape[1])


@lean
def meet(symbol, room, count):
    """Notes a symbol that has not occurred in this sequence. Returns how many are noted."""
    if room.fresh[symbol]:
        room.fresh[symbol] = False
        room.touched[count] = symbol
        count += 1
    return count
