"""A recurrent net of rnngrad cells, one layer or several, as a chain of states."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..cells import Cell, Params
from .chain import Chain, Part, Trajectory

Layer = tuple[Cell, Params]
"""A cell and its weights, replica axis in front with one replica."""


class RecurrentChain(Chain):
    """Layers of cells, the first of which reads x, each other one the h of the layer below at the same step.

    The state is [layer 0: h (c) | layer 1: h (c) | …], (B, S): what ``torch.nn`` returns as (h_n, c_n), layer by layer.
    ``layers``, ``x`` (T, B, I) and ``read_out`` (weight (O, H) and bias (O,), or None: the loss sees the last layer's
    h) are there for measures that know the cells in closed form.
    """

    def __init__(
        self, layers: Sequence[Layer], x: Tensor, start: Tensor, read_out: tuple[Tensor, Tensor] | None = None
    ) -> None:
        """x: (T, B, I), start: s_0 (B, S); all float64 and on one device."""
        self.layers, self.x, self.read_out = tuple(layers), x, read_out
        self.parts = parts_of(layers)
        self.states = Trajectory(self.step, start, len(x))

    def step(self, t: int, state: Tensor) -> Tensor:
        below, after = self.x[t - 1].unsqueeze(0), []
        for (cell, params), old in zip(self.layers, self._by_layer(state), strict=True):
            new = cell.step(params, cell.project(params, below.unsqueeze(1))[:, 0], old.unsqueeze(0))
            below = new[..., : hidden_of(params)]
            after.append(new[0])
        return after[0] if len(after) == 1 else torch.cat(after, dim=-1)

    def jacobian(self, t: int) -> Tensor:
        """As in the base class; in closed form where there is one layer, by autograd through the step for a stack."""
        if len(self.layers) > 1:
            return super().jacobian(t)
        ((cell, params),) = self.layers
        a = cell.project(params, self.x[None, t - 1 : t])[:, 0]
        return cell.jacobian(params, a, self.states[t - 1].unsqueeze(0))[0]

    def output(self, state: Tensor) -> Tensor:
        top = next(part for part in reversed(self.parts) if part.name == "h")
        h = state[:, top.begin : top.end]
        return h if self.read_out is None else torch.nn.functional.linear(h, *self.read_out)

    def _by_layer(self, state: Tensor) -> tuple[Tensor, ...]:
        return torch.split(state, [cell.state_width(hidden_of(params)) for cell, params in self.layers], dim=-1)


def hidden_of(params: Params) -> int:
    """H, the hidden width."""
    return params["weight_hh"].shape[-1]


def parts_of(layers: Sequence[Layer]) -> tuple[Part, ...]:
    """The parts of the state, layer by layer."""
    parts: list[Part] = []
    for k, (cell, params) in enumerate(layers):
        for name in cell.parts:
            begin = parts[-1].end if parts else 0
            parts.append(Part(k, name, begin, begin + hidden_of(params)))
    return tuple(parts)
