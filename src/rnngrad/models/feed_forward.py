"""Replicas of a feed-forward net: a chain whose steps are layers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..cells import Params
from ..errors import UsageError, unknown
from ..streams import generator
from .activations import ACTIVATIONS, PRELU_START, check, leaky
from .layer_inits import find
from .replicas import Replicas, stacked

NORMALISATIONS = ("none", "batch")
EPSILON = 1e-5
"""Added to a batch's variance, as ``nn.BatchNorm1d`` does."""


@dataclass(frozen=True, kw_only=True)
class FeedForward(Replicas):
    """R replicas of z_l = W_l h_{l-1} + b_l, h_l = φ(N(z_l)), l = 1 … L, from h_0 = x to the outputs z_L.

    ``widths``: of the input, the L - 1 hidden layers and the output. ``activation``: φ, a name of ACTIVATIONS.
    ``normalisation``: N, "none" or "batch": by mean and variance of the batch itself, unit by unit, then a trained gain
    and shift (Ioffe & Szegedy 2015, arXiv:1502.03167). ``residual``: z_l = z_{l-1} + W_l h_{l-1} + b_l from each hidden
    layer to the next where their widths agree (He et al. 2016, Identity mappings, arXiv:1603.05027).

    Weights are weight_l (n_l, n_{l-1}) and bias_l; of hidden layers gain_l and shift_l with batch normalisation, and
    slope_l (1,) with PReLU. An output unit is linear: what squashes it belongs to the loss.
    """

    widths: tuple[int, ...]
    activation: str = "tanh"
    normalisation: str = "none"
    residual: bool = False

    @classmethod
    def seeded(
        cls,
        widths: Sequence[int],
        activation: str,
        init: str,
        seeds: Sequence[int],
        normalisation: str = "none",
        residual: bool = False,
    ) -> "FeedForward":
        """One replica per seed, each from its own stream, float32 on the CPU; the layers are drawn from the input on.

        Raises UsageError for names that no registry has, and unless there are two widths or more, all positive.
        """
        check(activation)
        _check_widths(widths)
        if normalisation not in NORMALISATIONS:
            raise unknown("normalisation", normalisation, NORMALISATIONS)
        shapes, theta = stacked([_drawn(widths, activation, init, seed, normalisation) for seed in seeds])
        return cls(
            shapes=shapes,
            theta=theta,
            widths=tuple(widths),
            activation=activation,
            normalisation=normalisation,
            residual=residual,
        )

    @property
    def depth(self) -> int:
        """L, the number of layers with weights: one more than there are hidden layers."""
        return len(self.widths) - 1

    def affine(self, params: Params, layer: int, below: Tensor) -> Tensor:
        """W_l below + b_l: below (R, B, n_{l-1}) to (R, B, n_l).

        One product per replica: in a batched one a replica's last bits depend on how many others there are.
        """
        triples = zip(below, params[f"weight_{layer}"], params[f"bias_{layer}"], strict=True)
        return torch.stack([torch.addmm(bias, own, weight.T) for own, weight, bias in triples])

    def activate(self, params: Params, layer: int, z: Tensor) -> Tensor:
        """h_l = φ(N(z_l)), (R, B, n_l), of a hidden layer."""
        return self.squash(params, layer, self.normalise(params, layer, z))

    def normalise(self, params: Params, layer: int, z: Tensor) -> Tensor:
        """N(z_l), what the activation function gets."""
        if self.normalisation == "none":
            return z
        replicas, samples, width = z.shape
        units = z.transpose(0, 1).reshape(samples, -1)  # of all replicas side by side: each has its own statistics
        gain, shift = (params[f"{name}_{layer}"].flatten() for name in ("gain", "shift"))
        u = torch.batch_norm(units, gain, shift, None, None, True, 0.0, EPSILON, True)
        return u.view(samples, replicas, width).transpose(0, 1)

    def squash(self, params: Params, layer: int, u: Tensor) -> Tensor:
        """φ(u), u = N(z_l)."""
        function = ACTIVATIONS[self.activation]
        return leaky(u, params[f"slope_{layer}"].unsqueeze(-1)) if function is None else function(u)

    def step(self, params: Params, layer: int, z: Tensor) -> Tensor:
        """z_l from z_{l-1}, or from the input x where l = 1: (R, B, n_{l-1}) to (R, B, n_l)."""
        if layer == 1:
            return self.affine(params, 1, z)
        after = self.affine(params, layer, self.activate(params, layer - 1, z))
        return after + z if self.residual and layer < self.depth and after.shape == z.shape else after

    def pre_activations(self, params: Params, x: Tensor) -> list[Tensor]:
        """z_1 … z_L from x (R, B, I); the last are the outputs."""
        states = [x]
        for layer in range(1, self.depth + 1):
            states.append(self.step(params, layer, states[-1]))
        return states[1:]


def _drawn(widths: Sequence[int], activation: str, init: str, seed: int, normalisation: str) -> Params:
    """The weights of one replica."""
    own, draw, last = generator(seed, "init"), find(init), len(widths) - 1
    params: Params = {}
    for layer in range(1, last + 1):
        outputs = widths[layer]
        params[f"weight_{layer}"], params[f"bias_{layer}"] = draw(widths[layer - 1], outputs, own)
        if layer < last and normalisation == "batch":
            params[f"gain_{layer}"], params[f"shift_{layer}"] = torch.ones(outputs), torch.zeros(outputs)
        if layer < last and activation == "prelu":
            params[f"slope_{layer}"] = torch.full((1,), PRELU_START)
    return params


def _check_widths(widths: Sequence[int]) -> None:
    if len(widths) < 2:
        raise UsageError(f"a net needs at least the widths of its input and its output, got {list(widths)}")
    if min(widths) < 1:
        raise UsageError(f"every width must be at least 1, got {list(widths)}")
