"""Random nets against mean-field theory: the mean squared gradient changes by chi_1 per layer, the more so if wide.

In a net of width N the log of a squared gradient over L layers has a variance over seeds that grows like L/N, and so
does what its mean is off; the tolerance of a mean over seeds is three standard errors plus L/N.
"""

from math import log, sqrt

import pytest
import torch

from rnngrad.flow.layers import layer_norms
from rnngrad.models import FeedForward
from rnngrad.theory import mean_field

LAYERS, SEEDS = 12, 12
ORDERED = [(1.0, 0.05), (1.2, 0.2), (0.5, 0.01)]
CRITICAL = [(1.76095, 0.05), (1.98607, 0.1), (1.18919, 1e-3)]
CHAOTIC = [(2.5, 0.05), (3.0, 0.1), (4.0, 0.05)]
"""σ_w² and σ_b² of tanh nets."""


def log_squares(activation, weight_var, bias_var, width, layers=LAYERS, seeds=SEEDS):
    """ln of the squared gradient ``layers`` back over that at the start, per seed, of an input with variance q*."""
    theory = mean_field(activation, weight_var, bias_var)
    h_0 = ((theory.q_star or 1.0) - bias_var) / weight_var
    found = []
    for seed in range(seeds):
        own = torch.Generator().manual_seed(seed)
        x = torch.randn(1, 1, width, dtype=torch.float64, generator=own)
        x *= sqrt(h_0 * width) / x.norm()
        direction = torch.randn(width, dtype=torch.float64, generator=own)
        model = FeedForward.seeded(
            [width] * (layers + 2), activation, f"gaussian_{weight_var:.9f}_{bias_var:.9f}", [seed]
        )
        logs = 2 * layer_norms(model, x, lambda out, direction=direction: out @ direction).per_sample[:, 0, 0, 0]
        found.append(float(logs[layers] - logs[0]))
    return torch.tensor(found, dtype=torch.float64)


def log_mean(logs):
    return float(logs.logsumexp(0)) - log(len(logs))


@pytest.mark.parametrize(
    ("sign", "variances"),
    [*((-1, point) for point in ORDERED), *((0, point) for point in CRITICAL), *((1, point) for point in CHAOTIC)],
)
def test_tanh_in_each_phase(sign, variances):
    rate = log(mean_field("tanh", *variances).chi_1)
    assert (rate > 1e-5) - (rate < -1e-5) == sign
    logs = log_squares("tanh", *variances, width=250)
    tolerance = 3 * float(logs.std()) / sqrt(SEEDS) + LAYERS / 250
    assert log_mean(logs) == pytest.approx(LAYERS * rate, abs=tolerance)
    assert tolerance < 0.6


@pytest.mark.parametrize("weight_var", [1.0, 2.0, 3.0])
def test_relu_has_one_slope_and_no_phases(weight_var):
    logs = log_squares("relu", weight_var, 0.0, width=250)
    tolerance = 3 * float(logs.std()) / sqrt(SEEDS) + LAYERS / 250
    assert log_mean(logs) == pytest.approx(LAYERS * log(weight_var / 2), abs=tolerance)
    assert tolerance < 0.8


def test_wider_nets_are_closer_and_the_error_is_of_order_layers_over_width():
    spread = {w: float(log_squares("tanh", 1.5, 0.05, w, layers=5, seeds=24).var()) for w in (250, 500, 1000)}
    assert spread[250] > spread[500] > spread[1000]
    for width, variance in spread.items():
        assert 0.5 < variance / (5 / width) < 6
