"""The fused engine for the CPU: numba kernels that run a whole sequence per call.

A (replica, tile of the batch) is the unit of work: one thread runs all its steps with the weights in its cache. See
unrolling.py for the node of autograd, tile.py and product.py for the arithmetic, one file per cell for the rest.
Importing this package does not import numba; the first :func:`unroll` does, and compiles or loads from disk.
"""

import torch
from torch import Tensor

from ...cells import Cell, Params
from ..tap import Tap
from .arguments import CELLS, DTYPES, checked
from .workers import take_threads, threads

name = "cpu"
log_safe = True  # every adjoint carries a power of two

__all__ = ["log_safe", "name", "supports", "take_threads", "threads", "unroll"]


def supports(cell: Cell, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether this engine can run the cell: one of CELLS, in float32 or float64 on the CPU."""
    return cell.name in CELLS and dtype in DTYPES and device.type == "cpu"


def unroll(
    cell: Cell, params: Params, x: Tensor, keep: int, state: Tensor | None = None, tap: Tap | None = None
) -> Tensor:
    """h at the last ``keep`` steps of the unrolled cell, as :func:`rnngrad.engine.reference.unroll` has it.

    x: (R, T, B, I); state: (R, B, S), zeros if None. Returns (R, keep, B, H), differentiable once with respect to the
    weights, x and the initial state. A tap is filled by the backward pass; its norms neither under- nor overflow.
    Raises UsageError, naming the argument, if one has the wrong type or shape.
    """
    tensors = checked(cell, params, x, keep, state)
    from .unrolling import Unrolling

    out: Tensor = Unrolling.apply(cell.name, keep, tap, *tensors)  # type: ignore[no-untyped-call]
    return out
