"""A cell's steps, linearised: what one state hands on to the next, by way of the recurrent weights and past them."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Linear:
    """The Jacobians J = ∂s_t/∂s_{t-1} of N steps of R replicas, as their two terms; P parts of the state, G gates.

    J[p, q] = Σ_g diag(slopes[p, g]) W_g [q is h] + diag(direct[p]) [q is the last part]

    slopes: (R, N, P, G, H), the derivative of each unit with respect to the share that its gates get from W_hh h_{t-1};
    direct: (R, N, P, H), the way that hands the last part on, unit to unit, past the weights (an LSTM's carousel, a
    GRU's leak), None where there is none; weight: (R, G·H, H), W_hh.
    steepness: |φ'| of every squashing function there over its largest value, 1 where it is steepest and near 0 where it
    is flat, (R, N, H), by the gate's name, and "c" for the tanh of an LSTM's new cell state.
    """

    slopes: Tensor
    direct: Tensor | None
    weight: Tensor
    steepness: dict[str, Tensor]

    def split(self, size: int) -> list["Linear"]:
        """The N steps cut into pieces of ``size``, without their steepness."""
        slopes = torch.split(self.slopes, size, dim=1)
        direct = [None] * len(slopes) if self.direct is None else torch.split(self.direct, size, dim=1)
        return [Linear(*own, self.weight, {}) for own in zip(slopes, direct, strict=True)]

    def jacobian(self) -> Tensor:
        """J, (R, N, S, S)."""
        replicas, steps, parts, gates, hidden = self.slopes.shape
        weight = self.weight.reshape(replicas, gates, hidden, hidden)
        by_h = torch.einsum("rnpgi,rgij->rnpij", self.slopes, weight)
        whole = by_h.new_zeros(replicas, steps, parts, hidden, parts, hidden)
        whole[:, :, :, :, 0] = by_h
        if self.direct is not None:
            whole[:, :, :, :, -1] += torch.diag_embed(self.direct)
        return whole.view(replicas, steps, parts * hidden, parts * hidden)

    def onto_weights(self, adjoint: Tensor) -> Tensor:
        """∂L/∂(W_hh h_{t-1}) from δ_t: (R, N, S) to (R, N, G·H)."""
        own = self._parts(adjoint).unsqueeze(3)
        onto = self.slopes[:, :, 0] * own[:, :, 0]
        for part in range(1, self.slopes.shape[2]):
            onto.addcmul_(self.slopes[:, :, part], own[:, :, part])
        return onto.flatten(2)

    def past_weights(self, adjoint: Tensor) -> Tensor:
        """What δ_t leaves for the last part of s_{t-1} by the direct way alone: (R, N, S) to (R, N, H)."""
        if self.direct is None:
            return torch.zeros_like(self._parts(adjoint)[:, :, -1])
        return (self.direct * self._parts(adjoint)).sum(dim=2)

    def back(self, adjoint: Tensor, onto_weights: Tensor | None = None) -> Tensor:
        """Jᵀ δ_t, (R, N, S) to (R, N, S); with what :meth:`onto_weights` gives, if that is at hand."""
        by_weights = torch.bmm(self.onto_weights(adjoint) if onto_weights is None else onto_weights, self.weight)
        if self.direct is None:
            return by_weights
        before, hidden = torch.zeros_like(adjoint), by_weights.shape[-1]
        before[..., :hidden] = by_weights
        before[..., -hidden:] += self.past_weights(adjoint)
        return before

    def forth(self, tangent: Tensor) -> Tensor:
        """J v, (R, N, S) to (R, N, S)."""
        replicas, steps, _, gates, hidden = self.slopes.shape
        pushed = torch.bmm(tangent[..., :hidden], self.weight.mT).view(replicas, steps, 1, gates, hidden)
        after = (self.slopes * pushed).sum(dim=3)
        if self.direct is not None:
            after += self.direct * tangent[..., -hidden:].unsqueeze(2)
        return after.flatten(2)

    def _parts(self, vectors: Tensor) -> Tensor:
        """(R, N, S) to (R, N, P, H)."""
        return vectors.reshape(*vectors.shape[:2], self.slopes.shape[2], -1)
