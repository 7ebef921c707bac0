"""Matrices whose rows differ by any number of orders of magnitude, and their singular values to full accuracy."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from numpy.linalg import LinAlgError
from torch import Tensor

from .scaled import finite_or_zero

FOLD = 8
"""Factors multiplied as plain numbers before their product's rows are rescaled; eight steps stay within float64."""

MOST_SWEEPS = 60
"""Sweeps of Jacobi rotations; a graded matrix takes three to ten."""


@dataclass(frozen=True)
class Graded:
    """diag(exp(log_rows)) · rows, for every sample: log_rows (B, k), rows (B, k, k) with entries of at most 1."""

    log_rows: Tensor
    rows: Tensor

    @classmethod
    def product(cls, factors: Iterable[Tensor]) -> "Graded":
        """R_n ⋯ R_1 of triangular factors (B, k, k), the first one given acting first."""
        whole: Graded | None = None
        block: Tensor | None = None
        for n, factor in enumerate(factors, start=1):
            block = factor if block is None else factor @ block
            if n % FOLD == 0:
                whole, block = cls._scaled(block, whole), None
        if block is not None:
            whole = cls._scaled(block, whole)
        assert whole is not None, "a product of no factors has no size"
        return whole

    @classmethod
    def _scaled(cls, factor: Tensor, before: "Graded | None") -> "Graded":
        """factor · before. The terms of a row are summed relative to the largest, wherever in the range that is."""
        if before is None:
            unit = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
            before = cls(factor.new_zeros(factor.shape[:-1]), unit.expand_as(factor))
        logs = factor.abs().log() + before.log_rows.unsqueeze(-2)
        reference = finite_or_zero(logs.amax(dim=-1, keepdim=True))
        rows = (factor.sign() * (logs - reference).exp()) @ before.rows
        largest = rows.abs().amax(dim=-1, keepdim=True)
        return cls((reference + largest.log()).squeeze(-1), rows / _one_for_zero(largest))

    def over(self, log_scale: Tensor) -> Tensor:
        """The matrix (B, k, k) over exp(log_scale), (B,)."""
        return (self.log_rows - log_scale.unsqueeze(-1)).exp().unsqueeze(-1) * self.rows

    def log_singular_values(self) -> Tensor:
        """ln σ_i in descending order, (B, k), -inf for an exact 0; each with an error that is small for itself.

        One-sided Jacobi rotations of the rows, which keep small singular values of a graded matrix accurate where
        the usual decomposition returns noise (Demmel & Veselić 1992, SIAM J. Matrix Anal. 13:1204-1245). Lengths of
        rows are carried in logs. Raises LinAlgError if the rotations do not settle.
        """
        rows, logs = _unit(self.rows, self.log_rows)
        rounds = _disjoint_pairs(rows.shape[1])
        tolerance = 2 * rows.shape[1] * torch.finfo(rows.dtype).eps
        for _ in range(MOST_SWEEPS):
            order = logs.argsort(dim=1, descending=True)
            rows, logs = rows.take_along_dim(order.unsqueeze(-1), 1), logs.take_along_dim(order, 1)
            if not _cosines(rows).gt(tolerance).any():
                return logs
            for first, second in rounds:
                _rotate(rows, logs, first, second)
        raise LinAlgError("the singular values of a product of Jacobians did not settle")


def _rotate(rows: Tensor, logs: Tensor, first: Tensor, second: Tensor) -> None:
    """Make pairs of rows orthogonal, in place, by the rotation of the plane that they span.

    For unit rows u, v of lengths 1 and ρ ≤ 1 with cosine c, the tangent of the angle is ρτ, where τ is the smaller
    root of ρ²c τ² - (1 - ρ²) τ - c = 0.
    """
    u, v = rows[:, first], rows[:, second]
    log_u, log_v = logs[:, first], logs[:, second]
    cosine = (u * v).sum(dim=-1)
    ratio = (-(log_u - log_v).abs()).exp().nan_to_num(1.0)  # two zero rows are as long as each other
    shorter = 1 - ratio.square()
    root = shorter + (shorter.square() + (2 * ratio * cosine).square()).sqrt()
    tau = -2 * cosine / _one_for_zero(root)
    to_longer, to_shorter = -ratio.square() * tau, tau
    u_is_longer = log_u >= log_v
    log_cos = -0.5 * (ratio * tau).square().log1p()
    new_u = u + torch.where(u_is_longer, to_longer, to_shorter).unsqueeze(-1) * v
    new_v = v + torch.where(u_is_longer, to_shorter, to_longer).unsqueeze(-1) * u
    rows[:, first], logs[:, first] = _unit(new_u, log_u + log_cos)
    rows[:, second], logs[:, second] = _unit(new_v, log_v + log_cos)


def _unit(rows: Tensor, logs: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of length 1, or 0, and the logs that take up what was divided out."""
    norms = torch.linalg.vector_norm(rows, dim=-1)
    return rows / _one_for_zero(norms).unsqueeze(-1), logs + norms.log()


def _cosines(rows: Tensor) -> Tensor:
    """The cosines between different rows, in absolute value."""
    return (rows @ rows.mT).triu(diagonal=1).abs()


def _disjoint_pairs(count: int) -> list[tuple[Tensor, Tensor]]:
    """Rounds in which every two of ``count`` rows meet once, no row twice in a round: a round-robin tournament."""
    players = list(range(count + count % 2))
    half, rounds = len(players) // 2, []
    for _ in range(len(players) - 1):
        pairs = [(a, b) for a, b in zip(players[:half], reversed(players[half:]), strict=True) if max(a, b) < count]
        first, second = zip(*pairs, strict=True) if pairs else ((), ())
        rounds.append((torch.tensor(first, dtype=torch.int64), torch.tensor(second, dtype=torch.int64)))
        players = [players[0], players[-1], *players[1:-1]]
    return rounds


def _one_for_zero(norms: Tensor) -> Tensor:
    return torch.where(norms == 0, 1.0, norms)
