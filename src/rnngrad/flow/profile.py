"""Gradient norms by lag: the result of a measurement, in natural logs."""

from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..cells import Cell
from ..engine import Tap

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
    def empty(cls, cell: Cell, replicas: int, steps: int, device: torch.device) -> "Profile":
        """A profile to be filled lag by lag, on the device of the measurement so that no lag waits for it."""
        parts = whole_first(cell)
        shape = (replicas, steps, len(parts))
        log_rms, log_norm_of_mean = torch.empty(2, *shape, dtype=torch.float64, device=device)
        return cls(parts, log_rms, log_norm_of_mean)

    @classmethod
    def heard(cls, cell: Cell, tap: Tap) -> "Profile":
        """The profile that a tap of an engine has heard, turned from steps to lags."""
        return cls(whole_first(cell), tap.log_rms.flip(1), tap.log_norm_of_mean.flip(1))

    def cpu(self) -> "Profile":
        """The profile in the host's memory."""
        return Profile(self.parts, self.log_rms.cpu(), self.log_norm_of_mean.cpu())

    def record(self, lag: int, adjoints: Tensor, log_scales: Tensor) -> None:
        """Enter the norms of n lags from ``lag`` on. adjoints: (R, n, B, S), times exp(log_scales), (R, n, B)."""
        lags = slice(lag, lag + adjoints.shape[1])
        largest = log_scales.amax(dim=2, keepdim=True)
        reference = torch.where(largest.isfinite(), largest, 0.0)
        weight = (log_scales - reference).exp()
        mean = (adjoints * weight.unsqueeze(-1)).mean(dim=2)
        for k, part in enumerate(self._columns(adjoints.shape[-1])):
            mean_square = (adjoints[..., part].square().sum(dim=-1) * weight.square()).mean(dim=2)
            self.log_rms[:, lags, k] = 0.5 * mean_square.log() + reference[..., 0]
            norm = torch.linalg.vector_norm(mean[..., part], dim=-1)
            self.log_norm_of_mean[:, lags, k] = norm.log() + reference[..., 0]

    def _columns(self, width: int) -> list[slice]:
        if len(self.parts) == 1:
            return [slice(None)]
        hidden = width // (len(self.parts) - 1)
        return [slice(None)] + [slice(k * hidden, (k + 1) * hidden) for k in range(len(self.parts) - 1)]

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
                "log_rms_per_sample": _rounded(self.log_rms[replica, lags, k]),
                "log_norm_of_mean": _rounded(self.log_norm_of_mean[replica, lags, k]),
            }
        return row


def whole_first(cell: Cell) -> tuple[str, ...]:
    """The parts of the cell's state that a profile has: the whole, then, if there are several, each."""
    return cell.parts if len(cell.parts) == 1 else ("".join(cell.parts), *cell.parts)


def log_spaced(steps: int, most: int = STORED_LAGS) -> list[int]:
    """At most ``most`` lags from 0 to steps - 1, log-spaced, both ends included."""
    if steps <= most:
        return list(range(steps))
    spaced = np.geomspace(1, steps - 1, most - 1).round().astype(int)
    return [0, *np.unique(spaced).tolist()]


def _rounded(values: Tensor) -> list[float | str | None]:
    """Five decimals of a natural log are a relative 1e-5 of the gradient."""
    return [round(v, 5) if isfinite(v) else None if isnan(v) else str(v) for v in values.tolist()]
