"""Long products of Jacobians, orthonormalised as they grow: what keeps every direction of them apart.

In a plain product the fastest direction drowns the others after some thirty orders of magnitude. Here a basis is
carried through the factors and made orthonormal again on the way, Q_t R_t = J_t Q_{t-1}, so that each R_t holds the
growth of one step and no number is far from 1 (Benettin et al. 1980, Meccanica 15:9-20; Engelken, Wolf & Abbott 2023).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

Apply = Callable[[int, Tensor], Tensor]
"""J_t V or J_tᵀ V, from the step t and V (B, S, k)."""


def sweep(apply: Apply, intervals: Iterable[Sequence[int]], basis: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Q (B, S, k) and R (B, k, k) after each interval of steps, from an orthonormal basis (B, S, k)."""
    for interval in intervals:
        for t in interval:
            basis = apply(t, basis)
        basis, factor = torch.linalg.qr(basis)
        yield basis, factor


def random_basis(width: int, columns: int, seed: int) -> Tensor:
    """Orthonormal columns (S, k) of a random direction each; the first are the same however many follow."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(width, dtype=torch.float64, generator=generator) for _ in range(columns)]
    basis: Tensor = torch.linalg.qr(torch.stack(drawn, dim=1)).Q
    return basis


def without_noise(factor: Tensor, width: int) -> Tensor:
    """R (B, k, k) with exact zeros where a direction of a state of ``width`` S is lost.

    A direction that a factor maps to zero, or into the span of those before it, leaves rounding errors in its row of
    R, and their logarithm would pass for an exponent of about -37.
    """
    noise = width * torch.finfo(factor.dtype).eps * torch.linalg.matrix_norm(factor)[..., None, None]
    lost = factor.diagonal(dim1=-2, dim2=-1).abs().unsqueeze(-1) <= noise
    return torch.where(lost & (factor.abs() <= noise), 0.0, factor)
