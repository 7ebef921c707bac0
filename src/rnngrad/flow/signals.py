"""The way forward through a feed-forward net: how much signal each layer hands on, and how many units saturate."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..cells import Params
from ..models import FeedForward
from .adjoint import gradient

SATURATED = 0.05
"""A unit is saturated for a sample where its slope is under this share of the steepest that φ has anywhere."""

STEEPEST = {"sigmoid": 0.25}
"""The largest |φ'| where it is not 1."""


class Signals(NamedTuple):
    """Per replica and hidden layer, (R, L-1): ``pre``, the variance of z_l over units and samples; ``post``, that of
    h_l; ``saturated``, the share of units and samples at which |φ'| is under 5 % of its largest value: squashed flat
    where φ is sigmoid or tanh, switched off where it is a ReLU (a LeakyReLU's 1 % counts as off)."""

    pre: Tensor
    post: Tensor
    saturated: Tensor


def signals(model: FeedForward, x: Tensor) -> Signals:
    """Of a batch x (R, B, I), of the model's dtype."""
    params, found = model.params(), []
    with torch.no_grad():
        states = model.pre_activations(params, x)[:-1]
    for layer, z in enumerate(states, start=1):
        h, share = model.activate(params, layer, z), slopes(model, params, layer, z).abs()
        flat = share < SATURATED * STEEPEST.get(model.activation, 1.0)
        found.append((_variance(z), _variance(h), flat.to(z.dtype).mean(dim=(1, 2))))
    return Signals(*(torch.stack(kind, dim=1) for kind in zip(*found, strict=True)))


def slopes(model: FeedForward, params: Params, layer: int, z: Tensor) -> Tensor:
    """φ'(N(z_l)), (R, B, n_l), of a hidden layer."""
    u = model.normalise(params, layer, z)
    return gradient(lambda u: model.squash(params, layer, u).sum(), u)


def _variance(values: Tensor) -> Tensor:
    return values.flatten(1).var(dim=1, correction=0)
