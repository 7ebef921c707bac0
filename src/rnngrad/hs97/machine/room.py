"""Arrays that the kernels read, work in and write to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UsageError
from ..kernels.arguments import PARTS, Block, Net, Results, Scratch, Weights
from ..sequences import Sequences
from .aligned import zeros


def block_of(sequences: Sequences, net: Net) -> Block:
    """The sequences as kernels take them. Raises UsageError if they do not fit the net or themselves."""
    if (sequences.symbols is None) == (sequences.values is None):
        raise UsageError("sequences need symbols or values, and not both")
    if sequences.inputs != net.inputs or sequences.targets.shape[1:] != (net.outputs,):
        have = f"{sequences.inputs} inputs and targets {sequences.targets.shape}"
        raise UsageError(f"sequences have {have}; this net takes {net.inputs} and (scored steps, {net.outputs})")
    symbols = np.empty(0, np.int32) if sequences.symbols is None else sequences.symbols
    if symbols.size and not 0 <= symbols.min() <= symbols.max() < net.inputs:
        raise UsageError(f"symbols run from {symbols.min()} to {symbols.max()}; this net takes 0 to {net.inputs - 1}")
    values = np.empty((0, net.inputs)) if sequences.values is None else sequences.values
    _check_lengths(sequences, max(len(symbols), len(values)))
    return Block(
        _as_typed(sequences.starts, np.int64),
        _as_typed(symbols, np.int32),
        _as_typed(values, np.float64),
        _as_typed(sequences.scored, np.bool_),
        _as_typed(sequences.targets, np.float64),
    )


def _check_lengths(sequences: Sequences, steps: int) -> None:
    """Kernels do not look where they read."""
    if sequences.starts[0] != 0 or np.any(np.diff(sequences.starts) < 0):
        raise UsageError("starts must begin at 0 and never go back")
    if not steps == len(sequences.scored) == sequences.steps:
        lengths = f"{steps} inputs, {len(sequences.scored)} flags scored, starts up to {sequences.steps}"
        raise UsageError(f"sequences have {lengths}: the three must be the same number of steps")
    if int(sequences.scored.sum()) != len(sequences.targets):
        raise UsageError(
            f"{int(sequences.scored.sum())} steps are scored, but there are {len(sequences.targets)} targets"
        )


def _as_typed(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    """The array as the kernels have been compiled for; numba would compile once more for one that is read-only."""
    return np.require(array, dtype, ["C", "A", "W"])


def room_for(net: Net, weights: Weights, steps: int, parts: int) -> Scratch:
    """Room for ``steps`` steps of a state of ``parts`` times K numbers, and for one more; 1 part: the recurrent net."""
    rows, wide = weights.hidden.shape
    return Scratch(
        out=zeros(3 * net.out_width),
        cells=zeros(PARTS * net.width),
        states=zeros((steps + 1) * parts * net.width),
        errors=zeros(steps * net.width),
        adjoint=zeros(PARTS * net.width),
        traces=zeros(rows, wide if parts == 1 else 2 * net.width),
        flushed=zeros(net.inputs, net.width),
        touched=np.zeros(net.inputs, np.int64),
        fresh=np.ones(net.inputs, np.bool_),
    )


def results_for(sequences: Sequences, outputs: bool) -> Results:
    """Room for what a kernel reports."""
    count = len(sequences)
    shape = sequences.targets.shape if outputs else (0, sequences.targets.shape[1])
    return Results(np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(shape))
