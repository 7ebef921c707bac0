"""What keeps the gradient of a deep net alive, and whether the net then trains: a grid of nets, measured one by one.

A net has ``depth`` hidden layers of one width between the digits and ten classes. The grid crosses depth, activation
and initialisation with a remedy: none (plain), batch normalisation, or residual connections. Of each net

- the gradient at initialisation: of the cross-entropy of 100 digits, every tenth of 1,000, with respect to the
  pre-activation z of the first hidden layer over that of the last, root mean square per sample, float64, ten seeds;
- trainability: whether stochastic descent brings the training loss on the digits under half of what guessing costs.
  Where the gradient explodes, once more with clipping.

With batch normalisation the samples are coupled: a sample's gradient is that of the sum of all samples' losses with
respect to its own z, and all share one log scale.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import exp, inf, log
from typing import Any

import torch
from torch import Tensor

from ..data import Digits
from ..errors import UsageError
from ..flow.layers import layer_norms
from ..measurement import Measurement
from ..measuring import MeasuringJob, measuring_job
from ..memory import layered_bytes, require
from ..models import FeedForward
from ..models.activations import check
from ..models.layer_inits import square_variances
from ..stats import t_interval
from ..theory import batch_norm_factor, mean_field, residual_log_factors
from .trainability import BATCH, CLASSES, CLIP, THRESHOLD, best_outcomes, sample_losses

REMEDIES: Mapping[str, dict[str, Any]] = {
    "plain": {},
    "batch_norm": {"normalisation": "batch"},
    "residual": {"residual": True},
}
ACTIVATIONS = ("sigmoid", "tanh", "relu", "prelu")
ALL_ACTIVATIONS = (*ACTIVATIONS[:3], "leaky_relu", "prelu")
"""A LeakyReLU of slope 0.01 is a ReLU to within a percent, and waits for the whole grid."""
INITS = ("gaussian_0.25", "glorot", "he", "gaussian_4", "orthogonal")
"""Too small, Glorot, He, too large, orthogonal. Between layers of one width Glorot's variance is 1/n_in, ``xavier``."""
NORMALISED_INITS = ("he", "orthogonal")
"""Batch normalisation divides out the scale of the weights, so that inits that differ in nothing else have the same
gradients; the whole grid shows it, where the first four also train alike in all but sigmoids."""
DEPTHS = (2, 5, 10, 20, 50, 100)
ALL_INITS = ("gaussian_0.25", "xavier", *INITS[1:])
ALL_DEPTHS = (2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100)
RATES, ALL_RATES = (0.1, 0.01), (0.1, 0.01, 1.0)
STANDARDS = {"threshold": THRESHOLD, "clip": CLIP, "batch": BATCH}
"""What the outcomes are judged by, beside the protocol."""
INITIAL_SEEDS = 10
EXPLODES = log(10)
"""A gradient explodes where the interval of ln(first/last) lies above this: more than tenfold on the way back."""

Number = tuple[str, float, int | None]
"""Quantity, value and seed."""


@dataclass(frozen=True)
class Recipe:
    """One net of the grid; ``depth`` counts hidden layers."""

    activation: str
    init: str
    remedy: str
    depth: int

    @property
    def variant(self) -> str:
        """Its name, but for the depth."""
        return f"{self.activation} {self.init} {self.remedy}"

    def widths(self, width: int) -> tuple[int, ...]:
        """Of the input, the hidden layers and the output."""
        return (784, *[width] * self.depth, CLASSES)

    def model(self, width: int, seeds: Sequence[int]) -> FeedForward:
        """One replica a seed, float32 on the CPU."""
        return FeedForward.seeded(self.widths(width), self.activation, self.init, seeds, **REMEDIES[self.remedy])


@dataclass(frozen=True)
class Protocol:
    """What all nets of a grid share: ``width`` of the hidden layers, ``seeds`` that are trained, from 0 on, learning
    ``rates`` in the order in which they are tried, and ``epochs`` through the digits."""

    width: int = 64
    seeds: int = 1
    rates: tuple[float, ...] = RATES
    epochs: int = 10


def grid(
    activations: Sequence[str], inits: Sequence[str], depths: Sequence[int], normalised: Sequence[str] | None = None
) -> list[Recipe]:
    """All combinations with all remedies; ``normalised``: the only inits that batch normalisation is tried with.

    Raises UsageError for names that no registry has, an init that is not random, and fewer than two hidden layers.
    """
    pairs = [(activation, init) for activation in dict.fromkeys(activations) for init in dict.fromkeys(inits)]
    for activation, init in pairs:
        check(activation)
        mean_field(activation, *square_variances(init, 1))
    if min(depths) < 2:
        raise UsageError(f"a depth must be at least 2, for a first and a last hidden layer, got {min(depths)}")
    return [
        Recipe(activation, init, remedy, depth)
        for activation, init in pairs
        for remedy in REMEDIES
        if remedy != "batch_norm" or normalised is None or init in normalised
        for depth in sorted(set(depths))
    ]


def settings(recipes: Sequence[Recipe], protocol: Protocol, digits: Digits) -> dict[str, Any]:
    """All that the numbers depend on, ready for JSON: the digits by a hash; ``nets`` parts grids of equal axes."""
    names = ("activation", "init", "depth")
    axes = {f"{name}s": list(dict.fromkeys(getattr(recipe, name) for recipe in recipes)) for name in names}
    judged = {**asdict(protocol), "rates": list(protocol.rates), **STANDARDS}
    return {**axes, **judged, "digits": digits.fingerprint, "nets": len(recipes)}


def jobs(recipes: Sequence[Recipe], protocol: Protocol, digits: Digits, device: torch.device) -> list[MeasuringJob]:
    """One for every net. Raises UsageError for a width that does not fit into memory."""
    shared = {"experiment": "remedies", **asdict(protocol), **STANDARDS, "digits": digits.fingerprint}
    found = [
        measuring_job(
            {**shared, **asdict(recipe), "device": device.type},
            partial(_measure, recipe, protocol, digits, device),
            layered_bytes(recipe.widths(protocol.width), max(INITIAL_SEEDS, protocol.seeds), BATCH),
        )
        for recipe in recipes
    ]
    require(max(job.peak for job in found), device, "use a smaller --width")
    return found


def _measure(recipe: Recipe, protocol: Protocol, digits: Digits, device: torch.device) -> Iterator[list[Measurement]]:
    yield measure_net(recipe, protocol, *_tensors(digits, device))


def measure_net(recipe: Recipe, protocol: Protocol, x: Tensor, labels: Tensor) -> list[Measurement]:
    """``log_first_over_last``, ``log_first`` and ``loss`` before training by seed, the first two -inf or NaN where the
    gradient is exactly 0; ``chi_1`` and ``depth_scale`` of theory; ``training_loss``, infinite where descent diverged,
    ``training_rate`` and ``training_updates`` at the best rate by seed, and where the gradient explodes the same as
    ``clipped_…``. x: (N, I), labels: (N,)."""
    initial = initial_gradients(recipe, protocol.width, x, labels)
    found: list[Number] = [
        (quantity, float(value), seed) for quantity, own in initial.items() for seed, value in enumerate(own)
    ]
    found += [(name, value, None) for name, value in expected(recipe, protocol.width).items()]
    found += _training("training", recipe, protocol, x, labels, None)
    ratios = initial["log_first_over_last"]
    if t_interval(ratios[ratios.isfinite()].tolist())[0] > EXPLODES:
        found += _training("clipped", recipe, protocol, x, labels, CLIP)
    return [Measurement(quantity, value, seed, recipe.depth, variant=recipe.variant) for quantity, value, seed in found]


def initial_gradients(recipe: Recipe, width: int, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """By seed: ln of the gradient at the first hidden layer over that at the last, ln of that at the first, the loss.

    Of every tenth of the digits, which are sorted.
    """
    x, labels = x[:: len(x) // BATCH].double(), labels[:: len(x) // BATCH]
    own = labels.expand(INITIAL_SEEDS, -1)
    model = recipe.model(width, range(INITIAL_SEEDS)).to(x.device).to(torch.float64)
    batch = x.expand(INITIAL_SEEDS, -1, -1)
    logs = layer_norms(model, batch, lambda outputs: sample_losses(outputs, own)).log_rms().squeeze(-1)
    outputs = model.pre_activations(model.params(), batch)[-1]
    first, last = logs[recipe.depth], logs[1]
    losses = sample_losses(outputs, own).mean(dim=1)
    return {"log_first_over_last": first - last, "log_first": first, "loss": losses}


def expected(recipe: Recipe, width: int) -> dict[str, float]:
    """What theory has the squared gradient multiplied by per layer, and the depth scale in layers that it gives.

    Of a plain net χ1, and ξ_c, or where it has no fixed point for correlations to settle at, 1/|ln χ1|, which is the
    same in the ordered phase. With batch normalisation its own factor. Of a residual net, whose factor falls from layer
    to layer, the geometric mean over its hidden layers, and no scale; its first layer is taken to be as wide as the
    others, on inputs of variance 1.
    """
    if recipe.remedy == "residual":
        weight_var, bias_var = square_variances(recipe.init, width)
        layers = recipe.depth - 1
        logs = residual_log_factors(recipe.activation, weight_var, bias_var, weight_var + bias_var, layers)
        return {"chi_1": exp(2 * sum(logs) / layers)}
    if recipe.remedy == "batch_norm":
        factor = batch_norm_factor(recipe.activation) ** 2
        return {"chi_1": factor, "depth_scale": inf if factor == 1 else 1 / log(factor)}
    theory = mean_field(recipe.activation, *square_variances(recipe.init, width))
    return {"chi_1": theory.chi_1, "depth_scale": theory.xi_grad if theory.xi_c is None else theory.xi_c}


def _tensors(digits: Digits, device: torch.device) -> tuple[Tensor, Tensor]:
    """The digits with mean 0 and variance 1 over all pixels, and their labels."""
    images = torch.from_numpy(digits.images)
    return ((images - images.mean()) / images.std()).to(device), torch.from_numpy(digits.labels).to(device)


def _training(
    name: str, recipe: Recipe, protocol: Protocol, x: Tensor, labels: Tensor, clip: float | None
) -> list[Number]:
    seeds = range(protocol.seeds)
    model = recipe.model(protocol.width, seeds).to(x.device)
    outcomes = best_outcomes(model, x, labels, seeds, protocol.rates, protocol.epochs, clip)
    return [
        (f"{name}_{what}", value, outcome.seed)
        for outcome in outcomes
        for what, value in (("loss", outcome.loss), ("rate", outcome.rate), ("updates", float(outcome.updates)))
    ]
