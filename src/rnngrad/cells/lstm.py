"""Long short-term memory with a forget gate."""

from typing import ClassVar

import torch
from torch import Tensor

from .base import Cell, Params
from .linear import Linear


class LSTM(Cell):
    """Long short-term memory, the variant with a forget gate and no peepholes.

    i, f, o = σ(·), g = tanh(·) of W_ih x_t + b_ih + W_hh h_{t-1} + b_hh;
    c_t = f c_{t-1} + i g, h_t = o tanh(c_t). State (h, c), S = 2H. Gate order i, f, g, o.

    Reference: Hochreiter & Schmidhuber 1997, Neural Computation 9(8):1735-1780; forget gate: Gers, Schmidhuber &
    Cummins 2000, Neural Computation 12(10):2451-2471; bias 1: Jozefowicz, Zaremba & Sutskever 2015, ICML.
    Twin: ``torch.nn.LSTM``.
    """

    name: ClassVar[str] = "lstm"
    parts: ClassVar[tuple[str, ...]] = ("h", "c")
    gate_names: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    default_init: ClassVar[str] = "forget_bias_1"

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        h, c = state.chunk(2, dim=-1)
        i, f, g, o = self._gates(params, a, h)
        c = f * c + i * g
        return torch.cat([o * torch.tanh(c), c], dim=-1)

    def linearise(self, params: Params, a: Tensor, state: Tensor) -> Linear:
        h, c = state.chunk(2, dim=-1)
        i, f, g, o = self._gates(params, a, h)
        tanh_c = torch.tanh(f * c + i * g)
        di, df, dg, do, dc = i * (1 - i), f * (1 - f), 1 - g.square(), o * (1 - o), 1 - tanh_c.square()
        c_to_h = o * dc
        into_c = torch.stack([di * g, df * c, i * dg, torch.zeros_like(c)], dim=-2)
        into_h = into_c * c_to_h.unsqueeze(-2)
        into_h[..., 3, :] = do * tanh_c
        direct = torch.stack([c_to_h * f, f], dim=-2)
        steepness = {"i": 4 * di, "f": 4 * df, "g": dg, "o": 4 * do, "c": dc}
        return Linear(torch.stack([into_h, into_c], dim=-3), direct, params["weight_hh"], steepness)

    def _gates(self, params: Params, a: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """i, f, g, o, each (R, B, H)."""
        i, f, g, o = (a + self.recur(params, h)).chunk(4, dim=-1)
        return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
