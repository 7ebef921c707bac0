"""The standard error of the mean of a correlated series, by blocks."""

import torch
from torch import Tensor

FEWEST_BLOCKS = 8
"""Below this the spread of the block means says little."""

BLOCK_OVER_TIME = 8
"""Length of a block over the autocorrelation time: its ends, which are correlated, are then a small part of it."""


def standard_error(series: Tensor, block: int) -> Tensor:
    """Of the mean over time of ``series`` (n, …), from the means of blocks of ``block`` entries; the rest is left out.

    0 where the series has infinite entries: a mean of -inf is exact.
    """
    blocks = len(series) // block
    means = series[: blocks * block].unflatten(0, (blocks, block)).mean(dim=1)  # type: ignore[no-untyped-call]
    error = means.std(dim=0) / blocks**0.5
    return torch.where(means.isfinite().all(dim=0), error, 0.0)


def block_length(series: Tensor) -> int:
    """The length of a block for ``series`` (n, B, k): eight autocorrelation times of the slowest of the k.

    At most an eighth of the series, so that there are eight blocks where n allows it; where this cap is met the
    series is too short for its own correlations, and the error that it gives is too small.
    """
    n = len(series)
    slowest = max((_autocorrelation_time(column) for column in series.unbind(dim=2)), default=1.0)
    return int(max(1, min(round(BLOCK_OVER_TIME * slowest), n // FEWEST_BLOCKS)))


def _autocorrelation_time(series: Tensor) -> float:
    """1 + 2 Σ ρ(lag) of (n, B), summed while pairs of neighbours are positive (Geyer 1992, Stat. Sci. 7:473-483)."""
    n = len(series)
    centred = series - series.mean(dim=0)
    if n < 4 or not centred.isfinite().all():
        return 1.0
    power = torch.fft.rfft(centred, 2 * n, dim=0).abs().square()
    covariance = torch.fft.irfft(power, dim=0)[:n].mean(dim=1)
    if covariance[0] <= 0:
        return 1.0
    pairs = (covariance / covariance[0])[: n - n % 2].view(-1, 2).sum(dim=1)
    positive = (pairs > 0).cumprod(dim=0)
    return max(1.0, float(2 * (pairs * positive).sum() - 1))
