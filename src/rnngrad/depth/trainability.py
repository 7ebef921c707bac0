"""Does a net train? Gradient descent on the digits, until its training loss is under a threshold or its budget is up.

Plain stochastic gradient descent: no momentum and no adaptive step, which would divide out the very scales of the
gradient that initialisation, normalisation and clipping are there to mend.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, log

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
    """Of one replica: ``loss``, the mean over the last epoch of the loss before each update, infinite once it is that
    or no number; ``updates`` until then."""

    seed: int
    rate: float
    loss: float
    updates: int

    @property
    def trained(self) -> bool:
        """Whether the loss came under the threshold."""
        return self.loss < THRESHOLD


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
            if outcome.seed not in best or outcome.loss < best[outcome.seed].loss:
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
        means = [mean if isfinite(mean) else inf for mean in total.tolist()]
        ended |= {k: Outcome(seeds[k], rate, mean, updates) for k, mean in zip(rows, means, strict=True)}
        left = [i for i, k in enumerate(rows) if isfinite(means[i]) and not ended[k].trained]
        if not left:
            break
        theta, rows = theta[left], [rows[i] for i in left]
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
