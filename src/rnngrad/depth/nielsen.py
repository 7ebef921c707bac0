"""Chapter 5 of Nielsen 2015, Neural Networks and Deep Learning: hidden layers that learn at different speeds.

Nets 784-30^k-10 of logistic units, cross-entropy, W ~ N(0, 1/n_in), b ~ N(0, 1); the first 1,000 training images of
MNIST, full-batch gradient descent, η = 0.1, L2 with λ = 5 on the weights. Measured before each update: per hidden layer
the norm of the data-averaged gradient of the unregularised cost with respect to the biases, not divided by the width.
Source: fig/generate_gradient.py and src/network2.py of mnielsen/neural-networks-and-deep-learning.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from math import log
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from ..data import Digits
from ..flow.layers import layer_norms
from ..measurement import Measurement
from ..measuring import MeasuringJob, measuring_job
from ..memory import layered_bytes
from ..models import FeedForward

HIDDEN_LAYERS = (1, 2, 3, 4)
HIDDEN, CLASSES = 30, 10
RATE, DECAY = 0.1, 5.0
"""η, and λ: a weight is multiplied by 1 - ηλ/n at every update, n = 1,000."""
EPOCHS = 500
INITIAL_SEEDS = 200
TOGETHER = 30
"""Seeds that run at once: bounds the memory."""


def jobs(digits: Digits, seeds: Sequence[int], device: torch.device) -> list[MeasuringJob]:
    """All nets: at initialisation of 200 seeds, or more if more are trained, then through training of ``seeds``.

    Their numbers: log_norm_of_mean and log_rms_per_sample by seed, hidden_layers, epoch and layer, the unregularised
    loss by seed, hidden_layers and epoch, and that of the best constant answer.
    """
    shared = {"experiment": "nielsen", "digits": digits.fingerprint, "device": device.type}
    found = [measuring_job({**shared, "part": "constant"}, partial(_constant, digits), 0)]
    parts = ((_initial, sorted({*range(INITIAL_SEEDS), *seeds}), 1), (_training, seeds, EPOCHS))
    for hidden_layers in HIDDEN_LAYERS:
        for measure, all_seeds, batches in parts:
            for own in _groups(all_seeds):
                decides = {**shared, "part": measure.__name__, "hidden_layers": hidden_layers, "seeds": list(own)}
                peak = layered_bytes(_widths(hidden_layers), len(own), len(digits.labels))
                work = partial(measure, digits, device, hidden_layers, own)
                found.append(measuring_job(decides, work, peak, batches))
    return found


def _groups(seeds: Sequence[int]) -> list[Sequence[int]]:
    return [seeds[first : first + TOGETHER] for first in range(0, len(seeds), TOGETHER)]


def _widths(hidden_layers: int) -> tuple[int, ...]:
    return (784, *[HIDDEN] * hidden_layers, CLASSES)


def _tensors(digits: Digits, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images (B, I), and the labels as outputs (B, O)."""
    y = one_hot(torch.from_numpy(digits.labels), CLASSES).float()
    return torch.from_numpy(digits.images).to(device), y.to(device)


def _model(hidden_layers: int, seeds: Sequence[int], device: torch.device) -> FeedForward:
    return FeedForward.seeded(_widths(hidden_layers), "sigmoid", "nielsen", seeds).to(device)


def _constant(digits: Digits) -> Iterator[list[Measurement]]:
    share = _tensors(digits, torch.device("cpu"))[1].mean(dim=0)
    yield [Measurement("constant_loss", float(cross_entropy(share.logit(), share)))]


def _initial(
    digits: Digits, device: torch.device, hidden_layers: int, seeds: Sequence[int]
) -> Iterator[list[Measurement]]:
    yield _initial_rows(_model(hidden_layers, seeds, device), *_tensors(digits, device), seeds)


def _training(
    digits: Digits, device: torch.device, hidden_layers: int, seeds: Sequence[int]
) -> Iterator[list[Measurement]]:
    steps = descend(_model(hidden_layers, seeds, device), *_tensors(digits, device), EPOCHS)
    for epoch, step in enumerate(steps):
        yield _training_rows(step, seeds, hidden_layers, epoch) if is_kept(epoch) else []


def is_kept(epoch: int) -> bool:
    """Whether an epoch is stored: all of the first, then fewer and fewer, and the last."""
    return epoch < 20 or (epoch < 100 and epoch % 5 == 0) or epoch % 25 == 0 or epoch == EPOCHS - 1


def cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    """Each sample's own cost, summed over the logistic output units: (…, B, O) to (…, B); its δ is a - y."""
    return binary_cross_entropy_with_logits(outputs, y.expand_as(outputs), reduction="none").sum(dim=-1)


class Step(NamedTuple):
    """Before an update: the weights ``theta`` (R, P), the ``norms`` of the bias gradients of the hidden layers (R, k),
    and the unregularised ``losses`` (R,)."""

    theta: Tensor
    norms: Tensor
    losses: Tensor


def descend(model: FeedForward, x: Tensor, y: Tensor, epochs: int) -> Iterator[Step]:
    """Full-batch descent of all replicas, the norms from each update's own backward pass. x: (B, I), y: (B, O).

    The gradient of the mean loss with respect to a bias is the data-averaged δ of its layer.
    """
    theta, keep = model.theta.detach().clone(), _kept_share(model, len(x))
    for _ in range(epochs):
        theta = theta.requires_grad_()
        outputs = model.pre_activations(model.params(theta), x.expand(len(theta), -1, -1))[-1]
        losses = cross_entropy(outputs, y).mean(dim=1)
        (gradient,) = torch.autograd.grad(losses.sum(), theta)
        biases = model.params(gradient)
        norms = [torch.linalg.vector_norm(biases[f"bias_{k}"], dim=1) for k in range(1, model.depth)]
        theta = theta.detach()
        yield Step(theta, torch.stack(norms, dim=1), losses.detach())
        theta = keep * theta - RATE * gradient


def _kept_share(model: FeedForward, samples: int) -> Tensor:
    """By what weight decay multiplies every weight, (P,): 1 - ηλ/n, and 1 for a bias."""
    factors = {"weight": 1 - RATE * DECAY / samples, "bias": 1.0}
    parts = [torch.full((torch.Size(s).numel(),), factors[name.split("_")[0]]) for name, s in model.shapes.items()]
    return torch.cat(parts).to(model.theta)


def _initial_rows(model: FeedForward, x: Tensor, y: Tensor, seeds: Sequence[int]) -> list[Measurement]:
    """By the common flow code in float64."""
    x, y = x.double().expand(len(seeds), -1, -1), y.double()
    norms = layer_norms(model, x, lambda out: cross_entropy(out, y))
    found = {"log_norm_of_mean": norms.of_mean, "log_rms_per_sample": norms.log_rms()}
    return [
        Measurement(quantity, float(values[model.depth - layer, k, 0]), seed, model.depth - 1, 0, layer)
        for quantity, values in found.items()
        for k, seed in enumerate(seeds)
        for layer in range(1, model.depth)
    ]


def _training_rows(step: Step, seeds: Sequence[int], hidden_layers: int, epoch: int) -> list[Measurement]:
    rows = [
        Measurement("loss", loss, seed, hidden_layers, epoch)
        for seed, loss in zip(seeds, step.losses.tolist(), strict=True)
    ]
    if epoch:  # those at initialisation are there in float64
        for seed, own in zip(seeds, step.norms.tolist(), strict=True):
            rows += [
                Measurement("log_norm_of_mean", log(norm), seed, hidden_layers, epoch, layer)
                for layer, norm in enumerate(own, start=1)
            ]
    return rows
