"""Glorot & Bengio 2010: Jacobians, gradients and weight gradients of two initialisations, beside their formulas."""

from collections.abc import Sequence
from math import exp, log, prod, sqrt
from statistics import median

from ..measurement import Measurement
from ..theory import mean_singular_value
from .base import Row, Settings, interval, ranged, short

N_VAR = {"standard": 1 / 3, "normalised": 1.0}
"""n Var W between layers of n units: their eq. 15, and eq. 12."""

PUBLISHED = {"standard": 0.5, "normalised": 0.8}
"""Average singular value of a layer's Jacobian, "around", in their section 4.2.1; 5 hidden layers."""

HIDDEN_ONLY = ("predicted", "with_slopes", "activation_variance", "saturated")

Values = dict[int, list[float]]
"""One value per seed for every layer."""


def title(settings: Settings) -> str:
    """One line."""
    return f"tanh nets 784-(5 × 1000)-10 before training, {settings['seeds']} seeds (Glorot & Bengio 2010)"


def rows(settings: Settings, numbers: Sequence[Measurement]) -> list[Row]:
    """``jacobian``: mean singular value of ∂z_{l+1}/∂z_l, in theory 0.849 √(n Var W) E[tanh'], and as published.
    ``layer``: variances of the back-propagated gradient (``predicted`` from that of the last hidden layer by eq. 13,
    which takes every tanh' for 1, and ``with_slopes``, by n Var W E[tanh'²] per layer), of the weight gradient (eq. 14:
    the same at all layers) and of the activations; share of saturated units.
    """
    found: list[Row] = []
    for variant in N_VAR:
        own = {q: _by_layer(numbers, variant, q) for q in sorted({n.quantity for n in numbers})}
        found += [*_jacobians(variant, own), *_layers(variant, own)]
    return found


def printed(rows: Sequence[Row]) -> list[Row]:
    """All."""
    return list(rows)


def table(rows: Sequence[Row]) -> list[list[str]]:
    """One line per initialisation and layer."""
    heads = ["init", "layer", "mean singular value of ∂z(l+1)/∂z(l)", "theory", "published", "Var ∂C/∂z", "eq. 13"]
    lines = [[*heads, "with tanh'²", "Var ∂C/∂W", "Var h", "saturated"]]
    jacobians = {(row["variant"], row["layer"]): row for row in rows if row["event"] == "jacobian"}
    for row in rows:
        if row["event"] == "layer":
            own = jacobians.get((row["variant"], row["layer"]))
            first = [ranged(own), short(own["theory"]), f"about {own['published']:g}"] if own else ["–"] * 3
            names = (
                "gradient_variance",
                "predicted",
                "with_slopes",
                "weight_gradient_variance",
                "activation_variance",
                "saturated",
            )
            lines.append([row["variant"], str(row["layer"]), *first, *(short(row[name]) for name in names)])
    return lines


def sentences(rows: Sequence[Row]) -> list[str]:
    """Per initialisation: the singular values, and how the two kinds of gradient change from layer to layer."""
    return [_sentence(variant, [row for row in rows if row["variant"] == variant]) for variant in N_VAR]


def _sentence(variant: str, rows: Sequence[Row]) -> str:
    means = [row["median"] for row in rows if row["event"] == "jacobian"]
    hidden = [row for row in rows if row["event"] == "layer" and row["predicted"] is not None]
    back = log(hidden[0]["gradient_variance"] / hidden[-1]["gradient_variance"]) / (len(hidden) - 1)
    weights = [row["weight_gradient_variance"] for row in hidden]
    return (
        f"{variant}: mean singular values {min(means):.3f} to {max(means):.3f}, "
        f"published about {PUBLISHED[variant]:g}. "
        f"Each layer back multiplies the variance of the gradient by {exp(back):.3f}, n Var W = {N_VAR[variant]:.3f}. "
        f"The variances of the hidden layers' weight gradients differ by a factor of {max(weights) / min(weights):.2f}."
    )


def _by_layer(numbers: Sequence[Measurement], variant: str, quantity: str) -> Values:
    found: Values = {}
    for n in numbers:
        if (n.variant, n.quantity) == (variant, quantity):
            found.setdefault(n.layer or 0, []).append(n.value)
    return found


def _jacobians(variant: str, own: dict[str, Values]) -> list[Row]:
    mean = mean_singular_value(sqrt(N_VAR[variant]))
    return [
        {
            "event": "jacobian",
            "variant": variant,
            "layer": layer,
            **interval(values),
            "theory": mean * median(own["slope_mean"][layer]),
            "published": PUBLISHED[variant],
        }
        for layer, values in own["singular_value_mean"].items()
    ]


def _layers(variant: str, own: dict[str, Values]) -> list[Row]:
    gradients, last = own["log_gradient_variance"], max(own["log_activation_variance"])
    found = []
    for layer in gradients:
        row: Row = {"event": "layer", "variant": variant, "layer": layer}
        for name in ("gradient_variance", "weight_gradient_variance"):
            band = interval([exp(value) for value in own[f"log_{name}"][layer]])
            row |= {name: band["median"], f"{name}_low": band["low"], f"{name}_high": band["high"]}
        found.append(row | (_hidden(variant, own, layer) if layer <= last else dict.fromkeys(HIDDEN_ONLY)))
    return found


def _hidden(variant: str, own: dict[str, Values], layer: int) -> Row:
    """What only a hidden layer has."""
    last = max(own["log_activation_variance"])
    start, steps = exp(median(own["log_gradient_variance"][last])), range(layer, last)
    values = (
        start * N_VAR[variant] ** len(steps),
        start * prod(N_VAR[variant] * median(own["slope_square"][k]) for k in steps),
        exp(median(own["log_activation_variance"][layer])),
        median(own["saturated"][layer]),
    )
    return dict(zip(HIDDEN_ONLY, values, strict=True))
