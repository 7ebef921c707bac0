"""A tap on the backward pass: the adjoint's norm at every step, in logs, from the pass that training makes anyway."""

from functools import cached_property
from math import log

import torch
from torch import Tensor


class Tap:
    """Given to ``unroll``, it holds the flow once the loss has been propagated back; then the same for the next.

    δ_t = ∂L/∂s_t for the states s_1 … s_T, as the backward pass met it. Parts are the whole state first, then, where
    there are two, h and c as independent coordinates: c_t is varied with h_t held fixed.

    ``log_norms``: (R, T, B, parts), natural logs of the norms of each sample's adjoint.
    ``log_rms``: (R, T, parts), of the root mean square of these norms over the samples.
    ``log_norm_of_mean``: (R, T, parts), of the norm of the adjoint averaged over samples; only with ``mean=True``.
    ``states``, ``adjoints``: (R, T, B, S), the states s_0 … s_{T-1} that the steps start from and the adjoints
    δ_1 … δ_T, these to be multiplied by 2 to the ``powers`` (R, T, B) and with the scale in them; only with
    ``whole=True``.

    ``scale`` is the factor that each sample's own loss has in L, 1/B for a mean over the batch; it is divided out, so
    that the norms are those of each sample's own loss. It is the gradient flow of the last step's loss if L is one.
    """

    states: Tensor
    adjoints: Tensor
    powers: Tensor
    log_rms: Tensor

    def __init__(self, scale: float = 1.0, mean: bool = False, whole: bool = False) -> None:
        self.scale = scale
        self.mean = mean
        self.whole = whole

    def fill(
        self,
        squares: Tensor,
        powers: Tensor,
        log_rms: Tensor,
        sums: Tensor,
        sum_powers: Tensor,
        states: Tensor,
        adjoints: Tensor,
    ) -> None:
        """What an engine delivers, with the scale still in it; most logs are taken when first asked for.

        squares: (R, T, P, B) float64, squared norms of h (and c), times 4 to the ``powers`` (R, T, B); log_rms as the
        attribute; sums: (R, K, T, P, ·), adjoints added up over the samples of K groups, times 2 to the ``sum_powers``
        (R, K, T), empty if not wanted; states and adjoints as the attributes, empty if not wanted.
        """
        self._squares, self.powers = squares, powers
        self.states, self.adjoints = states, adjoints
        self._sums, self._sum_powers = sums, sum_powers
        self.log_rms = log_rms - log(self.scale)
        for name in ("log_norms", "log_norm_of_mean"):
            self.__dict__.pop(name, None)

    @cached_property
    def log_norms(self) -> Tensor:
        """See the class."""
        logs = with_whole(self._squares).log_().mul_(0.5).transpose(2, 3)
        return logs + (log(2.0) * self.powers.double() - log(self.scale)).unsqueeze(-1)

    @cached_property
    def log_norm_of_mean(self) -> Tensor:
        """See the class."""
        largest = self._sum_powers.amax(dim=1)
        weights = torch.exp2((self._sum_powers - largest.unsqueeze(1)).to(self._sums.dtype))
        total = (self._sums * weights[..., None, None]).sum(dim=1)
        squares = with_whole(total.double().square().sum(dim=-1))
        samples = self._squares.shape[3]
        return squares.log_().mul_(0.5) + (log(2.0) * largest.double() - log(self.scale * samples)).unsqueeze(-1)


def with_whole(squares: Tensor) -> Tensor:
    """A copy, (R, T, P, …) to (R, T, 1 + P, …) with the sum first, unless there is but one part."""
    if squares.shape[2] == 1:
        return squares.clone()
    return torch.cat([squares.sum(dim=2, keepdim=True), squares], dim=2)
