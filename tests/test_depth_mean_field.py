"""Gradients of feed-forward nets against mean-field theory: their mean square changes by χ1 from layer to layer.

A net's own log of the mean square deviates from L ln χ1, since its width N is finite, with a variance that goes like
L/N: 5 L/N for one sample in a ReLU net (Hanin & Nica 2018, arXiv:1812.05994), and about 2 L/N here, for the mean over
eight samples. The mean square of S nets is held to four standard errors, 4 √(2 L/(N S)), in its log over all L layers.
"""

from math import log, sqrt

import numpy as np
import pytest
import torch

from rnngrad.flow.layers import layer_norms
from rnngrad.models import FeedForward
from rnngrad.theory import critical_line, mean_field

L = 10
WIDTHS = (250, 500, 1000)
POINTS = {
    "ordered": [("tanh", 0.8, 0.1), ("tanh", 1.0, 0.05), ("tanh", 1.3, 0.05)],
    "critical": [("tanh", critical_line("tanh", bias_var), bias_var) for bias_var in (0.001, 0.05, 0.1)],
    "chaotic": [("tanh", 2.5, 0.05), ("tanh", 3.0, 0.05), ("tanh", 4.0, 0.05)],
    "relu": [("relu", weight_var, 0.0) for weight_var in (1.0, 2.0, 3.0)],
}
"""tanh by phase; ReLU has no phases and is critical at 2 alone."""
EVERY = [pytest.param(*point, id=f"{phase}-{point[1]:.2f}") for phase, own in POINTS.items() for point in own]


def log_mean_squares(activation, weight_var, bias_var, width, seeds, samples=8):
    """By net: ln of the mean square gradient at the first of L + 1 hidden layers over that at the last.

    The input has the variance that makes that of the pre-activations q* from the first layer on.
    """
    theory = mean_field(activation, weight_var, bias_var)
    input_square = (theory.q_star - bias_var) / weight_var if theory.q_star else 1.0
    init, widths = f"gaussian_{weight_var:.9f}_{bias_var:.9f}", (width,) * (L + 2) + (8,)
    logs = []
    for seed in seeds:
        model = FeedForward.seeded(widths, activation, init, [seed])
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(1, samples, width, generator=generator, dtype=torch.float64)
        x = x * (input_square / x.square().mean(dim=-1, keepdim=True)).sqrt()
        found = 2 * layer_norms(model, x, lambda outputs: outputs.sum(-1)).log_rms()[:, 0, 0]
        logs.append(float(found[L + 1] - found[1]))
    return np.array(logs)


def holds(activation, weight_var, bias_var, budget):
    """At each width with as many nets as make N S the budget."""
    expected = L * log(mean_field(activation, weight_var, bias_var).chi_1)
    for width in WIDTHS:
        first = 100 * round(weight_var * 1000)  # nets of their own for every point
        logs = log_mean_squares(activation, weight_var, bias_var, width, range(first, first + budget // width))
        assert log(np.exp(logs).mean()) == pytest.approx(expected, rel=0, abs=4 * sqrt(2 * L / budget)), width


@pytest.mark.parametrize(("activation", "weight_var", "bias_var"), EVERY)
def test_the_mean_square_gradient_changes_by_chi_1(activation, weight_var, bias_var):
    """To 0.4 in the log over ten layers, 0.04 a layer."""
    holds(activation, weight_var, bias_var, budget=2000)


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "weight_var", "bias_var"), EVERY)
def test_the_mean_square_gradient_changes_by_chi_1_closely(activation, weight_var, bias_var):
    """To 0.08 in the log over ten layers, 0.008 a layer."""
    holds(activation, weight_var, bias_var, budget=50_000)


def test_the_points_lie_in_the_phases_that_they_are_named_after():
    chi = {phase: [mean_field(*point).chi_1 for point in own] for phase, own in POINTS.items()}
    assert all(value < 0.96 for value in chi["ordered"])
    assert chi["critical"] == pytest.approx([1.0] * 3, abs=1e-9)
    assert all(value > 1.1 for value in chi["chaotic"])
    assert chi["relu"] == pytest.approx([0.5, 1.0, 1.5])


def squared_error(width, nets, samples=1):
    """Mean of (ln(mean square) - L ln χ1)² over ReLU nets at criticality, where ln χ1 = 0, and its standard error."""
    squares = log_mean_squares("relu", 2.0, 0.0, width, range(nets), samples) ** 2
    return squares.mean(), squares.std(ddof=1) / sqrt(nets)


def test_the_finite_width_error_shrinks_like_depth_over_width():
    """One sample in a ReLU net: 5 L/N. Four standard errors; and the trend from 250 to 1,000 is told from none."""
    found = {width: squared_error(width, nets) for width, nets in zip(WIDTHS, (60, 30, 12), strict=True)}
    for width, (mean, error) in found.items():
        assert mean == pytest.approx(5 * L / width, rel=0, abs=4 * max(error, 5 * L / width * 0.15)), width
    assert found[250][0] - 2 * found[250][1] > found[1000][0]


@pytest.mark.slow
def test_the_finite_width_error_shrinks_like_depth_over_width_closely():
    """The exponent of the squared error in N is -1 within 0.3, and N/L times it is 5 within a quarter."""
    means = np.array([squared_error(width, 400)[0] for width in WIDTHS])
    slope = np.polyfit(np.log(WIDTHS), np.log(means), 1)[0]
    assert slope == pytest.approx(-1, abs=0.3)
    assert means * np.array(WIDTHS) / L == pytest.approx(5, rel=0.25)
