"""Lyapunov exponents: the rates at which small differences of the state grow or shrink in the long run."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError
from ..memory import require
from .block_error import block_length, standard_error
from .chain import Chain
from .convert import as_chain
from .inputs import State
from .jacobians import constant_width, require_finite, require_separate_samples
from .matrix_free import push
from .sweep import random_basis, sweep, without_noise
from .twin import twin_exponent

FEWEST_INTERVALS = 2


@dataclass(frozen=True)
class LyapunovSpectrum:
    """k exponents of every sample's trajectory, natural logs per step, in the order of the basis: largest first.

    ``growth``: (n, B, k), ln|R_ii| of every interval between orthonormalisations, after the warm-up.
    ``steps``: (n,), the steps of each interval: ``qr_every``, the last one maybe fewer.
    ``warmup``: steps that were left out at the start.
    ``twin``: (B,), the first exponent from two copies of the net a small distance apart, without any Jacobian.
    ``log_det``: (B,), mean ln|det J_t| by LU factors, which all exponents must add up to; None unless k = S.

    An exponent of -inf is that of a direction which some step maps to zero (to less than S·2.2e-16 of the others).
    """

    growth: Tensor
    steps: Tensor
    warmup: int
    twin: Tensor
    log_det: Tensor | None

    @cached_property
    def exponents(self) -> Tensor:
        """(B, k)."""
        return self.growth.sum(dim=0) / self.steps.sum()

    @cached_property
    def convergence(self) -> Tensor:
        """The exponents as estimated from the first n intervals, (n, B, k); after cumsum(``steps``) steps each."""
        return self.growth.cumsum(dim=0) / self.steps.cumsum(dim=0)[:, None, None]

    @cached_property
    def block(self) -> int:
        """Intervals in a block: eight autocorrelation times of the slowest exponent, at most an eighth of all."""
        return block_length(self._rates)

    @cached_property
    def standard_errors(self) -> Tensor:
        """Of each sample's exponents, (B, k), from the means of blocks in time; 0 where the exponent is -inf."""
        return standard_error(self._rates, self.block)

    @property
    def _rates(self) -> Tensor:
        """Local exponents of the intervals of full length."""
        full = self.steps == self.steps[0]
        return self.growth[full] / self.steps[0]

    @property
    def mean(self) -> Tensor:
        """The exponents' means over the batch, (k,)."""
        return self.exponents.mean(dim=0)

    @property
    def mean_standard_error(self) -> Tensor:
        """Of ``mean``, (k,): from the spread over samples, or from blocks if there is but one; 0 where it is -inf."""
        if len(self.exponents) == 1:
            return self.standard_errors[0]
        error = self.exponents.std(dim=0) / len(self.exponents) ** 0.5
        return torch.where(self.mean.isneginf(), 0.0, error)

    @property
    def twin_gap(self) -> Tensor:
        """First exponent less that of the twin, (B,): near 0, or one of them is wrong."""
        return _difference(self.exponents[:, 0], self.twin)

    @property
    def det_gap(self) -> Tensor:
        """Sum of all exponents less mean ln|det J_t|, (B,): near 0. Raises UsageError unless k = S."""
        if self.log_det is None:
            raise UsageError("the determinant is the product over all directions: ask for the spectrum without k=")
        return _difference(self.exponents.sum(dim=1), self.log_det)

    @property
    def kaplan_yorke(self) -> float:
        """D = j + Σ_{i≤j} λ_i/|λ_{j+1}| of the mean exponents, j the last with a sum of λ_1 … λ_j that is not negative.

        Reference: Kaplan & Yorke 1979. S if no sum is negative; NaN where that is not known because k is too small.
        """
        exponents = self.mean.sort(descending=True).values
        sums = exponents.cumsum(dim=0)
        j = int((sums >= 0).sum())
        if j == len(exponents):
            return float(j) if self.log_det is not None else torch.nan
        return j + (float(sums[j - 1] / exponents[j].abs()) if j else 0.0)


def lyapunov_spectrum(
    module: Any,
    x: Tensor,
    k: int | None = None,
    warmup: int = 100,
    qr_every: int = 1,
    seed: int = 0,
    state: State | None = None,
) -> LyapunovSpectrum:
    """The k largest Lyapunov exponents of a module driven by x, (T, B, I); all S of them without ``k``.

    λ_i = lim (1/T) Σ_t ln|R_ii|, Q_t R_t = J_t Q_{t-1}, forward in time (Benettin et al. 1980; Vogt et al. 2020,
    arXiv:2006.14123; Engelken, Wolf & Abbott 2023). The first ``warmup`` steps are made, with orthonormalisation, and
    left out: state and basis forget in them where they came from. ``qr_every`` steps are multiplied between two
    orthonormalisations, which is faster, and loses directions that shrink by 1e-16 against the first meanwhile.
    ``seed`` draws the basis, the same for every sample. The state is whole, (h, c) for an LSTM. With ``k`` the
    Jacobians are never formed. ``state``: the initial state as the module takes it, zeros if None.

    For a trained net on its own task take its own batch and ``warmup=0``: growth over a finite time from the net's
    own start, which for i > 1 still knows the random basis; :attr:`LongJacobian.finite_time_exponents` does not.

    Raises UsageError for T too short for the warm-up, k, warmup or qr_every out of range, coupled samples, a state
    whose width changes or that overflows, and Jacobians that do not fit into memory.
    """
    return spectrum_of(as_chain(module, x, state), k, warmup, qr_every, seed)


@torch.no_grad()
def spectrum_of(
    chain: Chain, k: int | None = None, warmup: int = 100, qr_every: int = 1, seed: int = 0
) -> LyapunovSpectrum:
    """:func:`lyapunov_spectrum` of a chain."""
    require_separate_samples(chain)
    width = constant_width(chain)
    _check(chain, width, k, warmup, qr_every)
    require_finite(chain, chain.length)
    start = chain.states[0]
    whole = k is None or k == width
    if whole:
        needed = 8 * start.element_size() * len(start) * width**2
        require(needed, start.device, "use k=8, the matrix-free way to the leading exponents")
    first_basis = random_basis(width, k or width, seed).to(start)
    log_det = _LogDet(chain, warmup) if whole else None
    intervals = [*_intervals(0, warmup, qr_every), *_intervals(warmup, chain.length, qr_every)]
    basis = first_basis.expand(len(start), -1, -1)
    factors = (without_noise(factor, width) for _, factor in sweep(log_det or partial(push, chain), intervals, basis))
    growth = torch.stack([factor.diagonal(dim1=1, dim2=2).abs().log() for factor in factors])
    counted = [n for n, interval in enumerate(intervals) if interval[0] > warmup]
    steps = torch.tensor([len(intervals[n]) for n in counted], device=start.device)
    twin = twin_exponent(chain, warmup, first_basis[:, 0])
    return LyapunovSpectrum(growth[counted[0] :], steps, warmup, twin, log_det.mean() if log_det else None)


class _LogDet:
    """J_t V through the matrix, which on the way gives its determinant by LU factors, independent of the sweep."""

    def __init__(self, chain: Chain, warmup: int) -> None:
        self.chain, self.warmup = chain, warmup
        self.total = torch.zeros(len(chain.states[0])).to(chain.states[0])

    def __call__(self, t: int, tangents: Tensor) -> Tensor:
        jacobian = self.chain.jacobian(t)
        if t > self.warmup:
            self.total += torch.linalg.slogdet(jacobian).logabsdet
        return jacobian @ tangents

    def mean(self) -> Tensor:
        return self.total / (self.chain.length - self.warmup)


def _check(chain: Chain, width: int, k: int | None, warmup: int, qr_every: int) -> None:
    if k is not None and not 1 <= k <= width:
        raise UsageError(f"k {k} is not between 1 and {width}, the width of the state")
    if warmup < 0 or qr_every < 1:
        raise UsageError(f"warmup {warmup}, qr_every {qr_every}: must be at least 0 and 1")
    shortest = warmup + FEWEST_INTERVALS * qr_every
    if chain.length < shortest:
        raise UsageError(
            f"{chain.length} steps are too few for a warm-up of {warmup} and {FEWEST_INTERVALS} intervals of "
            f"{qr_every}: give at least {shortest} steps or a shorter warmup="
        )


def _intervals(begin: int, end: int, every: int) -> Iterator[range]:
    """Steps begin + 1 … end, cut after each ``every`` of them."""
    for first in range(begin + 1, end + 1, every):
        yield range(first, min(first + every, end + 1))


def _difference(one: Tensor, other: Tensor) -> Tensor:
    """0 where both are -inf."""
    return torch.where(one == other, 0.0, one - other)
