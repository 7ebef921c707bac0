"""What happens inside a net over one sequence: gates, cell states and outputs, as in the paper's figures 9 and 10."""

from dataclasses import dataclass

import numpy as np

from ...errors import UsageError
from ..kernels.arguments import CELL, IN, OUT, H, S, Y
from ..sequences import Reals, Sequences
from .machine import Machine
from .topology import Topology


@dataclass(frozen=True)
class Recording:
    """Activations of memory blocks over T steps; row t - 1 is that of step t. A gate that is absent has no columns."""

    input_gates: Reals
    """(T, blocks)"""
    output_gates: Reals
    """(T, blocks)"""
    squashed_inputs: Reals
    """(T, cells) g(net_c), what the input gate lets in"""
    states: Reals
    """(T, cells) s_c"""
    squashed_states: Reals
    """(T, cells) h(s_c)"""
    cell_outputs: Reals
    """(T, cells) y_c"""
    outputs: Reals
    """(T, O)"""


def blocks_of(machine: Machine) -> Topology:
    """The machine's memory blocks. Raises UsageError if it has none."""
    if not isinstance(machine.net, Topology) or machine.net.cells == 0:
        raise UsageError("this net has no memory cells: give a Topology with at least one block")
    return machine.net


def record(machine: Machine, sequence: Sequences) -> Recording:
    """The activations over one sequence, scored or not at each step, with the weights as they are.

    Raises UsageError for more than one sequence and for a net without memory cells.
    """
    net = blocks_of(machine)
    kept, outputs = machine.activations(sequence)
    cells = kept[1:, :, : net.cells]
    gates = cells[:, :, :: net.size]
    g = machine.constants
    return Recording(
        input_gates=gates[:, IN, : net.blocks if net.input_gates else 0],
        output_gates=gates[:, OUT, : net.blocks if net.output_gates else 0],
        squashed_inputs=cells[:, CELL] * g.g_scale + g.g_low,
        states=cells[:, S],
        squashed_states=cells[:, H],
        cell_outputs=cells[:, Y],
        outputs=outputs,
    )


def record_hidden(machine: Machine, sequence: Sequences) -> Reals:
    """(T,) The activation of the recurrent net's hidden unit. Raises UsageError for any other net."""
    if isinstance(machine.net, Topology):
        raise UsageError("only the recurrent net of experiment 2a has one hidden unit: give a RecurrentNet")
    kept, _ = machine.activations(sequence)
    return np.ascontiguousarray(kept[1:, 0, 0])
