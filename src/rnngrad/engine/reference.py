"""The reference engine: plain autograd over ``cell.step``. Any cell, dtype and device; the truth for the others."""

import torch
from torch import Tensor

from ..cells import Cell, Params

name = "reference"


def supports(cell: Cell, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether this engine can run the cell: always."""
    return True


def unroll(cell: Cell, params: Params, x: Tensor, keep: int, state: Tensor | None = None) -> Tensor:
    """h at the last ``keep`` steps of the unrolled cell.

    x: (R, T, B, I); state: (R, B, S), zeros if None. Returns (R, keep, B, H), differentiable with respect to the
    weights, x and the initial state.
    """
    replicas, steps, batch, _ = x.shape
    hidden = params["weight_hh"].shape[-1]
    a = cell.project(params, x)
    s = x.new_zeros(replicas, batch, cell.state_width(hidden)) if state is None else state
    kept = []
    for t in range(steps):
        s = cell.step(params, a[:, t], s)
        if t >= steps - keep:
            kept.append(s[..., :hidden])
    return torch.stack(kept, dim=1)
