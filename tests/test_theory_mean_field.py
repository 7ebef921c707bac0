"""Mean-field theory against published values, adaptive quadrature, iterated maps and wide nets."""

from math import acos, exp, inf, log, pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad

from rnngrad.errors import UsageError
from rnngrad.theory import critical_line, mean_field
from rnngrad.theory.activations import ACTIVATIONS

# Plain formulas, apart from the package's own.
VALUES = {
    "tanh": np.tanh,
    "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    "relu": lambda u: np.maximum(u, 0.0),
    "leaky_relu": lambda u: np.maximum(u, 0.01 * u),
    "prelu": lambda u: np.maximum(u, 0.25 * u),
    "identity": lambda u: u,
}
SLOPES = {
    "tanh": lambda u: np.cosh(u) ** -2.0,
    "sigmoid": lambda u: np.exp(-u) / (1 + np.exp(-u)) ** 2,
    "relu": lambda u: (u > 0) * 1.0,
    "leaky_relu": lambda u: np.where(u > 0, 1.0, 0.01),
    "prelu": lambda u: np.where(u > 0, 1.0, 0.25),
    "identity": lambda u: u**0,
}
every_activation = pytest.mark.parametrize("name", ACTIVATIONS)
GRID = np.linspace(-9, 9, 1200)
DENSITY = np.exp(-(GRID**2) / 2)
DENSITY /= DENSITY.sum()


def adaptive_mean(f):
    """E f(z) by an adaptive rule that shares nothing with Gauss and Hermite; split at 0, where ReLU has its kink."""

    def integrand(z):
        return f(z) * exp(-z * z / 2) / sqrt(2 * pi)

    pieces = ((-12, -1), (-1, 0), (0, 1), (1, 12))
    return sum(quad(integrand, *piece, epsabs=1e-12, epsrel=1e-12, limit=300)[0] for piece in pieces)


def test_every_activation_is_tested():
    assert list(VALUES) == list(ACTIVATIONS)


@every_activation
@pytest.mark.parametrize("q", [0.02, 0.57, 4.0, 40.0])
def test_averages_equal_adaptive_quadrature(name, q):
    phi, value, slope = ACTIVATIONS[name], VALUES[name], SLOPES[name]
    s = sqrt(q)
    assert phi.square(q) == pytest.approx(adaptive_mean(lambda z: value(s * z) ** 2), rel=1e-9)
    assert phi.slope_square(q) == pytest.approx(adaptive_mean(lambda z: slope(s * z) ** 2), rel=1e-9)
    step = 1e-4 * q
    assert phi.growth(q) == pytest.approx((phi.square(q + step) - phi.square(q - step)) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_averages_hold_up_to_the_widest_variance(name):
    phi, s = ACTIVATIONS[name], sqrt(ACTIVATIONS[name].widest)
    assert phi.square(phi.widest) == pytest.approx(adaptive_mean(lambda z: VALUES[name](s * z) ** 2), rel=1e-9)
    assert phi.slope_square(phi.widest) == pytest.approx(adaptive_mean(lambda z: SLOPES[name](s * z) ** 2), rel=1e-9)


@every_activation
@pytest.mark.parametrize("c", [0.0, 0.4, 0.95, 1.0])
def test_averages_over_two_states_equal_a_double_sum(name, c):
    """The kink of ReLU costs the double sum its digits."""
    q = 1.7
    second = c * GRID[:, None] + sqrt(1 - c * c) * GRID
    tolerance = 1e-3 if name.endswith("relu") else 1e-9
    for f, found in ((VALUES[name], "product"), (SLOPES[name], "slope_product")):
        expected = (DENSITY * f(sqrt(q) * GRID)) @ (f(sqrt(q) * second) @ DENSITY)
        assert getattr(ACTIVATIONS[name], found)(q, c) == pytest.approx(expected, rel=tolerance, abs=1e-12)


@every_activation
def test_the_steepest_slope_is_the_largest_there_is(name):
    assert ACTIVATIONS[name].steepest == pytest.approx(SLOPES[name](np.linspace(-5, 5, 10_001)).max(), abs=1e-12)


@pytest.mark.parametrize(
    ("bias_var", "weight_var"), [(1e-5, 1.03952), (2.01e-5, 1.05000), (1e-3, 1.18919), (0.05, 1.76095), (0.1, 1.98607)]
)
def test_the_critical_line_of_tanh_has_the_published_digits(bias_var, weight_var):
    found = critical_line("tanh", bias_var)
    assert found == pytest.approx(weight_var, abs=6e-6)
    assert mean_field("tanh", found, bias_var).chi_1 == pytest.approx(1, abs=1e-12)


def test_the_critical_point_of_the_literature():
    assert mean_field("tanh", critical_line("tanh", 0.05), 0.05).q_star == pytest.approx(0.57005, abs=5e-6)


def test_critical_points_without_bias():
    assert critical_line("tanh", 0) == pytest.approx(1, abs=1e-12)
    assert critical_line("relu", 0) == 2
    assert critical_line("identity", 0) == 1
    sigmoid = critical_line("sigmoid", 0)
    assert mean_field("sigmoid", sigmoid).chi_1 == pytest.approx(1, abs=1e-12)
    assert mean_field("sigmoid", 0.9 * sigmoid).chi_1 < 1 < mean_field("sigmoid", 1.1 * sigmoid).chi_1


@pytest.mark.parametrize(
    ("weight_var", "chi_1", "xi_grad"),
    [
        (1.0, 0.75903, 3.63),
        (1.5, 0.93864, 15.8),
        (1.7, 0.98674, 74.9),
        (2.0, 1.04767, 21.5),
        (3.0, 1.20893, 5.27),
        (4.0, 1.34240, 3.40),
    ],
)
def test_gradient_factors_and_scales_of_tanh_have_the_published_digits(weight_var, chi_1, xi_grad):
    found = mean_field("tanh", weight_var, 0.05)
    assert found.chi_1 == pytest.approx(chi_1, abs=6e-6)
    assert found.xi_grad == pytest.approx(xi_grad, rel=2e-3)
    assert (found.c_star == 1) == (chi_1 < 1)


def test_nielsens_sigmoid_net():
    found = mean_field("sigmoid", weight_var=1, bias_var=1)
    assert found.q_star == pytest.approx(1.3021, abs=5e-5)
    assert found.gradient_factor == pytest.approx(0.2048, abs=5e-5)
    assert found.log_gradient_factor == pytest.approx(log(found.gradient_factor))


def test_torchs_default_recurrent_net_loses_a_third_of_its_log_three_per_step():
    found = mean_field("tanh", 1 / 3)
    assert found.gradient_factor == pytest.approx(sqrt(1 / 3))
    assert found.q_star == 0
    assert found.c_star is None
    assert "dies out" in found.note


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
@pytest.mark.parametrize(("weight_var", "bias_var"), [(1.0, 0.05), (3.0, 0.05), (4.0, 0.0), (250.0 / 4, 0.3)])
def test_iterated_maps_arrive_at_the_fixed_points_at_the_stated_rates(name, weight_var, bias_var):
    """q and c are iterated with plain sums; the last steps give the rates."""
    value, found = VALUES[name], mean_field(name, weight_var, bias_var)
    q, qs = 1.0, []
    for _ in range(400):
        q = weight_var * DENSITY @ value(sqrt(q) * GRID) ** 2 + bias_var
        qs.append(q)
    assert q == pytest.approx(found.q_star, rel=1e-9)
    errors = np.abs(np.array(qs) - q)
    seen = errors[(errors > 1e-8 * q) & (errors < 1e-4 * q)]
    assert -1 / np.log(seen[-1] / seen[-2]) == pytest.approx(found.xi_q, rel=1e-2)

    def after(c):
        second = c * GRID[:, None] + sqrt(1 - c * c) * GRID
        product = (DENSITY * value(sqrt(q) * GRID)) @ (value(sqrt(q) * second) @ DENSITY)
        return (weight_var * product + bias_var) / q

    c_star, step = found.c_star, 1e-5
    assert after(c_star) == pytest.approx(c_star, abs=1e-9)
    slope = (after(c_star) - after(c_star - step)) / step if c_star == 1 else (after(c_star + step) - c_star) / step
    assert exp(-1 / found.xi_c) == pytest.approx(slope, abs=1e-3)


def test_a_relu_net_below_criticality_has_the_closed_form():
    found = mean_field("relu", 1.0, bias_var=0.1, input_var=0.3)
    assert found.q_star == pytest.approx(0.8)
    assert found.chi_1 == 0.5
    assert found.c_star == 1
    assert found.xi_q == pytest.approx(1 / log(2))


@pytest.mark.parametrize(
    ("weight_var", "bias_var", "words"), [(2.0, 0.0, "kept as it is"), (2.0, 0.1, "without bound"), (3, 0, "without")]
)
def test_a_relu_net_without_a_fixed_point_says_so_and_keeps_its_gradient_factor(weight_var, bias_var, words):
    found = mean_field("relu", weight_var, bias_var)
    assert (found.q_star, found.c_star, found.xi_q, found.xi_c) == (None, None, None, None)
    assert found.chi_1 == weight_var / 2
    assert words in found.note


def test_scales_are_infinite_at_criticality():
    assert mean_field("relu", 2.0).xi_grad == inf
    found = mean_field("tanh", critical_line("tanh", 0.05), 0.05)
    assert found.xi_c > 1e6
    assert found.xi_grad > 1e6


def test_the_input_counts_like_a_bias():
    split, joint = mean_field("tanh", 1.5, 0.02, 0.03), mean_field("tanh", 1.5, 0.05)
    assert split.chi_1 == joint.chi_1
    assert split.xi_c == joint.xi_c


@pytest.mark.parametrize(
    ("name", "weight_var", "bias_var"), [("tanh", 1.3, 0.05), ("sigmoid", 6.0, 0.2), ("relu", 1.6, 0.1)]
)
def test_a_wide_multi_layer_perceptron_does_as_predicted(name, weight_var, bias_var):
    """Width 1000: fluctuations of some 1/√1000 per layer, averaged over layers and samples."""
    rng, n, depth = np.random.default_rng(0), 1000, 14
    z, slopes, weights = rng.normal(size=(n, 4)), [], []
    for _ in range(depth):
        weights.append(rng.normal(0, sqrt(weight_var / n), (n, n)))
        slopes.append(SLOPES[name](z))
        z = weights[-1] @ VALUES[name](z) + rng.normal(0, sqrt(bias_var), (n, 1))
    found = mean_field(name, weight_var, bias_var)
    assert np.mean(z**2) == pytest.approx(found.q_star, rel=0.1)
    delta, norms = rng.normal(size=(n, 4)), []
    for weight, slope in zip(weights[::-1][:8], slopes[::-1][:8], strict=True):
        delta = slope * (weight.T @ delta)
        norms.append(np.log(np.mean(delta**2)))
    assert (norms[-1] - norms[0]) / 7 == pytest.approx(log(found.chi_1), abs=0.05)


def test_a_wide_recurrent_net_with_noise_for_input_does_as_predicted():
    rng, n, steps = np.random.default_rng(1), 800, 30
    weight_var, bias_var, input_var = 1.2, 0.02, 0.4
    weight, bias = rng.normal(0, sqrt(weight_var / n), (n, n)), rng.normal(0, sqrt(bias_var), n)
    h, slopes, squares = np.zeros(n), [], []
    for _ in range(steps):
        z = weight @ h + bias + rng.normal(0, sqrt(input_var), n)
        h = np.tanh(z)
        slopes.append(1 - h**2)
        squares.append(np.mean(z**2))
    delta = rng.normal(size=n)
    logs = []
    for slope in slopes[::-1][:15]:
        delta = weight.T @ (slope * delta)
        logs.append(log(delta @ delta))
    found = mean_field("tanh", weight_var, bias_var, input_var)
    assert np.mean(squares[10:]) == pytest.approx(found.q_star, rel=0.05)
    assert (logs[-1] - logs[0]) / 14 == pytest.approx(log(found.chi_1), abs=0.05)


def test_the_kernel_of_relu_is_cho_and_sauls():
    theta = acos(0.3)
    expected = (np.sin(theta) + (pi - theta) * np.cos(theta)) / (2 * pi)
    assert ACTIVATIONS["relu"].product(1.0, 0.3) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mean_field("tnh", 1.0), "did you mean 'tanh'"),
        (lambda: mean_field("tanh", -1.0), "weight_var is a variance"),
        (lambda: mean_field("tanh", 0.0), "weight_var is 0"),
        (lambda: mean_field("tanh", 1.0, bias_var=float("nan")), "bias_var is a variance"),
        (lambda: mean_field("tanh", 1.0, input_var=inf), "input_var is a variance"),
        (lambda: mean_field("tanh", 200.0), "too large"),
        (lambda: critical_line("tanh", 1e6), "too large"),
        (lambda: critical_line("relu", 0.1), "bias_var 0 alone"),
        (lambda: critical_line("tanh", -0.1), "bias_var is a variance"),
    ],
)
def test_bad_variances_are_one_clear_error(call, words):
    with pytest.raises(UsageError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["a", None, [1.0]])
def test_a_variance_that_is_no_number_is_refused(value):
    with pytest.raises(UsageError, match="weight_var is a variance: it must be a finite number"):
        mean_field("tanh", value)
