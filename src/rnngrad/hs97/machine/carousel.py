"""How far ∂s(T)/∂s(t) reaches: through the carousel, where it is 1, and through the whole net, in log space."""

from dataclasses import dataclass

import numpy as np

from ..sequences import Reals, Sequences
from .machine import Machine
from .recording import Recording, blocks_of, record, record_hidden
from .topology import Topology, offsets

_LARGE = 1e100


@dataclass(frozen=True)
class StateFlow:
    """∂s(T)/∂s(t) = I + e^scale[t-1] · beyond[t-1], for t = 1 … T, the lag being T - t.

    I is the way through the carousels alone, which truncated learning follows; ``beyond`` is what comes on top through
    cell outputs, gates and other cells, which it leaves out. s(t) moves with gates and inputs of step t held, so that
    the cell outputs of step t move with it. Natural logs.
    """

    scale: Reals
    """(T,) Common log scale of a step's matrix; 0 until entries grow beyond 1e100."""
    beyond: Reals
    """(T, cells, cells) Row: the state at the end; column: the state at t."""

    @property
    def log_beyond(self) -> Reals:
        """(T,) ln of the spectral norm of the truncated part; -inf where it is 0, as at lag 0."""
        return self._log_norm(self.beyond)

    @property
    def log_whole(self) -> Reals:
        """(T,) ln of the spectral norm of ∂s(T)/∂s(t) through the whole net; the carousel's alone is 0."""
        return self._log_norm(self.beyond + np.eye(self.beyond.shape[1]) * np.exp(-self.scale)[:, None, None])

    def _log_norm(self, matrices: Reals) -> Reals:
        with np.errstate(divide="ignore"):
            norms: Reals = self.scale + np.log(np.linalg.norm(matrices, 2, axis=(1, 2)))
        return norms


def state_flow(machine: Machine, sequence: Sequences) -> StateFlow:
    """∂s(T)/∂s(t) over one sequence, exact, with the weights as they are.

    Raises UsageError for more than one sequence and for a net without memory cells.
    """
    net, seen = blocks_of(machine), record(machine, sequence)
    way = _WayBack(net, machine, seen)
    steps, cells = seen.states.shape
    scales, matrices = np.zeros(steps), np.zeros((steps, cells, cells))
    scale, beyond, of_units = 0.0, np.zeros((cells, cells)), np.zeros((cells, len(net.hidden)))
    for t in range(steps - 1, -1, -1):
        beyond, of_units = way.step(t, np.exp(-scale), beyond, of_units)
        scales[t], matrices[t] = scale, beyond
        largest = max(np.abs(beyond).max(), np.abs(of_units).max())
        if largest > _LARGE:
            scale, beyond, of_units = scale + np.log(largest), beyond / largest, of_units / largest
    return StateFlow(scales, matrices)


class _WayBack:
    """Adjoints of the states at the end, one step back at a time; derivatives of all steps at once beforehand."""

    def __init__(self, net: Topology, machine: Machine, seen: Recording) -> None:
        self.net = net
        self.recurrent = _recurrent_weights(net, machine.weights)
        constants = machine.constants
        self.h_slope = np.ones_like(seen.states)
        if net.h is not None:
            y = (seen.squashed_states - constants.h_low) / constants.h_scale
            self.h_slope = constants.h_scale * y * (1 - y)
        g = (seen.squashed_inputs - constants.g_low) / constants.g_scale
        self.g_slope = constants.g_scale * g * (1 - g)
        self.seen = seen
        self.y_in = self._per_cell(seen.input_gates, net.input_gates)
        self.y_out = self._per_cell(seen.output_gates, net.output_gates)

    def _per_cell(self, gates: Reals, present: bool) -> Reals:
        return np.repeat(gates, self.net.size, axis=1) if present else np.ones_like(self.seen.states)

    def _per_block(self, of_cells: Reals, gates: Reals, of_gates: Reals) -> Reals:
        """Adjoints of the gates' nets, from those of the gates and what the block's cells send them."""
        together = of_cells.reshape(len(of_cells), -1, self.net.size).sum(axis=2)
        total: Reals = (of_gates + together) * gates * (1 - gates)
        return total

    def step(self, t: int, one: float, beyond: Reals, of_units: Reals) -> tuple[Reals, Reals]:
        """Adjoints of s at index t, less I, and of all units one step before; both in a scale where 1 is ``one``."""
        net, seen = self.net, self.seen
        ins = net.blocks if net.input_gates else 0
        outs = ins + (net.blocks if net.output_gates else 0)
        of_in, of_out, of_y = of_units[:, :ins], of_units[:, ins:outs], of_units[:, outs:]
        beyond = beyond + of_y * (self.y_out[t] * self.h_slope[t])
        of_s = beyond + one * np.eye(net.cells)
        nets = [of_s * (self.y_in[t] * self.g_slope[t])]
        if net.output_gates:
            nets.insert(0, self._per_block(of_y * seen.squashed_states[t], seen.output_gates[t], of_out))
        if net.input_gates:
            nets.insert(0, self._per_block(of_s * seen.squashed_inputs[t], seen.input_gates[t], of_in))
        return beyond, np.concatenate(nets, axis=1) @ self.recurrent


def _recurrent_weights(net: Topology, weights: Reals) -> Reals:
    """(hidden, hidden) To each hidden unit (row) from each (column)."""
    count = len(net.hidden)
    if not net.recurrent:
        return np.zeros((count, count))
    begins = [at + net.inputs for at in offsets(net.units)[:count]]
    return np.array([weights[at : at + count] for at in begins])


@dataclass(frozen=True)
class HiddenFlow:
    """∂h(T)/∂h(t) of the recurrent net of 2a, for t = 1 … T; natural logs."""

    log_flow: Reals
    """(T,) ln |∂h(T)/∂h(t)|, which is the product of u f'(net) over the steps after t"""
    log_bound: Reals
    """(T,) (T - t) ln(|u| / 4), its bound, f' being at most 1/4"""


def hidden_flow(machine: Machine, sequence: Sequences) -> HiddenFlow:
    """How ∂h(T)/∂h(t) decays in the recurrent net, measured, and Hochreiter's bound.

    Reference: Hochreiter 1991; Hochreiter & Schmidhuber 1997, section 3.1.
    Raises UsageError for more than one sequence and for another net.
    """
    h = record_hidden(machine, sequence)
    u = abs(float(machine.weights[machine.net.inputs]))
    with np.errstate(divide="ignore"):
        steps = np.log(u) + np.log(h) + np.log1p(-h)
        rate = float(np.log(u / 4))
    later = np.concatenate([np.cumsum(steps[:0:-1])[::-1], [0.0]])
    lags = np.arange(len(h) - 1, -1, -1)
    return HiddenFlow(later, np.where(lags > 0, lags * rate, 0.0))
