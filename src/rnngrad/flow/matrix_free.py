"""Step Jacobians as products, J_t V and J_tᵀ U, that never form the matrix: for states too wide for S × S numbers."""

import torch
from torch import Tensor

from .chain import Chain


def push(chain: Chain, t: int, tangents: Tensor) -> Tensor:
    """J_t V of every sample at the chain's own state. tangents: (B, S_{t-1}, k). Returns (B, S_t, k).

    u ↦ J_tᵀ u is linear, and J_t is its transpose: reverse mode twice, which every differentiable step allows.
    """
    state = chain.states[t - 1].detach().requires_grad_()
    with torch.enable_grad():
        after = chain.step(t, state)
        adjoint = torch.zeros_like(after, requires_grad=True)
        (back,) = torch.autograd.grad(after, state, adjoint, create_graph=True)
    return _all_at_once(back, adjoint, tangents)


def pull(chain: Chain, t: int, adjoints: Tensor) -> Tensor:
    """J_tᵀ U of every sample at the chain's own state. adjoints: (B, S_t, k). Returns (B, S_{t-1}, k)."""
    state = chain.states[t - 1].detach().requires_grad_()
    with torch.enable_grad():
        after = chain.step(t, state)
    return _all_at_once(after, state, adjoints)


def _all_at_once(output: Tensor, source: Tensor, directions: Tensor) -> Tensor:
    """The vector-Jacobian products of k directions (B, S, k) in one batched backward pass."""
    (found,) = torch.autograd.grad(output, source, directions.permute(2, 0, 1), is_grads_batched=True)
    return found.permute(1, 2, 0)
