"""Norms of the adjoints by lag, in natural logs, for every sample and averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

from ..engine import Tap
from .chain import Part
from .scaled import Scaled, finite_or_zero


@dataclass(frozen=True)
class Norms:
    """Natural logs at lags 0 … L-1 (lag = L - t; lag 0 is the last step), for P parts of the state.

    ``per_sample``: (L, …, B, P), norms of each sample's own adjoint; ``of_mean``: (L, …, P), of the adjoint averaged
    over samples.
    """

    per_sample: Tensor
    of_mean: Tensor

    @classmethod
    def heard(cls, tap: Tap) -> "Norms":
        """What an engine's tap has heard, (L, R, …), turned from steps to lags."""
        parts = max(1, tap.log_norms.shape[-1] - 1)  # without the whole, which a tap has before several parts
        logs = tap.log_norms[..., -parts:], tap.log_norm_of_mean[..., -parts:]
        return cls(*(found.flip(1).transpose(0, 1) for found in logs))

    @classmethod
    def taken(cls, adjoints: Sequence[Scaled], parts: Sequence[Part]) -> "Norms":
        """The norms of some lags' adjoints, each (…, B, W), one for each lag; the parts' columns count from 0 there."""
        widest = max(adjoint.vectors.shape[-1] for adjoint in adjoints)
        padded = [torch.nn.functional.pad(a.vectors, (0, widest - a.vectors.shape[-1])) for a in adjoints]
        vectors, logs = torch.stack(padded), torch.stack([adjoint.logs for adjoint in adjoints])
        reference = finite_or_zero(logs.amax(dim=-1))
        mean = (vectors * (logs - reference.unsqueeze(-1)).exp().unsqueeze(-1)).mean(dim=-2)
        return cls(_log_norms(vectors, logs, parts), _log_norms(mean, reference, parts))

    def whole(self) -> "Norms":
        """All parts together, as one."""
        return Norms(_together(self.per_sample), _together(self.of_mean))

    def of(self, parts: Sequence[int]) -> "Norms":
        """Some of the parts."""
        return Norms(self.per_sample[..., parts], self.of_mean[..., parts])

    def log_rms(self) -> Tensor:
        """The root mean square over samples, (L, …, P)."""
        return 0.5 * ((2 * self.per_sample).logsumexp(dim=-2) - log(self.per_sample.shape[-2]))


def joined(norms: Sequence[Norms], dim: int) -> Norms:
    """Side by side: more lags (dim 0) or more parts (dim -1)."""
    return Norms(torch.cat([n.per_sample for n in norms], dim), torch.cat([n.of_mean for n in norms], dim))


def _log_norms(vectors: Tensor, logs: Tensor, parts: Sequence[Part]) -> Tensor:
    norms = [torch.linalg.vector_norm(vectors[..., part.begin : part.end], dim=-1) for part in parts]
    return torch.stack(norms, dim=-1).log() + logs.unsqueeze(-1)


def _together(logs: Tensor) -> Tensor:
    return 0.5 * (2 * logs).logsumexp(dim=-1, keepdim=True) if logs.shape[-1] > 1 else logs
