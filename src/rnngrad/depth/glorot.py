"""Glorot & Bengio 2010: what the variance of the weights does to Jacobians, gradients and weight gradients.

Nets 784-1000^5-10 of tanh units with a softmax output, W ~ U[±1/√n_in] ("standard") and U[±√(6/(n_in + n_out))]
("normalised"), b = 0. The input is the digits as they are, grey values from 0 to 1: neither centred nor padded.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from math import log

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..data import Digits
from ..flow.layers import FeedForwardChain, layer_norms
from ..flow.signals import signals, slopes
from ..measurement import Measurement
from ..measuring import MeasuringJob, measuring_job
from ..memory import layered_bytes
from ..models import FeedForward

WIDTHS = (784, *[1000] * 5, 10)
INITS = {"standard": "standard", "normalised": "glorot"}
EVERY = 10
"""Of the 1,000 digits, sorted by class, every tenth is measured."""


def jobs(digits: Digits, seeds: Sequence[int], device: torch.device) -> list[MeasuringJob]:
    """Both initialisations by turns, seed by seed; all in float64.

    Their numbers, by variant, seed and layer: singular_value_mean of the Jacobian ∂z_{l+1}/∂z_l between hidden layers
    at the first digit, slope_mean of tanh' there; log_gradient_variance of ∂C/∂z_l over units and samples, each sample
    with its own cost, log_weight_gradient_variance of ∂C/∂W_l likewise (both about 0, which is their mean over signs);
    and forward log_activation_variance, slope_square, the mean of tanh'², and saturated, the share of units with a
    slope under 5 %.
    """
    shared = {"experiment": "glorot", "digits": digits.fingerprint, "device": device.type}
    peak = layered_bytes(WIDTHS, 1, len(digits.labels) // EVERY)
    return [
        measuring_job({**shared, "seed": seed, "variant": own}, partial(_measure, digits, device, seed, own), peak)
        for seed in seeds
        for own in INITS
    ]


def _measure(digits: Digits, device: torch.device, seed: int, variant: str) -> Iterator[list[Measurement]]:
    x = torch.from_numpy(digits.images[::EVERY]).to(device).double().unsqueeze(0)
    labels = torch.from_numpy(digits.labels[::EVERY]).to(device)
    model = FeedForward.seeded(WIDTHS, "tanh", INITS[variant], [seed]).to(device).to(torch.float64)
    found = {**_forward(model, x), **_backward(model, x, labels), **_jacobians(model, x[:, :1])}
    yield [
        Measurement(quantity, value, seed, model.depth - 1, layer=layer, variant=variant)
        for quantity, values in found.items()
        for layer, value in enumerate(values, start=1)
    ]


def _forward(model: FeedForward, x: Tensor) -> dict[str, list[float]]:
    found, params = signals(model, x), model.params()
    states = model.pre_activations(params, x)[:-1]
    squares = [float(slopes(model, params, layer, z).square().mean()) for layer, z in enumerate(states, start=1)]
    forward = {"log_activation_variance": found.post[0].log().tolist(), "saturated": found.saturated[0].tolist()}
    return forward | {"slope_square": squares}


def _backward(model: FeedForward, x: Tensor, labels: Tensor) -> dict[str, list[float]]:
    """From the norms of the common flow code: |∂C/∂W_l| of a sample is |δ_l| |h_{l-1}|."""
    norms = layer_norms(model, x, lambda out: cross_entropy(out[0], labels, reduction="none").unsqueeze(0))
    per_sample = norms.per_sample[:, 0, :, 0].flip(0)  # (L, B), from the input on
    params = model.params()
    inputs = [x, *(model.activate(params, k, z) for k, z in enumerate(model.pre_activations(params, x)[:-1], start=1))]
    gradients, weight_gradients = [], []
    for layer, (own, below) in enumerate(zip(per_sample, inputs, strict=True), start=1):
        log_norm_below = torch.linalg.vector_norm(below[0], dim=1).log()
        gradients.append(_log_mean_square(own) - log(WIDTHS[layer]))
        weight_gradients.append(_log_mean_square(own + log_norm_below) - log(WIDTHS[layer] * WIDTHS[layer - 1]))
    return {"log_gradient_variance": gradients, "log_weight_gradient_variance": weight_gradients}


def _log_mean_square(log_norms: Tensor) -> float:
    return float((2 * log_norms).logsumexp(dim=0)) - log(len(log_norms))


def _jacobians(model: FeedForward, x: Tensor) -> dict[str, list[float]]:
    """Of one digit: the mean of the n singular values, and of the slopes tanh' at the layer that it starts from."""
    chain, params = FeedForwardChain(model, x[0]), model.params()
    hidden = range(1, model.depth - 1)
    means = [float(torch.linalg.svdvals(chain.jacobian(layer + 1)[0]).mean()) for layer in hidden]
    steep = [float(slopes(model, params, layer, chain.states[layer].unsqueeze(0)).mean()) for layer in hidden]
    return {"singular_value_mean": means, "slope_mean": steep}
