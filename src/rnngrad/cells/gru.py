"""Gated recurrent unit."""

from typing import ClassVar

import torch
from torch import Tensor

from .base import Cell, Params
from .linear import Linear


class GRU(Cell):
    """Gated recurrent unit, the variant of cuDNN and ``torch.nn`` (reset gate applied after the product).

    r, z = σ(a + W_hh h_{t-1} + b_hh); n = tanh(a_n + r (W_hn h_{t-1} + b_hn)); h_t = (1 - z) n + z h_{t-1}.
    Gate order r, z, n.

    Reference: Cho et al. 2014, arXiv:1406.1078. Twin: ``torch.nn.GRU``.
    """

    name: ClassVar[str] = "gru"
    gate_names: ClassVar[tuple[str, ...]] = ("r", "z", "n")

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        _, z, n, _ = self._gates(params, a, state)
        return n + z * (state - n)

    def linearise(self, params: Params, a: Tensor, state: Tensor) -> Linear:
        r, z, n, u_n = self._gates(params, a, state)
        dr, dz, dn = r * (1 - r), z * (1 - z), 1 - n.square()
        into_n = (1 - z) * dn
        slopes = torch.stack([into_n * u_n * dr, (state - n) * dz, into_n * r], dim=-2).unsqueeze(-3)
        steepness = {"r": 4 * dr, "z": 4 * dz, "n": dn}
        return Linear(slopes, z.unsqueeze(-2), params["weight_hh"], steepness)

    def _gates(self, params: Params, a: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """r, z, n and W_hn h_{t-1} + b_hn, each (R, B, H)."""
        a_r, a_z, a_n = a.chunk(3, dim=-1)
        u_r, u_z, u_n = self.recur(params, state).chunk(3, dim=-1)
        r, z = torch.sigmoid(a_r + u_r), torch.sigmoid(a_z + u_z)
        return r, z, torch.tanh(a_n + r * u_n), u_n
