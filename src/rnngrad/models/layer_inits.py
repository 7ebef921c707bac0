"""Initialisations of a layer of a feed-forward net. To add one, write it here and add a line to LAYER_INITS."""

import re
from collections.abc import Callable
from math import sqrt

import torch
from torch import Generator, Tensor

from ..errors import UsageError, unknown

LayerInit = Callable[[int, int, Generator], tuple[Tensor, Tensor]]
"""From the widths n_in, n_out and a stream to the weight (n_out, n_in) and the bias (n_out,), float32."""

NUMBER = r"(-?\d{1,9}(?:\.\d{1,9})?)"


def gaussian(weight_var: float, bias_var: float = 0.0) -> LayerInit:
    """W ~ N(0, weight_var/n_in), b ~ N(0, bias_var): the nets of mean-field theory."""

    def init(inputs: int, outputs: int, generator: Generator) -> tuple[Tensor, Tensor]:
        weight = torch.randn(outputs, inputs, generator=generator) * sqrt(weight_var / inputs)
        bias = torch.randn(outputs, generator=generator) * sqrt(bias_var)
        return weight, bias

    return init


def unscaled(inputs: int, outputs: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """W ~ N(0, 1), b ~ N(0, 1), whatever the width.

    Reference: the first nets of Nielsen 2015, Neural Networks and Deep Learning, whose units saturate.
    """
    return gaussian(inputs, 1.0)(inputs, outputs, generator)


def uniform(bound: Callable[[int, int], float], biases: bool = False) -> LayerInit:
    """W ~ U[-bound, bound], of n_in and n_out; b from the same, or 0."""

    def init(inputs: int, outputs: int, generator: Generator) -> tuple[Tensor, Tensor]:
        edge = bound(inputs, outputs)
        weight = torch.empty(outputs, inputs).uniform_(-edge, edge, generator=generator)
        bias = torch.empty(outputs).uniform_(-edge, edge, generator=generator) if biases else torch.zeros(outputs)
        return weight, bias

    return init


def orthogonal(inputs: int, outputs: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """W with orthonormal rows or columns, b = 0.

    Reference: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120.
    """
    weight = torch.nn.init.orthogonal_(torch.empty(outputs, inputs), generator=generator)
    return weight, torch.zeros(outputs)


def chain(factor: float) -> LayerInit:
    """W = factor · I, b = 0: the linear chain, where every layer multiplies by the same number."""

    def init(inputs: int, outputs: int, generator: Generator) -> tuple[Tensor, Tensor]:
        return factor * torch.eye(outputs, inputs), torch.zeros(outputs)

    return init


LAYER_INITS: dict[str, LayerInit] = {
    "xavier": gaussian(1.0),
    "he": gaussian(2.0),
    "nielsen": gaussian(1.0, 1.0),
    "unscaled": unscaled,
    "glorot": uniform(lambda inputs, outputs: sqrt(6 / (inputs + outputs))),
    "standard": uniform(lambda inputs, outputs: 1 / sqrt(inputs)),
    "torch": uniform(lambda inputs, outputs: 1 / sqrt(inputs), biases=True),
    "orthogonal": orthogonal,
}
"""By name. Variances of a weight: xavier 1/n_in; he 2/n_in (He et al. 2015, arXiv:1502.01852); nielsen 1/n_in with
biases N(0, 1); glorot 2/(n_in + n_out), the normalised initialisation of Glorot & Bengio 2010 (eq. 16), and standard
1/(3 n_in), the one that they compare it with (eq. 1); torch is the default of ``nn.Linear``, standard with biases.
Besides, for all numbers, ``gaussian_V`` and ``gaussian_V_B``: W ~ N(0, V/n_in), b ~ N(0, B); ``chain_A``: W = A · I."""


SQUARE_VARIANCES: dict[str, tuple[float, float]] = {
    "xavier": (1.0, 0.0),
    "he": (2.0, 0.0),
    "nielsen": (1.0, 1.0),
    "glorot": (1.0, 0.0),
    "standard": (1 / 3, 0.0),
    "orthogonal": (1.0, 0.0),
}
"""n Var W and Var b of a layer with as many outputs as inputs, where neither depends on how many."""


def find(name: str) -> LayerInit:
    """The initialisation of that name. Raises UsageError for an unknown one, and for a negative variance."""
    if name in LAYER_INITS:
        return LAYER_INITS[name]
    if match := re.fullmatch(f"chain_{NUMBER}", name):
        return chain(float(match[1]))
    if variances := _gaussian_variances(name):
        return gaussian(*variances)
    raise unknown("init", name, [*LAYER_INITS, "gaussian_V", "gaussian_V_B", "chain_A"])


def square_variances(name: str, width: int) -> tuple[float, float]:
    """σ_w² = n Var W and σ_b² = Var b of a layer with n = ``width`` inputs and outputs, as mean-field theory has them.

    Raises UsageError for an unknown name, and for a chain, whose weights are not random.
    """
    find(name)
    if name == "unscaled":
        return float(width), 1.0
    if name == "torch":
        return 1 / 3, 1 / (3 * width)
    found = SQUARE_VARIANCES.get(name) or _gaussian_variances(name)
    if found is None:
        raise UsageError(f"init '{name}' has no variance: its weights are not random")
    return found


def _gaussian_variances(name: str) -> tuple[float, float] | None:
    """The V and B of gaussian_V_B; None for another name."""
    match = re.fullmatch(f"gaussian_{NUMBER}(?:_{NUMBER})?", name)
    if match is None:
        return None
    variances = float(match[1]), float(match[2] or 0)
    if min(variances) < 0:
        raise UsageError(f"init '{name}': a variance must be 0 or more")
    return variances
