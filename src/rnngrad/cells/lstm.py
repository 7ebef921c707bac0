"""Long short-term memory with a forget gate."""

from typing import ClassVar

import torch
from torch import Tensor

from .base import Cell, Params


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
        i, f, g, o = (a + self.recur(params, h)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return torch.cat([h, c], dim=-1)

    def jacobian(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        h, c = state.chunk(2, dim=-1)
        i, f, g, o = (a + self.recur(params, h)).chunk(4, dim=-1)
        i, f, o, g = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o), torch.tanh(g)
        tanh_c = torch.tanh(f * c + i * g)
        c_to_h = o * (1 - tanh_c.square())
        slopes = i * (1 - i) * g, f * (1 - f) * c, i * (1 - g.square())
        into_c = torch.cat([*slopes, torch.zeros_like(o)], dim=-1)
        into_h = torch.cat([*(c_to_h * slope for slope in slopes), o * (1 - o) * tanh_c], dim=-1)
        by_h = torch.cat([self.through_weights(params, into_h), self.through_weights(params, into_c)], dim=2)
        by_c = torch.cat([torch.diag_embed(c_to_h * f), torch.diag_embed(f)], dim=2)
        return torch.cat([by_h, by_c], dim=3)
