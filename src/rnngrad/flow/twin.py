"""Two copies of a net a small distance apart: how fast they part says the first exponent, without any derivative."""

import torch
from torch import Tensor

from .chain import Chain

DISTANCE = 1e-7
"""Between the copies, over 1 + the state's norm: the error that curvature makes and that of rounding are both small."""


@torch.no_grad()
def twin_exponent(chain: Chain, warmup: int, direction: Tensor) -> Tensor:
    """ln of the growth of the distance of two trajectories per step, averaged over the steps after ``warmup``, (B,).

    The twin starts a little off s_0 along ``direction`` (S,) and is put back to that distance after every step; both
    see the same input (Benettin, Galgani & Strelcyn 1976, Phys. Rev. A 14:2338). -inf once they have met.
    """
    offset = direction.expand_as(chain.states[0])
    total = torch.zeros(len(offset)).to(offset)
    for t in range(1, chain.length + 1):
        state = chain.states[t - 1]
        distance = DISTANCE * (1 + torch.linalg.vector_norm(state, dim=1, keepdim=True))
        apart = (chain.step(t, state + distance * offset) - chain.states[t]) / distance
        growth = torch.linalg.vector_norm(apart, dim=1)
        offset = torch.where(growth.unsqueeze(1) > 0, apart / growth.unsqueeze(1), offset)
        if t > warmup:
            total += growth.log()
    return total / (chain.length - warmup)
