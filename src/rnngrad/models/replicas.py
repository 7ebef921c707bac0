"""The weights of R models of one form, one row a model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ..cells import Params


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """All weights in one matrix ``theta`` (R, P): a row is a replica, whole and apart from the others, so that
    selecting, freezing, clipping, optimising and saving a replica are operations on a row.

    ``shapes``: name and shape of every weight of one replica, in the order in which they lie in a row.
    """

    shapes: dict[str, tuple[int, ...]]
    theta: Tensor

    @property
    def parameters(self) -> int:
        """P, the number of weights of one replica."""
        return self.theta.shape[1]

    def params(self, theta: Tensor | None = None) -> Params:
        """Named weights, replica first, as views of ``theta`` (this model's own, or another of its layout)."""
        source = self.theta if theta is None else theta
        sizes = [torch.Size(shape).numel() for shape in self.shapes.values()]
        return {
            name: part.reshape(-1, *shape)
            for (name, shape), part in zip(self.shapes.items(), torch.split(source, sizes, dim=1), strict=True)
        }

    def select(self, rows: Sequence[int]) -> Self:
        """A copy of some of the replicas."""
        return self.with_theta(torch.stack([self.theta[row] for row in rows]))

    def to(self, target: torch.device | torch.dtype) -> Self:
        """A copy on another device or in another dtype."""
        return self.with_theta(self.theta.to(target))

    def with_theta(self, theta: Tensor) -> Self:
        """The same form with other weights (R, P)."""
        return replace(self, theta=theta)


def stacked(replicas: Sequence[Params]) -> tuple[dict[str, tuple[int, ...]], Tensor]:
    """``shapes`` and ``theta`` of models given each by its named weights, without a replica axis."""
    shapes = {name: tuple(weight.shape) for name, weight in replicas[0].items()}
    return shapes, torch.stack([torch.cat([weight.flatten() for weight in params.values()]) for params in replicas])
