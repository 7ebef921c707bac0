"""What goes on inside the net of a trial over one fresh sequence: gates, cell states, and how far gradients reach."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .machine import Machine, RecurrentNet, hidden_flow, record, state_flow
from .sequences import Sequences
from .trial import Trial, stream

Lists = dict[str, list[Any]]
DIGITS = 5


def inside(trial: Trial) -> Lists:
    """Lists that JSON holds, a row a step; the sequence is the same for the same seed.

    Memory blocks: ``inputs`` (values, or symbols), ``input_gates``, ``output_gates``, ``states``, and the natural logs
    ``log_whole`` and ``log_beyond`` of ∂s(T)/∂s(t), through the whole net and through what truncated learning leaves
    out. The recurrent net of 2a: ``inputs``, and ``log_flow`` of ∂h(T)/∂h(t) with its bound, ``log_bound``. The log of
    a 0 is null. Empty for a net that has no cell yet.
    """
    machine, sequence = trial.machine, trial.problem.draw_test(1, stream(trial.seed, "final"))
    if isinstance(machine.net, RecurrentNet):
        flow = hidden_flow(machine, sequence)
        return listed(inputs=_shown(sequence), log_flow=flow.log_flow, log_bound=flow.log_bound)
    return _blocks(machine, sequence) if machine.net.cells else {}


def _blocks(machine: Machine, sequence: Sequences) -> Lists:
    seen, flow = record(machine, sequence), state_flow(machine, sequence)
    return listed(
        inputs=_shown(sequence),
        input_gates=seen.input_gates,
        output_gates=seen.output_gates,
        states=seen.states,
        log_whole=flow.log_whole,
        log_beyond=flow.log_beyond,
    )


def _shown(sequence: Sequences) -> NDArray[Any]:
    shown = sequence.values if sequence.symbols is None else sequence.symbols
    assert shown is not None
    return shown


def listed(**arrays: NDArray[Any]) -> Lists:
    """Arrays as JSON holds them."""
    return {name: _rounded(array.tolist()) for name, array in arrays.items()}


def _rounded(value: Any) -> Any:
    """To a few significant digits, which a figure shows no more of; what is not finite is null."""
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
