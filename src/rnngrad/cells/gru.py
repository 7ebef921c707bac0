"""Gated recurrent unit."""

from typing import ClassVar

import torch
from torch import Tensor

from .base import Cell, Params


class GRU(Cell):
    """Gated recurrent unit, the variant of cuDNN and ``torch.nn`` (reset gate applied after the product).

    r, z = σ(a + W_hh h_{t-1} + b_hh); n = tanh(a_n + r (W_hn h_{t-1} + b_hn)); h_t = (1 - z) n + z h_{t-1}.
    Gate order r, z, n.

    Reference: Cho et al. 2014, arXiv:1406.1078. Twin: ``torch.nn.GRU``.
    """

    name: ClassVar[str] = "gru"
    gate_names: ClassVar[tuple[str, ...]] = ("r", "z", "n")

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        a_r, a_z, a_n = a.chunk(3, dim=-1)
        u_r, u_z, u_n = self.recur(params, state).chunk(3, dim=-1)
        z = torch.sigmoid(a_z + u_z)
        n = torch.tanh(a_n + torch.sigmoid(a_r + u_r) * u_n)
        return n + z * (state - n)

    def jacobian(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        a_r, a_z, a_n = a.chunk(3, dim=-1)
        u_r, u_z, u_n = self.recur(params, state).chunk(3, dim=-1)
        r, z = torch.sigmoid(a_r + u_r), torch.sigmoid(a_z + u_z)
        n = torch.tanh(a_n + r * u_n)
        into_n = (1 - z) * (1 - n.square())
        slopes = torch.cat([into_n * u_n * r * (1 - r), (state - n) * z * (1 - z), into_n * r], dim=-1)
        return self.through_weights(params, slopes) + torch.diag_embed(z)
