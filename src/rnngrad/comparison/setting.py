"""What a feed-forward and a recurrent net have in common when they are compared."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch

from ..errors import UsageError, unknown

CELLS = {"tanh": "rnn", "relu": "rnn_relu", "sigmoid": "rnn_sigmoid"}
"""The vanilla cell of each activation function."""

INPUTS = 8
"""Values of an input vector, each of variance 1 before the weights."""
CPU = torch.device("cpu")
LEAST_LENGTH = 10
"""Steps below which the fit of a rate has too few lags."""


@dataclass(frozen=True)
class Setting:
    """The same for both kinds of net.

    ``weight_var``: n_in Var W; ``bias_var``: Var b; ``input_var``: what the input adds to the variance of the
    pre-activations, in the feed-forward net at the first layer, in the recurrent ones at every step. ``length``: hidden
    layers and steps alike. ``widths``: those at which the rates of tied and of redrawn weights are compared.
    ``updates``: of the training. ``device``: what computes it all. Raises UsageError for what no net can have.
    """

    activation: str = "tanh"
    weight_var: float = 1.0
    bias_var: float = 0.05
    input_var: float = 0.01
    width: int = 32
    length: int = 40
    seeds: tuple[int, ...] = tuple(range(10))
    widths: tuple[int, ...] = (32, 128, 512)
    updates: int = 500
    device: torch.device = CPU

    def __post_init__(self) -> None:
        if self.activation not in CELLS:
            raise unknown("activation", self.activation, CELLS)
        for name in ("weight_var", "bias_var", "input_var"):
            value = getattr(self, name)
            if not (isfinite(value) and 0 <= value < 1e6):
                raise UsageError(f"{name} is a variance: it must be 0 or more and under a million, got {value:g}")
        if self.weight_var == 0 or self.input_var == 0:
            raise UsageError("weight_var and input_var must be above 0: else nothing passes through the nets")
        if min(self.width, *self.widths) < 2:
            raise UsageError("a width must be at least 2: a net of one unit has one singular value and nothing to tie")
        if self.length < LEAST_LENGTH:
            raise UsageError(f"length must be at least {LEAST_LENGTH}, for a rate to be fitted, got {self.length}")

    @property
    def columns(self) -> dict[str, Any]:
        """All but the device, ready for JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "device"}

    @property
    def cell(self) -> str:
        """The name of the recurrent cell."""
        return CELLS[self.activation]

    @property
    def layer_init(self) -> str:
        """The name of the initialisation of a layer."""
        return f"gaussian_{self.weight_var:.9f}_{self.bias_var:.9f}"

    @property
    def cell_init(self) -> str:
        """The name of the initialisation of the cell."""
        return f"gaussian_{self.weight_var:.9f}_{self.bias_var:.9f}_{self.input_var:.9f}"
