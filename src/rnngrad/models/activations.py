"""What a layer does to its pre-activations, unit by unit. To add one, write it here and add a line to ACTIVATIONS."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ..errors import unknown

Activation = Callable[[Tensor], Tensor]

PRELU_START = 0.25
"""The slope on the negative side with which a PReLU starts to learn (He et al. 2015, arXiv:1502.01852)."""


def leaky(z: Tensor, slope: Tensor | float) -> Tensor:
    """z where it is positive, slope · z elsewhere: ReLU with 0, LeakyReLU with 0.01, PReLU with a trained slope."""
    return torch.where(z > 0, z, slope * z)


def no_change(z: Tensor) -> Tensor:
    """A linear unit."""
    return z


ACTIVATIONS: dict[str, Activation | None] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": partial(leaky, slope=0.01),
    "prelu": None,
    "identity": no_change,
}
"""By name; None for the one whose slope is a weight of the model."""


def check(name: str) -> None:
    """Raises UsageError for an unknown name."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
