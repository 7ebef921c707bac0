"""The machine: a net, its weights, and on-line learning from blocks of sequences."""

import math
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...compiler import require
from ...errors import UsageError
from ..kernels.arguments import PARTS, SEQUENCE, STEP, SUM, TEST, Scratch, Weights
from ..sequences import Reals, Scores, Sequences
from .aligned import zeros
from .packing import constants, packing
from .reading import Reading
from .room import block_of, results_for, room_for
from .topology import RecurrentNet, Topology

TEXT = Reading()
"""The plain reading of the text."""


def as_read(net: Topology | RecurrentNet, reading: Reading) -> Topology | RecurrentNet:
    """The net with or without a bias at the outputs, where the reading says so."""
    if reading.output_bias is None or isinstance(net, RecurrentNet):
        return net
    return replace(net, output_bias=reading.output_bias)


class Machine:
    """A net of the 1997 paper that learns on-line, one sequence after the other, each from a state of zeros.

    ``net``: what is there, and ``weights``: (count,) in its order, copied; ``reading``: how the text is read, which may
    give the net output biases or take them away (:func:`as_read`).

    The state is the weights and two counters: activations end with their sequence, and there is no momentum. A machine
    that takes over another's :attr:`state` between two sequences goes on bit for bit.
    Raises UsageError if the number of weights is not the net's, and for BPTT with an update per step.
    """

    def __init__(self, net: Topology | RecurrentNet, weights: Reals, reading: Reading = TEXT) -> None:
        self.net, self.reading = as_read(net, reading), reading
        if isinstance(net, RecurrentNet) and net.rule == "bptt" and reading.update == "step":
            raise UsageError("BPTT goes back from a sequence's end: take update = 'sequence'")
        self.constants, self._packing = constants(self.net, reading), packing(self.net)
        self._parts = 1 if isinstance(net, RecurrentNet) else PARTS
        self._take(weights)
        self.sequences = 0
        self.steps = 0

    @classmethod
    def drawn(cls, net: Topology | RecurrentNet, rng: np.random.Generator, reading: Reading = TEXT) -> Self:
        """A machine with the initial weights that the paper draws."""
        return cls(net, as_read(net, reading).initial(rng), reading)

    def _take(self, weights: NDArray[Any]) -> None:
        if weights.shape != (self.net.count,):
            raise UsageError(f"weights have shape {weights.shape}; this net has ({self.net.count},)")
        self._packed = self._packing.pack(np.asarray(weights, np.float64))
        self._change = Weights(zeros(*self._packed.hidden.shape), zeros(*self._packed.out.shape))
        self._room = self._room_for(0)

    @property
    def weights(self) -> Reals:
        """(count,) in the net's order; a copy."""
        return self._packing.unpack(self._packed)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """All that a machine carries from one sequence to the next: ``weights``, ``sequences`` and ``steps`` learnt."""
        return {"weights": self.weights, "sequences": np.array(self.sequences), "steps": np.array(self.steps)}

    @state.setter
    def state(self, state: dict[str, NDArray[Any]]) -> None:
        self._take(state["weights"])
        self.sequences, self.steps = int(state["sequences"]), int(state["steps"])

    def train(self, sequences: Sequences, lr: float, outputs: bool = False) -> Scores:
        """Learns from the sequences in their order.

        Scores are those of each sequence as it was read, before it changed the weights (with an update per step, each
        step's before that step changed them). ``outputs``: are the outputs wanted too? Else the scores hold none.
        Raises UsageError for sequences that do not fit the net.
        """
        step = self.reading.update == "step"
        scores = self._run(sequences, lr, STEP if step else SEQUENCE, outputs)
        self.sequences += len(sequences)
        self.steps += sequences.steps
        return scores

    def test(self, sequences: Sequences, outputs: bool = False) -> Scores:
        """The same without learning."""
        return self._run(sequences, 0.0, TEST, outputs)

    def gradient(self, sequences: Sequences) -> Reals:
        """(count,) The gradient of the error, summed over the sequences, with the weights as they are throughout.

        It is the reading's: truncated or exact, of ½ Σ (t - y)² or of twice that; where the reading leaves the
        logistic's derivative out of the output error it is no error's gradient, but what learning follows.
        """
        self._run(sequences, 1.0, SUM, False)
        total = -self._packing.unpack(self._change)
        self._change.hidden[:] = 0.0
        self._change.out[:] = 0.0
        return total

    def activations(self, sequence: Sequences) -> tuple[Reals, Reals]:
        """The states of the one sequence, (T + 1, parts, width) as kernels keep them, and the outputs, (T, O)."""
        if len(sequence) != 1:
            raise UsageError(f"activations are those of one sequence, not of {len(sequence)}: take a part")
        everywhere = replace(
            sequence,
            scored=np.ones(sequence.steps, np.bool_),
            targets=np.zeros((sequence.steps, self.constants.outputs)),
        )
        scores = self._run(everywhere, 0.0, TEST, True, keep=True)
        shape = (sequence.steps + 1, self._parts, self.constants.width)
        return self._room.states[: math.prod(shape)].reshape(shape).copy(), scores.outputs

    def _room_for(self, steps: int) -> Scratch:
        """Room for sequences of that many steps."""
        return room_for(self.constants, self._packed, max(steps, 1), self._parts)

    def _run(self, sequences: Sequences, lr: float, learning: int, outputs: bool, keep: bool = False) -> Scores:
        """Runs the kernel; with ``keep`` one that keeps all states."""
        block = block_of(sequences, self.constants)
        results = results_for(sequences, outputs)
        longest = int(np.diff(sequences.starts).max(initial=0))
        if self._room.errors.size < longest * self.constants.width:
            self._room = self._room_for(longest)
        change = self._packed if learning == STEP else self._change
        self._kernel(keep, learning)(
            self.constants, self._packed, change, block, float(lr), learning, self._room, results
        )
        return Scores(*results)

    def _kernel(self, keep: bool, learning: int) -> Any:
        """The rule that this machine learns by; importing it here, numba is loaded when it is needed."""
        from ..kernels.competitors import recurrent
        from ..kernels.truncated import truncated
        from ..kernels.unrolled import unrolled

        if isinstance(self.net, RecurrentNet):
            return partial(recurrent, by_traces=self.net.rule == "rtrl")
        exact = self.reading.gradient == "exact" and learning != TEST
        return unrolled if exact or keep else truncated


def prepare() -> float:
    """Loads the machine code of all rules, or compiles it; returns the seconds that compiling took, 0 if none.

    Raises UsageError where numba is told not to compile.
    """
    require("the 1997 nets")
    start, before = perf_counter(), _compilations()
    step = Sequences(np.array([0, 1]), np.ones(1, np.bool_), np.zeros((1, 1)), 1, symbols=np.zeros(1, np.int32))
    for net, reading in ((Topology(1, 1, 1), TEXT), (Topology(1, 1, 1), Reading(gradient="exact"))):
        Machine(net, np.zeros(net.count), reading).train(step, 1.0)
    Machine(RecurrentNet(1, 1), np.zeros(4)).train(step, 1.0)
    return perf_counter() - start if _compilations() > before else 0.0


def _compilations() -> int:
    """How often this process has compiled a kernel that was not on disk."""
    from ..kernels.competitors import recurrent
    from ..kernels.truncated import truncated
    from ..kernels.unrolled import unrolled

    return sum(sum(kernel.stats.cache_misses.values()) for kernel in (truncated, unrolled, recurrent))
