"""The reference engine: plain autograd over ``cell.step``. Any cell, dtype and device; the truth for the others."""

from functools import partial

import torch
from torch import Tensor

from ..cells import Cell, Params
from .tap import Tap, with_whole

name = "reference"
log_safe = False  # a tap hears what autograd computes, and that underflows


def supports(cell: Cell, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether this engine can run the cell: always."""
    return True


def unroll(
    cell: Cell, params: Params, x: Tensor, keep: int, state: Tensor | None = None, tap: Tap | None = None
) -> Tensor:
    """h at the last ``keep`` steps of the unrolled cell.

    x: (R, T, B, I); state: (R, B, S), zeros if None. Returns (R, keep, B, H), differentiable with respect to the
    weights, x and the initial state. A tap is filled by the backward pass.
    """
    replicas, steps, batch, _ = x.shape
    hidden = params["weight_hh"].shape[-1]
    a = cell.project(params, x)
    s = x.new_zeros(replicas, batch, cell.state_width(hidden)) if state is None else state
    kept, states = [], [s]
    for t in range(steps):
        s = cell.step(params, a[:, t], s)
        states.append(s)
        if t >= steps - keep:
            kept.append(s[..., :hidden])
    if tap is not None and s.requires_grad:
        _listen(tap, states, hidden)
    return torch.stack(kept, dim=1)


def kept_bytes(cell: Cell, replicas: int, steps: int, batch: int, inputs: int, hidden: int, grad: bool = True) -> int:
    """Bytes that one float32 unrolling takes beside its inputs; an upper estimate.

    With gradients autograd's graph keeps every intermediate of every step: about four times the pre-activations and
    five times the state. Without, the projected inputs and the states are there at once.
    """
    gates, state = cell.gates * hidden, cell.state_width(hidden)
    return 4 * replicas * steps * batch * (4 * gates + 5 * state if grad else gates + state)


def _listen(tap: Tap, states: list[Tensor], hidden: int) -> None:
    """Fill the tap when the gradient of s_1, the last to be known, is there. Norms may underflow here."""
    start, *after = states
    shape = (start.shape[0], len(after), *start.shape[1:])
    adjoints = start.new_zeros(shape).view(*shape[:3], -1, hidden)  # (R, T, B, P, H)

    def heard(t: int, adjoint: Tensor) -> None:
        adjoints[:, t] = adjoint.reshape(adjoints[:, t].shape)
        if t == 0:
            squares = adjoints.double().square().sum(dim=-1).transpose(2, 3)
            log_rms = 0.5 * with_whole(squares.mean(dim=3)).log()
            zeros = torch.zeros(shape[:3], dtype=torch.int64)
            before = torch.stack(states[:-1], dim=1).detach() if tap.whole else start.new_empty(0)
            sums = adjoints.sum(dim=2).unsqueeze(1)
            tap.fill(squares, zeros, log_rms, sums, zeros[:, None, :, 0], before, adjoints.flatten(3))

    for t, state in enumerate(after):
        state.register_hook(partial(heard, t))  # type: ignore[no-untyped-call]
