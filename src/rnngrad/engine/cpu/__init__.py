"""The fused engine for the CPU: numba kernels that run a whole sequence per call.

A (replica, tile of the batch) is the unit of work: one thread runs all its steps with the weights in its cache. From
the outside in: unrolling.py is the node of autograd, workers.py spreads the tiles over threads, kernels.py runs a tile,
rnn.py, lstm.py and gru.py hold a step of each cell, scale.py keeps adjoints in range, tile.py and product.py multiply,
functions.py has tanh and sigmoid, simd.py the vectors. compiled.py caches the machine code on disk.
Importing this package does not import numba; the first :func:`unroll` does, and compiles (about 15 s for all cells of
one dtype) or loads from disk (under a second); :func:`prepare` does so at once and says how long it took.
"""

from time import perf_counter

import torch
from torch import Tensor

from ...cells import Cell, Params
from ...cells.rnn import RNN
from ...compiler import switched_on
from ..tap import Tap
from .arguments import CELLS, DTYPES, checked
from .workers import take_threads, threads

name = "cpu"
log_safe = True  # every adjoint carries a power of two

__all__ = ["LIMIT", "kept_bytes", "log_safe", "name", "prepare", "supports", "take_threads", "threads", "unroll"]


def supports(cell: Cell, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether this engine can run the cell: one of CELLS, in float32 or float64 on the CPU, numba being switched on."""
    return switched_on() and cell.name in CELLS and dtype in DTYPES and device.type == "cpu"


LIMIT = 384 * 2**20
"""Bytes that one unrolling keeps for the way back before it is cut into segments."""


def unroll(
    cell: Cell,
    params: Params,
    x: Tensor,
    keep: int,
    state: Tensor | None = None,
    tap: Tap | None = None,
    limit: int = LIMIT,
) -> Tensor:
    """h at the last ``keep`` steps of the unrolled cell, as :func:`rnngrad.engine.reference.unroll` has it.

    x: (R, T, B, I); state: (R, B, S), zeros if None. Returns (R, keep, B, H), differentiable once with respect to the
    weights, x and the initial state. A tap is filled by the backward pass; its norms neither under- nor overflow.
    Steps that would keep more than ``limit`` bytes are cut into segments, each of which is run again on the way back:
    a third more work, the same gradients to rounding.
    Raises UsageError, naming the argument, if one has the wrong type or shape.
    """
    tensors = checked(cell, params, x, keep, state)
    from .unrolling import Unrolling

    out: Tensor = Unrolling.apply(cell.name, keep, tap, limit, *tensors)  # type: ignore[no-untyped-call]
    return out


def prepare() -> float:
    """Loads the machine code for both dtypes, or compiles it; returns the seconds that compiling took, 0 if none."""
    start, before = perf_counter(), _compilations()
    for dtype in DTYPES:
        params = {name: torch.ones(1, *shape, dtype=dtype) for name, shape in RNN().shapes(1, 1).items()}
        params["weight_hh"].requires_grad_()
        unroll(RNN(), params, torch.ones(1, 1, 1, 1, dtype=dtype), 1).sum().backward()  # type: ignore[no-untyped-call]
    return perf_counter() - start if _compilations() > before else 0.0


def _compilations() -> int:
    """How often this process has compiled a kernel that was not on disk."""
    from .kernels import backward, forward

    return sum(sum(kernel.stats.cache_misses.values()) for kernel in (forward, backward))


def kept_bytes(cell: Cell, replicas: int, steps: int, batch: int, inputs: int, hidden: int, grad: bool = True) -> int:
    """Bytes that one float32 unrolling takes beside its inputs: the kept steps and, with them, the gradients.

    Steps beyond LIMIT are cut into segments, so it grows with the length only by the states between them.
    """
    from .unrolling import Plan

    x = torch.empty(1, 1, batch, inputs, device="meta")
    state = torch.empty(1, batch, cell.state_width(hidden), device="meta")
    plan = Plan(cell.name, x, state, hidden, None)
    step = replicas * plan.step_bytes
    if not grad:
        return 2 * step
    length = min(steps, max(1, LIMIT // step))
    between = -(-steps // length) * replicas * state.numel() * 4
    gradients = 3 * 4 * replicas * plan.tiles * (inputs + 1 + hidden) * 4 * plan.width
    return step * (length + 1) + between + gradients
