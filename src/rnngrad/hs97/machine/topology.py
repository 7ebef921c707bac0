"""The nets of the 1997 paper: which units there are, what they see, and where each weight stands in the vector."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ...errors import UsageError
from ..sequences import Reals

Range = tuple[float, float]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Unit:
    """One unit and what it sees: its weights stand side by side in the flat vector, those of a bias last."""

    name: str
    """``in 0``, ``out 1``, ``cell 2`` or ``output 0``, counted from 0."""
    sees: tuple[str, ...]
    """``input 3``, the name of a unit, or ``bias``."""


@dataclass(frozen=True)
class Topology:
    """Memory blocks of ``size`` cells that share an input and an output gate, without a forget gate.

    s_c(t) = s_c(t-1) + y_in g(net_c), y_c = y_out h(s_c), a gate that is absent being 1. Cells and gates see the inputs
    and, if ``recurrent``, all cells and gates one step before (connectivity F of table 10); outputs see the cells and,
    if ``direct``, the inputs (B, where cells and gates see the inputs alone).

    The flat weight vector holds the units in the order of :attr:`units`: input gates, output gates, cells, outputs;
    within a unit the order of what it sees: inputs, input gates, output gates, cells, bias.

    Source: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), section 4, tables 10 and 11.
    """

    inputs: int
    outputs: int
    blocks: int
    size: int = 1
    input_gates: bool = True
    output_gates: bool = True
    recurrent: bool = True
    direct: bool = False
    gate_bias: bool = True
    cell_bias: bool = True
    output_bias: bool = True
    input_gate_biases: tuple[float, ...] | None = None
    """Where the input gates' biases start, one per block; None: drawn as all weights are."""
    output_gate_biases: tuple[float, ...] | None = None
    init: float = 0.1
    """Weights start uniform in [-init, init]."""
    g: Range = (-2.0, 2.0)
    """Range of the logistic g that squashes a cell's net."""
    h: Range | None = (-1.0, 1.0)
    """Range of the logistic h that squashes a cell's state; None: h is the identity."""

    def __post_init__(self) -> None:
        for name, least in (("inputs", 1), ("outputs", 1), ("blocks", 0), ("size", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} = {getattr(self, name)} is too few: at least {least}")
        gates = (("input", self.input_gates), ("output", self.output_gates))
        for kind, present in gates:
            biases = getattr(self, f"{kind}_gate_biases")
            if biases is not None and not (present and self.gate_bias):
                raise UsageError(f"{kind}_gate_biases are given, but there are no {kind} gates with a bias")
            if biases is not None and len(biases) != self.blocks:
                raise UsageError(
                    f"{kind}_gate_biases: {len(biases)} numbers for {self.blocks} blocks; give one per block"
                )

    @property
    def cells(self) -> int:
        """Memory cells of all blocks."""
        return self.blocks * self.size

    @property
    def hidden(self) -> tuple[str, ...]:
        """Names of input gates, output gates and cells, in this order."""
        return (
            *(f"in {b}" for b in range(self.blocks if self.input_gates else 0)),
            *(f"out {b}" for b in range(self.blocks if self.output_gates else 0)),
            *(f"cell {c}" for c in range(self.cells)),
        )

    @property
    def units(self) -> tuple[Unit, ...]:
        """All units in the order of the weight vector."""
        inputs = tuple(f"input {i}" for i in range(self.inputs))
        cells = tuple(f"cell {c}" for c in range(self.cells))
        before = inputs + (self.hidden if self.recurrent else ())
        bias = {"cell": self.cell_bias, "in": self.gate_bias, "out": self.gate_bias}
        hidden = (Unit(n, before + ("bias",) * bias[n.split()[0]]) for n in self.hidden)
        sees = (inputs if self.direct else ()) + cells + ("bias",) * self.output_bias
        return (*hidden, *(Unit(f"output {k}", sees) for k in range(self.outputs)))

    @property
    def count(self) -> int:
        """Weights in all."""
        return sum(len(unit.sees) for unit in self.units)

    def initial(self, rng: np.random.Generator) -> Reals:
        """(count,) weights, uniform in [-init, init]; gates' biases where the topology says so."""
        weights = rng.uniform(-self.init, self.init, self.count)
        given = {"in": self.input_gate_biases, "out": self.output_gate_biases}
        for (kind, number), last in bias_places(self.units):
            biases = given.get(kind)
            if biases is not None:
                weights[last] = biases[number]
        return weights


def offsets(units: tuple[Unit, ...]) -> tuple[int, ...]:
    """Where in the weight vector each unit's weights begin."""
    return tuple(accumulate((len(unit.sees) for unit in units), initial=0))[:-1]


def bias_places(units: tuple[Unit, ...]) -> list[tuple[tuple[str, int], int]]:
    """((kind, number), place) of every bias in the weight vector."""
    return [
        ((kind, int(number)), at + len(unit.sees) - 1)
        for unit, at in zip(units, offsets(units), strict=True)
        if unit.sees[-1:] == ("bias",)
        for kind, number in [unit.name.split()]
    ]


def carried_over(weights: Reals, old: "Topology | RecurrentNet", new: "Topology | RecurrentNet", into: Reals) -> Reals:
    """The weights of ``new``, those from and to units that ``old`` has as they are there, the others from ``into``.

    This is how 2a's cell joins a net that has been trained without it.
    """
    known = dict(zip(_names(old), weights, strict=True))
    return np.array([known.get(name, own) for name, own in zip(_names(new), into, strict=True)])


def _names(net: "Topology | RecurrentNet") -> list[tuple[str, str]]:
    """(unit, what it sees) of every weight, in the order of the vector."""
    return [(unit.name, source) for unit in net.units for source in unit.sees]


@dataclass(frozen=True)
class RecurrentNet:
    """The paper's competitor in experiment 2a: one hidden unit that sees itself, and outputs; all logistic, no biases.

    The hidden unit sees the inputs and itself one step before, the outputs the inputs and the hidden unit. The weight
    vector holds the hidden unit's weights, then each output's. ``rule``: ``rtrl`` (real-time recurrent learning) or
    ``bptt`` (back through the whole sequence); their gradients are the same.

    Raises UsageError for another rule. Source: Hochreiter & Schmidhuber 1997, section 5.2, table 2.
    """

    inputs: int
    outputs: int
    rule: str = "rtrl"
    init: float = 0.2

    def __post_init__(self) -> None:
        if self.rule not in ("rtrl", "bptt"):
            raise UsageError(f"rule = '{self.rule}' is not known: it is rtrl or bptt")

    @property
    def units(self) -> tuple[Unit, ...]:
        """All units in the order of the weight vector."""
        sees = (*(f"input {i}" for i in range(self.inputs)), "hidden 0")
        return (Unit("hidden 0", sees), *(Unit(f"output {k}", sees) for k in range(self.outputs)))

    @property
    def count(self) -> int:
        """Weights in all."""
        return (1 + self.outputs) * (self.inputs + 1)

    def initial(self, rng: np.random.Generator) -> Reals:
        """(count,) weights, uniform in [-init, init]."""
        return rng.uniform(-self.init, self.init, self.count)
