"""What kernels are given, in tuples that numba knows by their fields' names.

K is the number of cells, rounded up to whole vectors. A row of hidden weights holds, for one source, the weights to
the input gates, output gates and cells, K each; rows are the inputs, then the recurrent sources, then the bias. A row
of output weights holds the weights to all outputs, rounded up; rows are the inputs (if ``direct``), the cells, the
bias. A state is 6 K numbers: s, y_in, y_out, the logistic of net_c, h(s), y_c, at the places below.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LANES = 8  # of float64, the widest register; narrower ones take several
S, IN, OUT, CELL, H, Y, PARTS = range(7)
TEST, STEP, SEQUENCE, SUM = range(4)
"""What a kernel does with errors: nothing; learn at each step; at the end of each sequence; only sum gradients up."""


class Net(NamedTuple):
    """What stays the same while a net learns. Flags are numbers so that one compilation serves all nets."""

    inputs: int
    outputs: int
    cells: int
    size: int  # cells of a block
    width: int  # K
    out_width: int
    input_gates: bool
    output_gates: bool
    direct: bool  # outputs see the inputs
    output_bias: bool
    logistic: bool  # outputs are
    derivative: bool  # of the logistic, in the output error
    linear_h: bool  # h is the identity
    g_scale: float  # g(x) = g_scale σ(x) + g_low
    g_low: float
    h_scale: float
    h_low: float
    factor: float  # dE/dy = -factor (target - y)
    sources: Ints  # (M,): where in a state the recurrent sources lie
    biased: Floats  # (3 K,): 1 where the unit has a bias
    single: Floats  # (3 K,): 1 in one lane of each unit
    answered: Floats  # (out_width,): 1 where there is an output


class Weights(NamedTuple):
    """Weights, or what is to be added to them."""

    hidden: Floats  # (inputs + M + 1, 3 K)
    out: Floats  # (inputs if direct + cells + 1, out_width)


class Block(NamedTuple):
    """Sequences laid end to end."""

    starts: Ints
    symbols: NDArray[np.int32]  # empty: inputs are real
    values: Floats
    scored: NDArray[np.bool_]
    targets: Floats


class Results(NamedTuple):
    """What is reported per sequence, and the outputs at all scored steps, or none if that array is empty."""

    squared: Floats
    worst: Floats
    last: Floats
    outputs: Floats


class Scratch(NamedTuple):
    """Room to work in; zero between sequences where the kernels say so."""

    out: Floats  # (3 out_width,): targets, which become errors; outputs; deltas
    cells: Floats  # (6 K,): vectors over the cells
    states: Floats  # (rows 6 K,): two rows for forward traces, one more than steps for the way back
    errors: Floats  # (rows K,): -∂E/∂y_c times the learning rate; one row for forward traces, else one per step
    adjoint: Floats  # (6 K,): of a state, on the way back
    traces: Floats  # (rows of hidden weights, 2 K): ∂s/∂w of cells and of input gates
    flushed: Floats  # (inputs, K): the sum of cell errors that a symbol's weights have had
    touched: Ints  # (inputs,): the symbols of this sequence
    fresh: NDArray[np.bool_]  # (inputs,): the symbol has not occurred yet
