"""What keeps the gradient of a deep net alive, and whether the net then trains: a grid of nets, measured one by one.

A net has ``depth`` hidden layers of one width between the digits and ten classes. The grid crosses depth, activation
and initialisation with a remedy: none (plain), batch normalisation, or residual connections. Of each net

- the gradient at initialisation: of the cross-entropy of 100 digits, ten of each class or nearly, with respect to the
  pre-activation z of the first hidden layer over that of the last, root mean square per sample, float64, ten seeds;
- trainability: whether stochastic descent brings the training loss on 1,000 digits under half of what guessing costs.
  Where the gradient explodes, once more with clipping.

With batch normalisation the samples are coupled: a sample's gradient is that of the sum of all samples' losses with
respect to its own z, and all share one log scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import inf, isfinite, log
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import Digits
from ..errors import UsageError, unknown
from ..flow.layers import layer_norms
from ..models import FeedForward
from ..models.activations import check
from ..models.layer_inits import square_variances
from ..stats import t_interval
from ..theory import mean_field
from ..theory.batch_norm import batch_norm_factor
from .trainability import BATCH, CLASSES, CLIP, THRESHOLD, best_outcomes, sample_losses

REMEDIES: Mapping[str, dict[str, Any]] = {
    "plain": {},
    "batch_norm": {"normalisation": "batch"},
    "residual": {"residual": True},
}
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "prelu")
INITS = ("gaussian_0.25", "glorot", "he", "gaussian_4", "orthogonal")
"""Too small, Glorot, He, too large, orthogonal. Between layers of one width Glorot's variance is 1/n_in, ``xavier``."""
DEPTHS = (2, 5, 10, 20, 50, 100)
ALL_INITS = ("gaussian_0.25", "xavier", *INITS[1:])
ALL_DEPTHS = (2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100)
INITIAL_SEEDS = 10
EXPLODES = log(10)
"""A gradient explodes where the interval of ln(first/last) lies above this: more than tenfold on the way back."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """One net of the grid; ``depth`` counts hidden layers."""

    activation: str
    init: str
    remedy: str
    depth: int

    def check(self) -> None:
        """Raises UsageError for names that no registry has, an init that is not random, and fewer than two layers."""
        check(self.activation)
        square_variances(self.init, 1)
        if self.remedy not in REMEDIES:
            raise unknown("remedy", self.remedy, REMEDIES)
        if self.depth < 2:
            raise UsageError(f"a depth must be at least 2, for a first and a last hidden layer, got {self.depth}")

    def model(self, width: int, seeds: Sequence[int]) -> FeedForward:
        """One replica a seed, float32 on the CPU."""
        widths = (784, *[width] * self.depth, CLASSES)
        return FeedForward.seeded(widths, self.activation, self.init, seeds, **REMEDIES[self.remedy])


@dataclass(frozen=True)
class Protocol:
    """What all nets of a grid share: ``width`` of the hidden layers, ``seeds`` that are trained, from 0 on, learning
    ``rates`` in the order in which they are tried, and ``epochs`` of ten updates each."""

    width: int = 64
    seeds: int = 1
    rates: tuple[float, ...] = (0.1, 0.01)
    epochs: int = 10


def grid(activations: Sequence[str], inits: Sequence[str], depths: Sequence[int]) -> list[Recipe]:
    """All combinations with all remedies, the shallow nets first. Raises UsageError for what no net can have."""
    names = [(activation, init) for activation in activations for init in inits]
    recipes = [Recipe(*pair, remedy, depth) for depth in sorted(set(depths)) for pair in names for remedy in REMEDIES]
    for recipe in recipes:
        recipe.check()
    return recipes


def key(recipe: Recipe, protocol: Protocol, digits: Digits) -> Row:
    """What a row has to agree in for its net to count as measured."""
    images = sha256(digits.images.tobytes() + digits.labels.tobytes()).hexdigest()[:12]
    return {**asdict(recipe), **asdict(protocol), "rates": list(protocol.rates), "digits": images}


def measure(recipe: Recipe, protocol: Protocol, digits: Digits, device: torch.device) -> Row:
    """One net: its row, ready for JSON. Logs are natural; None is a gradient of exactly 0, or a loss that is no number.

    ``log_first_over_last`` by seed, its ``mean`` with the 95 % ``low`` and ``high`` (t-interval of the log over seeds);
    ``log_first`` by seed; ``loss``, the median over seeds at initialisation; ``chi_1`` and ``depth_scale`` of theory;
    ``training`` and ``clipped``: by seed the outcome at the best rate, the latter only where the gradient explodes.
    """
    x, labels = _tensors(digits, device)
    ratios, firsts, losses = initial_gradients(recipe, protocol.width, x, labels)
    finite = [ratio for ratio in ratios if isfinite(ratio)]
    low, high = t_interval(finite)
    chi_1, scale = expected(recipe, protocol.width)
    row: Row = {
        **key(recipe, protocol, digits),
        "log_first_over_last": _finite(ratios),
        **dict(zip(("mean", "low", "high"), _finite([np.mean(finite) if finite else inf, low, high]), strict=True)),
        "log_first": _finite(firsts),
        "loss": _finite([float(np.median(losses))])[0],
        "chi_1": chi_1,
        "depth_scale": None if scale is None or scale == inf else scale,
        "training": _training(recipe, protocol, x, labels, None),
    }
    explodes = row["low"] is not None and row["low"] > EXPLODES
    return row | {"clipped": _training(recipe, protocol, x, labels, CLIP) if explodes else None}


def initial_gradients(
    recipe: Recipe, width: int, x: Tensor, labels: Tensor
) -> tuple[list[float], list[float], list[float]]:
    """By seed: ln of the gradient at the first hidden layer over that at the last, ln of that at the first, the loss.

    Of every tenth of the digits, which are sorted. x: (N, I), labels: (N,).
    """
    x, labels = x[:: len(x) // BATCH], labels[:: len(x) // BATCH]
    own = labels.expand(INITIAL_SEEDS, -1)
    model = recipe.model(width, range(INITIAL_SEEDS)).to(x.device).to(torch.float64)
    batch = x.double().expand(INITIAL_SEEDS, -1, -1)
    logs = layer_norms(model, batch, lambda outputs: sample_losses(outputs, own)).log_rms().squeeze(-1)
    losses = sample_losses(model.pre_activations(model.params(), batch)[-1], own).mean(dim=1)
    first, last = logs[recipe.depth], logs[1]
    return (first - last).tolist(), first.tolist(), losses.tolist()


def expected(recipe: Recipe, width: int) -> tuple[float | None, float | None]:
    """What theory has the squared gradient multiplied by per layer, and the depth scale in layers that it gives.

    Of a plain net χ1, and ξ_c, or where it has no fixed point for correlations to settle at, 1/|ln χ1|, which is the
    same in the ordered phase. With batch normalisation its own factor. None for a residual net, which has no rate.
    """
    if recipe.remedy == "residual":
        return None, None
    if recipe.remedy == "batch_norm":
        factor = batch_norm_factor(recipe.activation) ** 2
        return factor, 1 / log(factor)
    theory = mean_field(recipe.activation, *square_variances(recipe.init, width))
    return theory.chi_1, theory.xi_grad if theory.xi_c is None else theory.xi_c


def _tensors(digits: Digits, device: torch.device) -> tuple[Tensor, Tensor]:
    """The digits with mean 0 and variance 1 over all pixels, and their labels."""
    images = torch.from_numpy(digits.images)
    return ((images - images.mean()) / images.std()).to(device), torch.from_numpy(digits.labels).to(device)


def _training(recipe: Recipe, protocol: Protocol, x: Tensor, labels: Tensor, clip: float | None) -> list[Row]:
    seeds = range(protocol.seeds)
    model = recipe.model(protocol.width, seeds).to(x.device)
    outcomes = best_outcomes(model, x, labels, seeds, protocol.rates, protocol.epochs, clip)
    return [{**asdict(outcome), "trained": outcome.trained} for outcome in outcomes]


def _finite(values: Sequence[float]) -> list[float | None]:
    """Six decimals of a natural log are a relative 1e-6."""
    return [round(float(value), 6) if isfinite(value) else None for value in values]


__all__ = [
    "ACTIVATIONS",
    "ALL_DEPTHS",
    "ALL_INITS",
    "DEPTHS",
    "INITS",
    "REMEDIES",
    "THRESHOLD",
    "Protocol",
    "Recipe",
    "Row",
    "expected",
    "grid",
    "initial_gradients",
    "key",
    "measure",
]
