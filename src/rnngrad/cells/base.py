"""What a recurrent cell is: one step of recurrence, for R replicas at once.

Letters: R replica, T time, B batch, I input width, H hidden width, G gates, S state width.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from .linear import Linear

Params = dict[str, Tensor]


class Cell(ABC):
    """One step of recurrence s_t = step(a_t, s_{t-1}), where a_t = W_ih x_t + b_ih is the input's share.

    A cell holds no weights: they come as an argument, named and laid out as in ``torch.nn`` with the replica
    axis in front, so that R independently seeded models take one step in one call.

    The state is one tensor (R, B, S). Its first H columns are the output h; for the LSTM S = 2H and the other H
    are c. The parts are independent coordinates: the derivative with respect to c_t is taken with h_t held fixed.
    """

    name: ClassVar[str]
    parts: ClassVar[tuple[str, ...]] = ("h",)
    gate_names: ClassVar[tuple[str, ...]]
    default_init: ClassVar[str] = "default"

    @property
    def gates(self) -> int:
        """G, the number of blocks of H rows in the weight matrices."""
        return len(self.gate_names)

    def shapes(self, inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every weight of one replica, as ``torch.nn`` has them."""
        rows = self.gates * hidden
        return {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}

    def state_width(self, hidden: int) -> int:
        """S, the width of the flattened state."""
        return len(self.parts) * hidden

    def project(self, params: Params, x: Tensor) -> Tensor:
        """The input's share of the pre-activations, all steps at once.

        x: (R, T, B, I). Returns (R, T, B, G·H) = x W_ihᵀ + b_ih.
        """
        replicas, steps, batch, inputs = x.shape
        flat = x.reshape(replicas, steps * batch, inputs)
        a = torch.baddbmm(params["bias_ih"].unsqueeze(1), flat, params["weight_ih"].transpose(1, 2))
        return a.view(replicas, steps, batch, -1)

    def recur(self, params: Params, h: Tensor) -> Tensor:
        """The recurrent share of the pre-activations: h (R, B, H) to (R, B, G·H) = h W_hhᵀ + b_hh."""
        return torch.baddbmm(params["bias_hh"].unsqueeze(1), h, params["weight_hh"].transpose(1, 2))

    @abstractmethod
    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        """The next state. a: (R, B, G·H) from :meth:`project`; state: (R, B, S). Returns (R, B, S)."""

    @abstractmethod
    def linearise(self, params: Params, a: Tensor, state: Tensor) -> Linear:
        """∂s_t/∂s_{t-1} in closed form, without autograd, as its terms. a, state as in :meth:`step`, N = B."""

    def jacobian(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        """∂s_t/∂s_{t-1} in closed form. a, state as in :meth:`step`. Returns (R, B, S, S)."""
        return self.linearise(params, a, state).jacobian()
