"""The long Jacobian J(end←start) = J_end ⋯ J_{start+1} and its singular values, at any lag."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError
from ..memory import require
from .chain import Chain
from .convert import as_chain
from .graded import Graded
from .inputs import State
from .jacobians import require_finite, require_separate_samples, require_steps
from .matrix_free import pull, push
from .sweep import Apply, random_basis, sweep, without_noise

EXTRA = 8
"""Columns carried beside the k that are asked for: they bring the last of the k to rest much sooner."""

MOST_ROUNDS = 300

TOLERANCE = 1e-10
"""Change of a log singular value in one round, relative to it where it is above 1, at which it counts as found."""


@dataclass(frozen=True)
class LongJacobian:
    """J(end←start) of every sample, as left · core · rightᵀ with orthonormal ``left`` and ``right``.

    left: (B, S_end, m), right: (B, S_start, m). ``coreᵀ`` is (B, m, m), its rows of any size. Where m < S it is J on
    its leading directions. ``log_singular_values``: (B, k), natural logs, descending, -inf for an exact 0.
    ``change``: (B, k), by how much the last round of the iteration still moved them; 0 where all are there and none
    was needed. One that moved by more than 1e-10 (relative, where it is above 1) is not resolved.
    """

    start: int
    end: int
    left: Tensor
    core_t: Graded
    right: Tensor
    log_singular_values: Tensor
    change: Tensor

    @property
    def matrix(self) -> Tensor:
        """J(end←start) over exp(``log_scale``), (B, S_end, S_start): of spectral norm 1, or all zeros.

        Its error is small against that norm, not against each entry: the small singular values of this matrix are
        rounding, and those of J are to be had from ``log_singular_values`` alone.
        """
        return self.left @ self.core_t.over(self.log_scale).mT @ self.right.mT

    @property
    def log_scale(self) -> Tensor:
        """ln σ_1, the log of what ``matrix`` is to be multiplied by, (B,); 0 if it is zero."""
        largest = self.log_singular_values[:, 0]
        return torch.where(largest.isneginf(), 0.0, largest)

    @property
    def log_condition(self) -> Tensor:
        """ln(σ_1/σ_S), (B,); inf if the smallest is an exact 0. Raises UsageError where only k are known."""
        whole = min(self.left.shape[1], self.right.shape[1])
        if self.log_singular_values.shape[1] < whole:
            raise UsageError("the condition number needs all singular values: ask for them without k=")
        largest, smallest = self.log_singular_values[:, 0], self.log_singular_values[:, -1]
        return torch.where(smallest.isneginf(), torch.inf, largest - smallest)

    @property
    def finite_time_exponents(self) -> Tensor:
        """ln σ_i / lag, (B, k): the exponents of this stretch of time, which need no warm-up and no limit."""
        return self.log_singular_values / (self.end - self.start)


def long_jacobian(
    module: Any, x: Tensor, start: int, end: int, k: int | None = None, seed: int = 0, state: State | None = None
) -> LongJacobian:
    """J(end←start) = J_end ⋯ J_{start+1}, ∂s_end/∂s_start, of a module on a batch of inputs; states are s_0 … s_T.

    Without ``k`` the whole of it, through the S × S step Jacobians, and every singular value to its own relative
    accuracy: two sweeps with orthonormalisation at every step, whatever the lag. With ``k`` the k leading singular
    values, matrix-free: by products with J and Jᵀ alone, repeated until they are at rest; ``seed`` draws the first
    directions. The factors bound what can be known: a step that shrinks one direction by 1/(1e-16 S) against another
    has lost it in float64, and the smallest singular value is then -inf.

    ``state``: the initial state as the module takes it, zeros if None.

    Raises UsageError for steps that the module does not have, k out of range, coupled samples, states that overflow,
    and Jacobians that do not fit into memory.
    """
    return long_jacobian_of(as_chain(module, x, state), start, end, k, seed)


@torch.no_grad()
def long_jacobian_of(chain: Chain, start: int, end: int, k: int | None = None, seed: int = 0) -> LongJacobian:
    """:func:`long_jacobian` of a chain. Widths may change; there are as many singular values as the least of them."""
    require_steps(chain, start, end)
    require_separate_samples(chain)
    require_finite(chain, end)
    most = min(state.shape[1] for state in chain.states[start : end + 1])
    if k is not None and not 1 <= k <= most:
        raise UsageError(f"k {k} is not between 1 and {most}, the number of singular values")
    first, wanted = chain.states[start], k or most
    columns = min(wanted + EXTRA, most)
    basis = random_basis(first.shape[1], columns, seed).expand(len(first), -1, -1).to(first)
    steps = range(start + 1, end + 1)
    if k is None:
        _require_memory(chain.states[start : end + 1])
        return _there_and_back(steps, partial(_dense_push, chain), partial(_dense_pull, chain), basis, wanted)
    forward, backward = partial(push, chain), partial(pull, chain)
    found = _there_and_back(steps, forward, backward, basis, wanted)
    return found if columns == most else _at_rest(steps, forward, backward, found)


def _require_memory(states: Sequence[Tensor]) -> None:
    """For a step's Jacobian and what is made of it: bases, their factors, the rotations, a dozen times as much."""
    widest = max(state.shape[1] for state in states)
    needed = 12 * states[0].element_size() * len(states[0]) * widest**2
    require(needed, states[0].device, "use k=8, the matrix-free way to the leading singular values")


def _dense_push(chain: Chain, t: int, tangents: Tensor) -> Tensor:
    return chain.jacobian(t) @ tangents


def _dense_pull(chain: Chain, t: int, adjoints: Tensor) -> Tensor:
    return chain.jacobian(t).mT @ adjoints


def _at_rest(steps: range, forward: Apply, backward: Apply, found: LongJacobian) -> LongJacobian:
    """Subspace iteration with JᵀJ, never formed: rounds until the wanted singular values no longer move."""
    for _ in range(MOST_ROUNDS):
        before = found.log_singular_values
        found = _there_and_back(steps, forward, backward, found.right, before.shape[1], before)
        if (found.change <= TOLERANCE * found.log_singular_values.abs().clamp(min=1.0)).all():
            break
    return found


def _there_and_back(
    steps: range, forward: Apply, backward: Apply, basis: Tensor, wanted: int, before: Tensor | None = None
) -> LongJacobian:
    """J(end←start) on the span of J·basis: one sweep that finds the span, one back that measures it.

    The first sweep leaves in ``left`` directions that come out in the order of their growth, so that Jᵀ left =
    right · R has rows that fall off from the top, as accurate singular values need it. For a basis as wide as the
    rank this is all of J.
    """
    left, _ = deque(sweep(forward, ((t,) for t in steps), basis), maxlen=1).pop()
    right = left

    def factors() -> Iterator[Tensor]:
        nonlocal right
        for right, factor in sweep(backward, ((t,) for t in reversed(steps)), left):
            yield without_noise(factor, right.shape[1])

    core_t = Graded.product(factors())
    values = core_t.log_singular_values()[:, :wanted]
    change = torch.zeros_like(values) if before is None else _moved(values, before)
    return LongJacobian(steps[0] - 1, steps[-1], left, core_t, right, values, change)


def _moved(values: Tensor, before: Tensor) -> Tensor:
    return torch.where(values == before, 0.0, (values - before).abs())
