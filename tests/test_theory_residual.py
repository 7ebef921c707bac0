"""Mean field of residual nets: closed forms, and wide nets layer by layer."""

from itertools import pairwise
from math import log, pi, sqrt

import pytest
import torch

from rnngrad.errors import UsageError
from rnngrad.flow.layers import layer_norms
from rnngrad.models import FeedForward
from rnngrad.theory import residual_log_factors
from rnngrad.theory.activations import find
from rnngrad.theory.residual import _slope_square


def test_units_that_are_linear_in_parts_keep_their_factor():
    assert residual_log_factors("identity", 3.0, 0.5, 1.0, 4) == pytest.approx([log(2)] * 4)
    assert residual_log_factors("relu", 2.0, 0.0, 7.0, 3) == pytest.approx([log(2) / 2] * 3)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_wide_nets_have_the_variances_and_the_gradients_of_theory_at_every_layer(activation):
    """Width 500, three seeds, 25 layers: the log of every layer's gradient over the last's within 0.05 and 3 %."""
    width, layers, weight_var, bias_var = 500, 25, 1.5, 0.1
    widths = [width] * (layers + 1) + [1]
    model = FeedForward.seeded(widths, activation, f"gaussian_{weight_var}_{bias_var}", range(3), residual=True)
    x = torch.randn(3, 10, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    norms = layer_norms(model.to(torch.float64), x, lambda out: out[..., 0]).log_rms()[..., 0].mean(dim=1)
    measured = (norms[1:] - norms[1]).flip(0)[:-1]  # of the hidden layers, from the first on, over the last
    logs = residual_log_factors(activation, weight_var, bias_var, weight_var + bias_var, layers - 1)
    expected = torch.tensor([sum(logs[layer:]) for layer in range(layers - 1)], dtype=torch.float64)
    torch.testing.assert_close(measured, expected, rtol=0.03, atol=0.05)


def test_saturating_units_end_at_a_factor_of_1():
    logs = residual_log_factors("tanh", 4.0, 0.0, 4.0, 3_000)
    assert all(later < earlier for earlier, later in pairwise(logs))
    assert logs[-1] < 0.02


@pytest.mark.parametrize(("activation", "area"), [("tanh", 4 / 3), ("sigmoid", 1 / 6)])
def test_beyond_the_quadrature_the_slope_is_a_spike_under_a_flat_density(activation, area):
    """E[φ'²] → ∫ φ'² / √(2 π q), and no jump where the quadrature ends."""
    phi = find(activation)
    assert _slope_square(phi, 1e6) == pytest.approx(area / sqrt(2 * pi * 1e6), rel=3e-3)
    assert _slope_square(phi, phi.widest * 1.001) == pytest.approx(_slope_square(phi, phi.widest), rel=1e-3)


def test_an_unknown_activation_is_named():
    with pytest.raises(UsageError, match="did you mean 'tanh'"):
        residual_log_factors("tahn", 1.0, 0.0, 1.0, 3)
