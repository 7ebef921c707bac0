"""The factors |w σ'(z)| that an error is multiplied by on its way back through logistic units: their distribution at
initialisation, the interval in which one is 1 or more, and the nets that hold all of them there.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from ..data import Digits
from ..flow.layers import layer_norms
from ..flow.signals import slopes
from ..measurement import Measurement
from ..measuring import Measure, MeasuringJob, measuring_job
from ..memory import layered_bytes
from ..models import FeedForward
from ..theory import growth_interval, widest_growth_interval

HIDDEN_LAYERS = 4
WIDTHS = (784, *[30] * HIDDEN_LAYERS, 10)
INITS = {"w ~ N(0, 1/n)": "nielsen", "w ~ N(0, 1)": "unscaled"}
EVERY = 10
"""Of the 1,000 digits, sorted by class, every tenth is measured."""
SHARES = np.linspace(0, 1, 101).tolist()

DEPTH = 30
CHAINS = {
    "w = 1": (1.0, 0.5),
    "w = 4": (4.0, 0.5),
    "w = 20": (20.0, 0.5),
    "w = 100": (100.0, 0.5),
    "w = 20, input 0.15 off": (20.0, 0.65),
}
"""Chains of single units with b = -w/2, so that an input of 1/2 gives z = 0 and the steepest slope, 1/4, at every unit;
by name, the weight and the input.

The last input is just outside the interval in which w = 20 makes a factor of 1: z_1 = 3, and the first factor is 0.904,
so that its line is almost flat from layer 2 to layer 1; but a_1 = 0.953 is far outside, and the rest fall."""


def jobs(digits: Digits, seeds: Sequence[int], device: torch.device) -> list[MeasuringJob]:
    """Distributions, intervals, chains.

    Their numbers: by variant and layer, over all weights that lead back to hidden layer l, all seeds and digits,
    quantile of |w σ'(z_l)| at the share x, and growing, the share that is 1 or more. growth_interval at the weight x,
    and widest_growth_interval. By variant and layer of a chain: log_gradient, ln |∂C/∂z_l| - ln |∂C/∂z_L|.
    """
    drawn = {"digits": digits.fingerprint, "seeds": list(seeds)}
    parts: list[tuple[dict[str, Any], Measure]] = [
        *(({"variant": own, **drawn}, partial(_distribution, own, digits, seeds, device)) for own in INITS),
        ({"part": "intervals"}, _intervals),
        *(({"variant": own}, partial(_chain, own, device)) for own in CHAINS),
    ]
    shared = {"experiment": "factors", "device": device.type}
    samples = HIDDEN_LAYERS * WIDTHS[1] * len(digits.labels) // EVERY  # the factors of a layer: one a weight and digit
    peak = layered_bytes(WIDTHS, len(seeds), samples)
    return [measuring_job({**shared, **decides}, measure, peak) for decides, measure in parts]


def _distribution(
    variant: str, digits: Digits, seeds: Sequence[int], device: torch.device
) -> Iterator[list[Measurement]]:
    model = FeedForward.seeded(WIDTHS, "sigmoid", INITS[variant], seeds).to(device)
    params = model.params()
    x = torch.from_numpy(digits.images[::EVERY]).to(model.theta.device).expand(len(model.theta), -1, -1)
    rows = []
    for layer, z in enumerate(model.pre_activations(params, x)[:-1], start=1):
        slope = slopes(model, params, layer, z)  # (R, B, n_l)
        factors = (
            (params[f"weight_{layer + 1}"].unsqueeze(1) * slope.unsqueeze(2)).abs().flatten().double().cpu().numpy()
        )
        own = Measurement("growing", float((factors >= 1).mean()), layer=layer, variant=variant)
        quantiles = zip(np.quantile(factors, SHARES).tolist(), SHARES, strict=True)
        rows += [own, *(own._replace(quantity="quantile", value=value, x=share) for value, share in quantiles)]
    yield rows


def _intervals() -> Iterator[list[Measurement]]:
    weights = np.geomspace(4, 100, 200).tolist()
    rows = [Measurement("growth_interval", growth_interval(weight), x=weight) for weight in weights]
    weight, width = widest_growth_interval()
    yield [*rows, Measurement("widest_growth_interval", width, x=weight)]


def _chain(variant: str, device: torch.device) -> Iterator[list[Measurement]]:
    """W = w, b = -w/2 at every unit, by the common flow code."""
    weight, start = CHAINS[variant]
    form = FeedForward.seeded([1] * (DEPTH + 1), "sigmoid", "xavier", [0])
    theta = torch.tensor([[weight, -weight / 2] * DEPTH], dtype=torch.float64, device=device)
    x = torch.tensor([[[start]]], dtype=torch.float64, device=device)
    logs = layer_norms(form.with_theta(theta), x, lambda out: out.sum(dim=-1)).log_rms()[:, 0, 0].flip(0)
    values = (logs - logs[-1]).tolist()
    yield [Measurement("log_gradient", v, layer=layer, variant=variant) for layer, v in enumerate(values, start=1)]
