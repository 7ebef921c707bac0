"""A feed-forward net as a chain whose steps are layers, one replica or many: depth as the index.

State "z": s_l = z_l, l = 1 … L, the pre-activations, whose gradient is what a bias sees (δ in Nielsen 2015, that in s
in Glorot & Bengio 2010); lag 0 is the output. State "h": s_l = h_l, l = 1 … L - 1, with the last layer as the read-out:
as in a recurrent net, lag 0 is the last hidden layer. s_0 is the input in both.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..cells import Params
from ..errors import UsageError, unknown
from ..models import FeedForward
from .adjoint import Step, gradient, norms_back
from .chain import Chain, Part, Trajectory
from .norms import Norms


class Layers(NamedTuple):
    """``step``: (l, s_{l-1}) to s_l, l = 1 … ``length``; ``output``: the last state to the outputs. All (R, B, …)."""

    step: Step
    output: Callable[[Tensor], Tensor]
    length: int


def layers_of(model: FeedForward, params: Params, state: str) -> Layers:
    """The steps of a model in terms of state "z" or "h".

    Raises UsageError for another state, and for "h" where that is no state: of a residual net, which hands z on too,
    and of a net without a hidden layer.
    """
    if state == "z":
        return Layers(lambda layer, z: model.step(params, layer, z), lambda z: z, model.depth)
    if state != "h":
        raise unknown("state", state, ("z", "h"))
    if model.residual or model.depth == 1:
        raise UsageError("state 'h' needs hidden layers without residual connections, which hand z on: use state 'z'")
    return Layers(
        lambda layer, h: model.activate(params, layer, model.affine(params, layer, h)),
        lambda h: model.affine(params, model.depth, h),
        model.depth - 1,
    )


def layer_norms(model: FeedForward, x: Tensor, losses: Callable[[Tensor], Tensor], state: str = "z") -> Norms:
    """Norms of the gradient at every layer of every replica by lag, (L, R, B, 1) and (L, R, 1), in float64.

    x: (R, B, I). losses: the outputs (R, B, O) to each sample's own loss (R, B), without the batch mean's 1/B. The
    layer is L - lag. With batch normalisation the samples are coupled: they share one log scale, and a sample's
    gradient is that of the sum of all samples' losses with respect to its own state.
    """
    model, x = model.to(torch.float64), x.double()
    step, output, length = layers_of(model, model.params(), state)
    states = Trajectory(step, x, length)
    adjoint = gradient(lambda last: losses(output(last)).sum(), states[-1])
    return norms_back(step, states, adjoint, parts_of(model, state), coupled=model.normalisation == "batch")


def parts_of(model: FeedForward, state: str) -> tuple[Part, ...]:
    """One part, as wide as the widest layer."""
    return (Part(0, state, 0, max(model.widths[1:])),)


class FeedForwardChain(Chain):
    """One replica, for the measures of a single chain: Jacobians, exponents, the gradient of a loss."""

    def __init__(self, model: FeedForward, x: Tensor, state: str = "z") -> None:
        """model: float64, of one replica; x: (B, I)."""
        self._layers = layers_of(model, model.params(), state)
        self.parts = parts_of(model, state)
        self.coupled = model.normalisation == "batch"
        self.states = Trajectory(self.step, x, self._layers.length)

    def step(self, t: int, state: Tensor) -> Tensor:
        return self._layers.step(t, state.unsqueeze(0))[0]

    def output(self, state: Tensor) -> Tensor:
        return self._layers.output(state.unsqueeze(0))[0]
