"""The linear chain, W = a · I: activations and gradients are powers of a, exactly."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import isfinite, log

import torch

from ..errors import UsageError
from ..flow.layers import layer_norms
from ..measurement import Measurement
from ..measuring import MeasuringJob, measuring_job
from ..memory import layered_bytes
from ..models import FeedForward
from ..streams import generator

WIDTH, SAMPLES = 8, 4
RANGE = 340.0
"""Activations are plain numbers, whose squares a float64 holds from e^-708 to e^709."""


def jobs(factors: Sequence[float], depth: int, device: torch.device) -> list[MeasuringJob]:
    """One factor a after the other.

    Their numbers, by variant (the factor) and layer, 0 for the input: log_activation, the mean over samples of
    ln |h_l| - ln |x|, and log_gradient, ln |∂C/∂h_l| - ln |∂C/∂h_L| of a cost that is linear in the outputs; both with
    exact_ in front as l ln |a| and (L - l) ln |a|.

    Raises UsageError for a factor of 0, NaN or infinity, and where the activations would leave float64.
    """
    for factor in factors:
        _check(factor, depth)
    shared = {"experiment": "chain", "depth": depth, "device": device.type}
    peak = layered_bytes([WIDTH] * (depth + 1), 1, SAMPLES)
    return [
        measuring_job({**shared, "factor": factor}, partial(_measure, factor, depth, device), peak)
        for factor in factors
    ]


def _measure(factor: float, depth: int, device: torch.device) -> Iterator[list[Measurement]]:
    unit = FeedForward.seeded([WIDTH] * (depth + 1), "identity", "chain_1", [0]).to(device).to(torch.float64)
    model = unit.with_theta(factor * unit.theta)  # in float64, since no float32 is 0.9
    x = torch.randn(SAMPLES, WIDTH, generator=generator(0, "probe"), dtype=torch.float64).to(device).unsqueeze(0)
    states = torch.stack([x, *model.pre_activations(model.params(), x)])
    sizes = torch.linalg.vector_norm(states[:, 0], dim=-1).log()
    gradients = layer_norms(model, x, lambda out: out.sum(dim=-1)).log_rms()[:, 0, 0].flip(0)
    found = {
        "log_activation": (sizes - sizes[0]).mean(dim=1).tolist(),
        "log_gradient": [None, *(gradients - gradients[-1]).tolist()],
        "exact_log_activation": [layer * log(abs(factor)) for layer in range(depth + 1)],
        "exact_log_gradient": [None, *((depth - layer) * log(abs(factor)) for layer in range(1, depth + 1))],
    }
    yield [
        Measurement(quantity, value, layer=layer, variant=repr(factor))
        for quantity, values in found.items()
        for layer, value in enumerate(values)
        if value is not None
    ]


def _check(factor: float, depth: int) -> None:
    if not isfinite(factor) or factor == 0:
        raise UsageError(f"--factor must be a finite number other than 0, got {factor:g}")
    if abs(depth * log(abs(factor))) > RANGE:
        most = int(RANGE / abs(log(abs(factor))))
        raise UsageError(f"the activations of {depth:,} layers of {factor:g} leave float64: use --depth {most} at most")
