"""Gradient norms by lag: the result of a measurement, in natural logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..cells import Cell
from ..engine import Tap
from .norms import Norms, joined

STORED_LAGS = 64
"""Lags kept of a stored profile, log-spaced, at most."""


@dataclass(frozen=True)
class Profile:
    """Natural logs of gradient norms of R replicas at lags 0 … T-1 (lag = T - t; lag 0 is the last step).

    For each part of the state, the whole state first (``hc`` of an LSTM, ``h`` of the others), and in two kinds:
    ``log_rms``, root mean square over samples of the norm of each sample's own gradient, and
    ``log_norm_of_mean``, norm of the gradient averaged over samples. Arrays are (R, T, parts).
    """

    parts: tuple[str, ...]
    log_rms: Tensor
    log_norm_of_mean: Tensor

    @classmethod
    def heard(cls, cell: Cell, tap: Tap) -> "Profile":
        """The profile that a tap of an engine has heard in a training step, turned from steps to lags."""
        return cls(whole_first(cell.parts), tap.log_rms.flip(1), tap.log_norm_of_mean.flip(1))

    @classmethod
    def of(cls, cell: Cell, norms: Norms) -> "Profile":
        """The profile of norms (L, R, …) of a cell's parts."""
        if len(cell.parts) > 1:
            norms = joined([norms.whole(), norms], dim=-1)
        return cls(whole_first(cell.parts), norms.log_rms().transpose(0, 1), norms.of_mean.transpose(0, 1))

    def cpu(self) -> "Profile":
        """The profile in the host's memory."""
        return Profile(self.parts, self.log_rms.cpu(), self.log_norm_of_mean.cpu())

    def first_over_last(self) -> Tensor:
        """Log of the gradient at the first step over the gradient at the last, whole state, (R,)."""
        return self.log_rms[:, -1, 0] - self.log_rms[:, 0, 0]

    def horizon(self, replica: int, threshold: float = 0.01) -> int | None:
        """The first lag at which the whole-state gradient is under ``threshold`` of lag 0; None if it never is."""
        relative = self.log_rms[replica, :, 0] - self.log_rms[replica, 0, 0]
        below = torch.nonzero(relative < np.log(threshold))
        return int(below[0]) if len(below) else None

    def row(self, replica: int) -> dict[str, Any]:
        """One replica's profile at log-spaced lags, ready for JSON: -inf, an exact 0, as "-inf", NaN as None."""
        lags = log_spaced(self.log_rms.shape[1])
        row: dict[str, Any] = {"lags": lags}
        for k, part in enumerate(self.parts):
            row[part] = {
                "log_rms_per_sample": rounded(self.log_rms[replica, lags, k]),
                "log_norm_of_mean": rounded(self.log_norm_of_mean[replica, lags, k]),
            }
        return row


def whole_first(parts: Sequence[str]) -> tuple[str, ...]:
    """The parts that a profile has of a state: the whole, then, if there are several, each."""
    return tuple(parts) if len(parts) == 1 else ("".join(parts), *parts)


def log_spaced(steps: int, most: int = STORED_LAGS) -> list[int]:
    """At most ``most`` lags from 0 to steps - 1, log-spaced, both ends included."""
    if steps <= most:
        return list(range(steps))
    spaced = np.geomspace(1, steps - 1, most - 1).round().astype(int)
    return [0, *np.unique(spaced).tolist()]


def rounded(values: Tensor) -> list[float | str | None]:
    """Ready for JSON: -inf as "-inf", NaN as None. Five decimals of a natural log are 1e-5 of the gradient."""
    return [round(v, 5) if isfinite(v) else None if isnan(v) else str(v) for v in values.tolist()]
