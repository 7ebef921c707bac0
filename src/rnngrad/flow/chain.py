"""What every measurement sees of a model: a chain of states s_0 → s_1 → … → s_L of one batch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """Columns ``begin`` to ``end`` of a state: ``name`` ("h", "c" or "z") of a layer, counted from 0 at the input."""

    layer: int
    name: str
    begin: int
    end: int


class Chain(ABC):
    """s_t = step(t, s_{t-1}), t = 1 … L, float64: time steps of a recurrent net or layers of a feed-forward one.

    ``states``: the L + 1 states (B, S_t) of the batch, detached; widths may differ. ``parts``: what the columns of a
    state are; all parts of all layers are independent coordinates, as in the state that ``torch.nn`` returns: the
    derivative with respect to one is taken with the others of the same step held fixed. Where widths differ it is one
    part, as wide as the widest state.
    ``coupled``: whether a sample's step depends on the other samples (batch normalisation in training mode).
    """

    states: Sequence[Tensor]
    parts: tuple[Part, ...]
    coupled: bool = False

    @abstractmethod
    def step(self, t: int, state: Tensor) -> Tensor:
        """s_t from any s_{t-1} (B, S_{t-1}), differentiable with respect to it."""

    @abstractmethod
    def output(self, state: Tensor) -> Tensor:
        """What the loss sees, (B, O), of the last state (B, S_L); differentiable."""

    def jacobian(self, t: int) -> Tensor:
        """J_t = ∂s_t/∂s_{t-1} of every sample at the chain's own states, (B, S_t, S_{t-1}). Not for coupled samples."""
        state = self.states[t - 1].detach().requires_grad_()
        with torch.enable_grad():
            after = self.step(t, state)
        rows = torch.eye(after.shape[1], dtype=after.dtype, device=after.device)
        directions = rows.unsqueeze(1).expand(-1, len(after), -1)
        (found,) = torch.autograd.grad(after, state, directions, is_grads_batched=True)
        return found.transpose(0, 1)

    @property
    def length(self) -> int:
        """L, the number of steps."""
        return len(self.states) - 1


class Trajectory(Sequence[Tensor]):
    """s_0, s_1, …, s_L of a chain, each computed when it is first asked for and kept, detached."""

    def __init__(self, step: Callable[[int, Tensor], Tensor], start: Tensor, length: int) -> None:
        """From s_0 = ``start`` by s_t = step(t, s_{t-1}), t = 1 … ``length``."""
        self._step, self._length, self._known = step, length, [start.detach()]

    def __len__(self) -> int:
        return self._length + 1

    @overload
    def __getitem__(self, t: int) -> Tensor: ...
    @overload
    def __getitem__(self, t: slice) -> list[Tensor]: ...
    def __getitem__(self, t: int | slice) -> Tensor | list[Tensor]:
        if isinstance(t, slice):
            return [self[k] for k in range(len(self))[t]]
        return self._up_to(range(len(self))[t])

    @torch.no_grad()
    def _up_to(self, t: int) -> Tensor:
        while len(self._known) <= t:
            self._known.append(self._step(len(self._known), self._known[-1]))
        return self._known[t]
