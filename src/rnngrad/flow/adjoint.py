"""The adjoint of every state of a chain, δ_t = ∂L/∂s_t, measured in log space."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ..cells import Cell, Params
from ..engine import Engine, Tap
from ..models import Recurrent
from .chain import Chain, Part, Trajectory
from .norms import Norms, joined
from .profile import Profile
from .recurrent import hidden_of, parts_of
from .scaled import Scaled

BLOCK = 128
"""Lags whose norms are taken at once: few enough to keep their adjoints, many enough to pay for the calls."""

Step = Callable[[int, Tensor], Tensor]
SampleLosses = Callable[[Tensor], Tensor]


def measure_flow(model: Recurrent, x: Tensor, last_step_loss: SampleLosses, engine: Engine) -> Profile:
    """How the gradient of the last step's loss shrinks or grows on its way back to the first step.

    x: (R, T, B, I). last_step_loss maps the read-out of the last step, (R, B, O), to each sample's own loss (R, B);
    there is no 1/B in it. Works on a float64 copy and disturbs neither the model nor any random state. Takes the norms
    from the engine's own backward pass where that has them in log space, else steps back through the exact Jacobians.
    """
    model, x = model.to(torch.float64), x.double()
    params = model.params()

    def total(h: Tensor) -> Tensor:
        return last_step_loss(model.read_out(params, h.unsqueeze(1))[:, 0]).sum()

    if hears(engine, model.cell, x):
        start = x.new_zeros(len(x), x.shape[2], model.cell.state_width(hidden_of(params)))
        return Profile.heard(model.cell, heard(engine, model.cell, params, x, start, total))
    with torch.no_grad():
        a = model.cell.project(params, x)
    states = unroll_states(model.cell, params, a)
    hidden = hidden_of(params)
    adjoint = gradient(lambda state: total(state[..., :hidden]), states[-1])
    return backward_norms(model.cell, params, a, states, adjoint)


def hears(engine: Engine, cell: Cell, x: Tensor) -> bool:
    """Whether the engine's own backward pass has the norms in log space."""
    return engine.log_safe and engine.supports(cell, x.dtype, x.device)


def heard(
    engine: Engine,
    cell: Cell,
    params: Params,
    x: Tensor,
    start: Tensor,
    total: Callable[[Tensor], Tensor],
    whole: bool = False,
) -> Tap:
    """A tap that has heard the engine's own backward pass. x: (R, T, B, I), start: s_0 (R, B, S).

    total maps the last h, (R, B, H), to the sum of the samples' own losses; whole: see :class:`~rnngrad.engine.Tap`.
    """
    tap = Tap(mean=True, whole=whole)
    gradient(lambda state: total(engine.unroll(cell, params, x, 1, state, tap)[:, 0]), start)
    return tap


def gradient(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """∂function/∂at; zero where the function does not look at it."""
    at = at.detach().requires_grad_()
    with torch.enable_grad():
        value = function(at)
    return torch.autograd.grad(value, at, allow_unused=True, materialize_grads=True)[0]


def unroll_states(cell: Cell, params: Params, a: Tensor) -> Sequence[Tensor]:
    """s_0 = 0, s_1, …, s_T, each (R, B, S), from the projected inputs a (R, T, B, G·H)."""
    start = a.new_zeros(a.shape[0], a.shape[2], cell.state_width(hidden_of(params)))
    return Trajectory(lambda t, state: cell.step(params, a[:, t - 1], state), start, a.shape[1])


def backward_norms(cell: Cell, params: Params, a: Tensor, states: Sequence[Tensor], adjoint: Tensor) -> Profile:
    """The profile of δ_T … δ_1, given δ_T = ``adjoint`` (R, B, S), for replicas of a cell."""
    parts = parts_of([(cell, params)])
    norms = norms_back(lambda t, state: cell.step(params, a[:, t - 1], state), states, adjoint, parts)
    return Profile.of(cell, norms).cpu()


def chain_norms(chain: Chain, adjoint: Tensor) -> Norms:
    """Norms of δ_L … δ_1 of a chain, given δ_L = ``adjoint`` (B, S)."""
    return norms_back(chain.step, chain.states, adjoint, chain.parts, chain.coupled)


def norms_back(
    step: Step, states: Sequence[Tensor], adjoint: Tensor, parts: Sequence[Part], coupled: bool = False
) -> Norms:
    """Norms of δ_L … δ_1 by lag, given δ_L = ``adjoint`` (…, B, S), through the exact step Jacobians.

    The adjoint of every sample is rescaled to unit norm at every step and its log scale carried, so that no lag is
    too long: the backward map is linear in it. Layers have scales of their own: the adjoint of an upper layer does not
    hear that of a lower one, and may come to be smaller than it by more than the range of a float. Coupled samples
    share one scale.
    """
    layers = _by_layer(parts)
    blocks = [slice(own[0].begin, own[-1].end) for own in layers]
    zero = adjoint.new_zeros(adjoint.shape[:-1])
    pieces = [Scaled.normal(adjoint[..., block], zero, coupled) for block in blocks]
    found, length = [], len(states) - 1
    for first in range(0, length, BLOCK):
        held: list[list[Scaled]] = []
        for lag in range(first, min(first + BLOCK, length)):
            held.append(pieces)
            t = length - lag
            if t > 1:  # nobody asks for the gradient at s_0, the input of a feed-forward net
                pieces = _step_back(partial(step, t), states[t - 1], pieces, blocks, coupled)
        by_layer = [Norms.taken(own, _from_zero(layers[k])) for k, own in enumerate(zip(*held, strict=True))]
        found.append(joined(by_layer, dim=-1))
    return joined(found, dim=0)


def _step_back(
    step: Callable[[Tensor], Tensor], state: Tensor, pieces: list[Scaled], blocks: list[slice], coupled: bool
) -> list[Scaled]:
    """δ_{t-1} = J_tᵀ δ_t, the exact product by autograd through one step, each block of δ_t by itself."""
    state = state.detach().requires_grad_()
    with torch.enable_grad():
        after = step(state)
    terms: list[list[Scaled]] = [[] for _ in blocks]
    for piece, block in zip(pieces, blocks, strict=True):
        adjoint = torch.zeros_like(after)
        adjoint[..., block] = piece.vectors
        before = torch.autograd.grad(after, state, adjoint, retain_graph=len(blocks) > 1, materialize_grads=True)[0]
        for own, of in zip(terms, blocks, strict=True):
            own.append(Scaled(before[..., of], piece.logs))
    return [Scaled.total(own, coupled) for own in terms]


def _by_layer(parts: Sequence[Part]) -> list[list[Part]]:
    return [[part for part in parts if part.layer == layer] for layer in sorted({part.layer for part in parts})]


def _from_zero(parts: Sequence[Part]) -> list[Part]:
    """The parts of a layer, with columns counted from the layer's first."""
    first = parts[0].begin
    return [replace(part, begin=part.begin - first, end=part.end - first) for part in parts]
