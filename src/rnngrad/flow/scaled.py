"""Vectors in log space: a unit vector and the natural log of its length, for every sample."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Scaled(NamedTuple):
    """``vectors`` (…, B, W) times exp(``logs``), (…, B). An exact zero is a zero vector with log -inf."""

    vectors: Tensor
    logs: Tensor

    @classmethod
    def normal(cls, vectors: Tensor, logs: Tensor, together: bool = False) -> "Scaled":
        """The same with unit vectors; ``together``: unit length over all samples, which keep one common log."""
        norm = torch.linalg.vector_norm(vectors, dim=(-2, -1) if together else -1)
        if together:
            norm = norm.unsqueeze(-1).expand_as(logs)
        safe = torch.where(norm == 0, 1.0, norm)
        return cls(vectors / safe.unsqueeze(-1), logs + norm.log())

    @classmethod
    def total(cls, terms: Sequence["Scaled"], together: bool = False) -> "Scaled":
        """The sum of terms whose logs may be further apart than the range of a float."""
        if len(terms) == 1:
            return cls.normal(*terms[0], together)
        units = [cls.normal(*term, together) for term in terms]
        reference = finite_or_zero(torch.stack([unit.logs for unit in units]).amax(dim=0))
        weighted = [unit.vectors * (unit.logs - reference).exp().unsqueeze(-1) for unit in units]
        return cls.normal(torch.stack(weighted).sum(dim=0), reference, together)


def finite_or_zero(logs: Tensor) -> Tensor:
    """Logs to be taken out of a sum: 0 where there is nothing to take out."""
    return torch.where(logs.isfinite(), logs, 0.0)
