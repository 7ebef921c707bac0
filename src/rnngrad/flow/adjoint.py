"""The adjoint of every state of a chain, δ_t = ∂L/∂s_t, measured in log space."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..cells import Cell, Params
from ..engine import Engine, Tap
from ..models import Recurrent
from .profile import Profile

BLOCK = 128
"""Lags whose norms are taken at once: few enough to keep their adjoints, many enough to pay for the calls."""


def measure_flow(model: Recurrent, x: Tensor, last_step_loss: Callable[[Tensor], Tensor], engine: Engine) -> Profile:
    """How the gradient of the last step's loss shrinks or grows on its way back to the first step.

    x: (R, T, B, I). last_step_loss maps the read-out of the last step, (R, B, O), to each sample's own loss (R, B);
    there is no 1/B in it. Works on a float64 copy and disturbs neither the model nor any random state. Takes the norms
    from the engine's own backward pass where that has them in log space, else steps back through the exact Jacobians.
    """
    model, x = model.to(torch.float64), x.double()
    if engine.log_safe and engine.supports(model.cell, torch.float64, x.device):
        return _tapped(model, x, last_step_loss, engine)
    cell, params = model.cell, model.params()
    with torch.no_grad():
        a = cell.project(params, x)
        states = unroll_states(cell, params, a)
    adjoint = _last_adjoint(model, params, states[-1], last_step_loss)
    return backward_norms(cell, params, a, states, adjoint)


def _tapped(model: Recurrent, x: Tensor, last_step_loss: Callable[[Tensor], Tensor], engine: Engine) -> Profile:
    """The flow as the engine's backward pass meets it."""
    tap = Tap(mean=True)
    theta = model.theta.detach().requires_grad_()
    h = engine.unroll(model.cell, model.params(theta), x, 1, tap=tap)
    torch.autograd.grad(last_step_loss(model.read_out(model.params(theta), h)[:, 0]).sum(), theta)
    return Profile.heard(model.cell, tap)


def unroll_states(cell: Cell, params: Params, a: Tensor) -> list[Tensor]:
    """s_0 = 0, s_1, …, s_T, each (R, B, S), from the projected inputs a (R, T, B, G·H)."""
    hidden = params["weight_hh"].shape[-1]
    states = [a.new_zeros(a.shape[0], a.shape[2], cell.state_width(hidden))]
    for t in range(a.shape[1]):
        states.append(cell.step(params, a[:, t], states[-1]))
    return states


def backward_norms(cell: Cell, params: Params, a: Tensor, states: list[Tensor], adjoint: Tensor) -> Profile:
    """Norms of δ_T … δ_1 by lag, given δ_T = ``adjoint`` (R, B, S), through the exact step Jacobians.

    The adjoint of every sample is rescaled to unit norm at every step and its log scale carried, so that no lag is
    too long: the backward map is linear in it.
    """
    steps = a.shape[1]
    profile = Profile.empty(cell, a.shape[0], steps, a.device)
    log_scale = adjoint.new_zeros(adjoint.shape[:-1])
    for first in range(0, steps, BLOCK):
        adjoints, log_scales = [], []
        for lag in range(first, min(first + BLOCK, steps)):
            adjoint, log_scale = _rescale(adjoint, log_scale)
            adjoints.append(adjoint)
            log_scales.append(log_scale)
            t = steps - lag
            adjoint = _step_back(cell, params, a[:, t - 1], states[t - 1], adjoint)
        profile.record(first, torch.stack(adjoints, dim=1), torch.stack(log_scales, dim=1))
    return profile.cpu()


def _step_back(cell: Cell, params: Params, a: Tensor, state: Tensor, adjoint: Tensor) -> Tensor:
    """δ_{t-1} = J_tᵀ δ_t, the exact product by autograd through one step."""
    state = state.detach().requires_grad_()
    with torch.enable_grad():
        after = cell.step(params, a, state)
    return torch.autograd.grad(after, state, adjoint)[0]


def _last_adjoint(
    model: Recurrent, params: Params, state: Tensor, last_step_loss: Callable[[Tensor], Tensor]
) -> Tensor:
    """∂L/∂s_T of every sample: nonzero in h alone, because the read-out sees h."""
    state = state.detach().requires_grad_()
    hidden = params["weight_hh"].shape[-1]
    with torch.enable_grad():
        output = model.read_out(params, state[:, None, :, :hidden])[:, 0]
        total = last_step_loss(output).sum()
    return torch.autograd.grad(total, state)[0]


def _rescale(adjoint: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
    """The same adjoint as a unit vector and a log scale; an exact zero stays a zero vector with log scale -inf."""
    norm = torch.linalg.vector_norm(adjoint, dim=-1)
    safe = torch.where(norm == 0, 1.0, norm)
    return adjoint / safe.unsqueeze(-1), log_scale + norm.log()
