"""Chains whose Jacobians are known exactly, for tests of what is made of Jacobians."""

import torch
from torch import Tensor

from rnngrad.flow.chain import Chain


class Linear(Chain):
    """s_t = A_t s_{t-1} from the zero state. matrices: (L, B, S, S), or one (B, S, S) for all of ``steps``."""

    parts = ()

    def __init__(self, matrices: Tensor, steps: int | None = None):
        self.matrices = matrices if steps is None else [matrices] * steps
        zero = self.matrices[0].new_zeros(self.matrices[0].shape[:2])
        self.states = [zero] * (len(self.matrices) + 1)

    def step(self, t, state):
        return (self.matrices[t - 1] @ state.unsqueeze(-1)).squeeze(-1)

    def output(self, state):
        return state

    def jacobian(self, t):
        return self.matrices[t - 1]


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def rotation(width, seed=1):
    return torch.linalg.qr(gaussian(width, width, seed=seed))[0]
