"""Recurrent nets as chains: the same weights at every step, weights drawn anew at every step, and batch normalised."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..cells import CELLS, Cell, Params
from ..flow.adjoint import Step, gradient, norms_back
from ..flow.chain import Trajectory
from ..flow.norms import Norms
from ..flow.recurrent import hidden_of, parts_of
from ..models import Recurrent
from ..models.activations import ACTIVATIONS
from ..models.feed_forward import EPSILON
from .bit import Bits
from .setting import INPUTS, Setting

Weights = Callable[[int], Params]
"""The weights (R, …) of step t = 1 … T."""

STEPS_APART = 10**6
"""Between the streams of two seeds whose weights are redrawn: more than there are steps."""


class Unrolled(NamedTuple):
    """A cell and its weights at each step; ``step`` takes (weights, a_t, s_{t-1}) to s_t, as ``Cell.step`` does."""

    cell: Cell
    weights: Weights
    step: Callable[[Params, Tensor, Tensor], Tensor]
    coupled: bool = False


def tied(model: Recurrent) -> Unrolled:
    """A recurrent net as it is."""
    params = model.to(torch.float64).params()
    return Unrolled(model.cell, lambda t: params, model.cell.step)


def redrawn(setting: Setting, width: int) -> Unrolled:
    """The recurrent net of the setting with all weights drawn anew at each step; on demand, since they may be many."""
    cell = CELLS[setting.cell]

    def weights(t: int) -> Params:
        seeds = [(seed + 1) * STEPS_APART + t for seed in setting.seeds]
        model = Recurrent.seeded(cell, setting.cell_init, INPUTS, width, 1, setting.length, seeds)
        return model.to(setting.device).to(torch.float64).params()

    return Unrolled(cell, weights, cell.step)


def batch_normalised(model: Recurrent, activation: str) -> Unrolled:
    """h_t = φ(N(W_hh h_{t-1} + a_t + b)): each unit by mean and variance of the batch at that step.

    Cooijmans et al. 2017, arXiv:1603.09025, normalise the two shares of the sum each by itself.
    """
    function = ACTIVATIONS[activation]
    assert function is not None  # none of those that are compared learns its slope

    def step(params: Params, a: Tensor, state: Tensor) -> Tensor:
        z = a + model.cell.recur(params, state)
        variance, mean = torch.var_mean(z, dim=-2, correction=0, keepdim=True)
        return function((z - mean) / (variance + EPSILON).sqrt())

    return tied(model)._replace(step=step, coupled=True)


def steps_of(net: Unrolled, x: Tensor) -> Step:
    """(t, s_{t-1}) to s_t on sequences x (R, T, B, I), float64."""

    def step(t: int, state: Tensor) -> Tensor:
        params = net.weights(t)
        return net.step(params, net.cell.project(params, x[:, t - 1 : t])[:, 0], state)

    return step


def trajectory(net: Unrolled, x: Tensor) -> Sequence[Tensor]:
    """s_0 = 0, s_1, …, s_T of sequences x (R, T, B, I)."""
    replicas, length, batch, _ = x.shape
    start = x.new_zeros(replicas, batch, net.cell.state_width(hidden_of(net.weights(1))))
    return Trajectory(steps_of(net, x), start, length)


def time_norms(net: Unrolled, bits: Bits) -> Norms:
    """Norms of the gradient at every step of every replica by lag, whole state: (T, R, B, 1) and (T, R, 1).

    The inputs are float64, as the weights are.
    """
    x = bits.x
    states, last = trajectory(net, x), net.weights(x.shape[1])
    hidden = hidden_of(last)

    def total(state: Tensor) -> Tensor:
        bias, weight = last["readout_bias"].unsqueeze(1), last["readout_weight"].transpose(1, 2)
        return bits.losses(torch.baddbmm(bias, state[..., :hidden], weight)).sum()

    adjoint = gradient(total, states[-1])
    return norms_back(steps_of(net, x), states, adjoint, parts_of([(net.cell, last)]), net.coupled).whole()


def mean_slopes(net: Unrolled, x: Tensor) -> Tensor:
    """φ' of every unit, (R, H), averaged over samples and the second half of the steps of x (R, T, B, I)."""
    states, length = trajectory(net, x), x.shape[1]
    found = []
    for t in range(length // 2 + 1, length + 1):
        params, before = net.weights(t), states[t - 1]
        a = net.cell.project(params, x[:, t - 1 : t])[:, 0]
        found.append(gradient(lambda a, p=params, s=before: net.step(p, a, s).sum(), a).mean(dim=1))  # type: ignore[misc]
    return torch.stack(found).mean(dim=0)
