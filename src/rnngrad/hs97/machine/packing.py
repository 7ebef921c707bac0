"""From the flat weight vector to the arrays of the kernels and back."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..kernels.arguments import IN, LANES, OUT, Floats, Ints, Net, Weights, Y
from ..sequences import Reals
from .aligned import aligned, zeros
from .reading import Reading
from .topology import RecurrentNet, Topology, Unit, offsets


def padded(count: int) -> int:
    """The count rounded up to whole vectors, at least one."""
    return max(1, -(-count // LANES)) * LANES


@dataclass(frozen=True)
class Packing:
    """Where the weights go. A gate that S cells share fills S lanes, so some places hold the same weight."""

    hidden: Ints
    """Shape of the hidden weights, each entry its weight's place in the flat vector, or -1."""
    out: Ints
    """The same for the output weights."""
    back: Ints
    """(count,) Where each weight of the flat vector is read back: a place in hidden, then out, counted flat."""

    def pack(self, weights: Reals) -> Weights:
        """The flat vector in the arrays of the kernels; places that hold no weight are 0."""
        longer = np.append(weights, 0.0)  # which is where -1 points
        return Weights(aligned(longer[self.hidden]), aligned(longer[self.out]))

    def unpack(self, packed: Weights) -> Reals:
        """The way back of :meth:`pack`, bit for bit."""
        flat: Reals = np.concatenate([packed.hidden.ravel(), packed.out.ravel()])[self.back]
        return flat


def _packing(hidden: Ints, out: Ints) -> Packing:
    places = np.concatenate([hidden.ravel(), out.ravel()])
    weights, first = np.unique(places, return_index=True)
    return Packing(hidden, out, first[weights >= 0])


def _outputs(units: tuple[Unit, ...], cells: int, direct: int, width: int) -> Ints:
    """Places of the output weights; an output's weights stand in the order of the rows."""
    out = np.full((direct + cells + 1, width), -1)
    for k, (unit, at) in enumerate(
        (unit, at) for unit, at in zip(units, offsets(units), strict=True) if unit.name.startswith("output")
    ):
        out[: len(unit.sees), k] = np.arange(at, at + len(unit.sees))
    return out


def _lanes(net: Topology, name: str) -> range:
    """The places of a hidden unit in a row of hidden weights, of which a shared gate has one per cell."""
    kind, number = name.split()
    part = {"in": 0, "out": 1, "cell": 2}[kind] * padded(net.cells)
    size = 1 if kind == "cell" else net.size
    return range(part + int(number) * size, part + (int(number) + 1) * size)


@cache
def packing(net: Topology | RecurrentNet) -> Packing:
    """Where the net's weights go."""
    if isinstance(net, RecurrentNet):
        hidden = np.full((1, padded(net.inputs + 1)), -1)
        hidden[0, : net.inputs + 1] = np.arange(net.inputs + 1)
        return _packing(hidden, _outputs(net.units, 1, net.inputs, padded(net.outputs)))
    rows = {f"input {i}": i for i in range(net.inputs)}
    sources = net.hidden if net.recurrent else ()
    rows |= {name: net.inputs + m for m, name in enumerate(sources)}
    rows["bias"] = len(rows)
    hidden = np.full((len(rows), 3 * padded(net.cells)), -1)
    for unit, at in zip(net.units, offsets(net.units), strict=True):
        for lane in _lanes(net, unit.name) if not unit.name.startswith("output") else ():
            for place, source in enumerate(unit.sees):
                hidden[rows[source], lane] = at + place
    direct = net.inputs if net.direct else 0
    return _packing(hidden, _outputs(net.units, net.cells, direct, padded(net.outputs)))


def _answered(outputs: int) -> Floats:
    return aligned((np.arange(padded(outputs)) < outputs).astype(np.float64))


def _squash(net: Topology, reading: Reading) -> tuple[tuple[float, float], tuple[float, float]]:
    """(scale, low) of g and of h."""
    g, h = net.g, net.h if net.h is not None else (0.0, 1.0)
    if reading.ranges == "caption" and net.h is not None:
        g, h = h, g
    return (g[1] - g[0], g[0]), (h[1] - h[0], h[0])


def constants(net: Topology | RecurrentNet, reading: Reading) -> Net:
    """What the kernels are told of a net."""
    if isinstance(net, RecurrentNet):
        return _competitor(net, reading)
    width = padded(net.cells)
    parts = {"in": IN, "out": OUT, "cell": Y}
    units = [unit for unit in net.units if not unit.name.startswith("output")]
    biased, single = zeros(3 * width), zeros(3 * width)
    for unit in units:
        lanes = _lanes(net, unit.name)
        biased[lanes.start : lanes.stop] = unit.sees[-1] == "bias"
        single[lanes.start] = 1.0
    # A source lies in the first of its lanes, of its part of the state.
    sources = [_lanes(net, n).start % width + parts[n.split()[0]] * width for n in net.hidden if net.recurrent]
    (g_scale, g_low), (h_scale, h_low) = _squash(net, reading)
    return Net(
        inputs=net.inputs,
        outputs=net.outputs,
        cells=net.cells,
        size=net.size,
        width=width,
        out_width=padded(net.outputs),
        input_gates=net.input_gates,
        output_gates=net.output_gates,
        direct=net.direct,
        output_bias=net.output_bias,
        logistic=reading.output == "logistic",
        derivative=reading.derivative,
        linear_h=net.h is None,
        g_scale=g_scale,
        g_low=g_low,
        h_scale=h_scale,
        h_low=h_low,
        factor=1.0 if reading.half else 2.0,
        sources=np.array(sources, dtype=np.int64),
        biased=biased,
        single=single,
        answered=_answered(net.outputs),
    )


def _competitor(net: RecurrentNet, reading: Reading) -> Net:
    """The recurrent net as its kernel sees it: one cell, whose output is the hidden unit's; no gates."""
    alone = Topology(
        net.inputs,
        net.outputs,
        1,
        input_gates=False,
        output_gates=False,
        recurrent=False,
        direct=True,
        output_bias=False,
        h=None,
    )
    return constants(alone, reading)
