"""Does a net train? Gradient descent on the digits, until its training loss is under a threshold or its budget is up.

Plain stochastic gradient descent: no momentum and no adaptive step, which would divide out the very scales of the
gradient that initialisation, normalisation and clipping are there to mend.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..models import FeedForward
from ..streams import generator

CLASSES = 10
BATCH = 100
THRESHOLD = log(CLASSES) / 2
"""Nats: half of what guessing costs."""
CLIP = 1.0
"""Largest Euclidean norm of a replica's whole gradient, where it is clipped (Pascanu et al. 2013, arXiv:1211.5063)."""


@dataclass(frozen=True)
class Outcome:
    """Of one replica: ``loss``, the mean over the last epoch of the loss before each update, None once it is infinite
    or none at all; ``updates`` until then."""

    seed: int
    rate: float
    loss: float | None
    updates: int

    @property
    def trained(self) -> bool:
        """Whether the loss came under the threshold."""
        return self.loss is not None and self.loss < THRESHOLD

    def better_than(self, other: "Outcome") -> bool:
        """Whether it ended lower; any loss is lower than none."""
        return self.loss is not None and (other.loss is None or self.loss < other.loss)


def sample_losses(outputs: Tensor, labels: Tensor) -> Tensor:
    """Each sample's own cross-entropy in nats, of the softmax of the outputs: (R, B, O) and (R, B) to (R, B)."""
    return cross_entropy(outputs.transpose(1, 2), labels, reduction="none")


def best_outcomes(
    model: FeedForward,
    x: Tensor,
    labels: Tensor,
    seeds: Sequence[int],
    rates: Sequence[float],
    epochs: int,
    clip: float | None,
) -> list[Outcome]:
    """Of each replica at its best rate: the first of ``rates`` to train it, else the one with the lowest loss.

    model: float32, one replica a seed; x: (N, I), labels: (N,).
    """
    best: dict[int, Outcome] = {}
    for rate in rates:
        left = [k for k, seed in enumerate(seeds) if seed not in best or not best[seed].trained]
        if not left:
            break
        for outcome in descend(model.select(left), x, labels, [seeds[k] for k in left], rate, epochs, clip):
            if outcome.seed not in best or outcome.better_than(best[outcome.seed]):
                best[outcome.seed] = outcome
    return [best[seed] for seed in seeds]


def descend(
    model: FeedForward,
    x: Tensor,
    labels: Tensor,
    seeds: Sequence[int],
    rate: float,
    epochs: int,
    clip: float | None,
) -> list[Outcome]:
    """Every replica on its own: an epoch goes once through the digits, in an order that its seed draws."""
    theta, rows, ended = model.theta, list(range(len(seeds))), dict[int, Outcome]()
    orders = [generator(seed, "train") for seed in seeds]
    for epoch in range(1, epochs + 1):
        permutation = torch.stack([torch.randperm(len(x), generator=orders[k]) for k in rows]).to(x.device)
        total = torch.zeros(len(rows), device=x.device)
        for batch in torch.split(permutation, BATCH, dim=1):
            theta, losses = _update(model, theta, x[batch], labels[batch], rate, clip)
            total += losses * batch.shape[1] / len(x)
        updates = epoch * -(-len(x) // BATCH)
        now = {k: Outcome(seeds[k], rate, _finite(loss), updates) for k, loss in zip(rows, total.tolist(), strict=True)}
        ended |= now
        kept = [i for i, k in enumerate(rows) if now[k].loss is not None and not now[k].trained]
        if not kept:
            break
        theta, rows = theta[kept], [rows[i] for i in kept]
    return [ended[k] for k in range(len(seeds))]


def _update(
    model: FeedForward, theta: Tensor, x: Tensor, labels: Tensor, rate: float, clip: float | None
) -> tuple[Tensor, Tensor]:
    """The weights after one step and the losses before it, by replica."""
    theta = theta.detach().requires_grad_()
    outputs = model.pre_activations(model.params(theta), x)[-1]
    losses = sample_losses(outputs, labels).mean(dim=1)
    (gradient,) = torch.autograd.grad(losses.sum(), theta)
    if clip is not None:
        norms = torch.linalg.vector_norm(gradient, dim=1)
        gradient = gradient * (clip / norms.clamp(min=clip)).unsqueeze(1)
    return theta.detach() - rate * gradient, losses.detach()


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
