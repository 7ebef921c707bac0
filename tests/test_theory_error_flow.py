"""The classical bounds: each tight somewhere, each vacuous somewhere, none ever exceeded."""

from math import exp, inf, log, sqrt

import numpy as np
import pytest

from rnngrad.errors import UsageError
from rnngrad.theory import Bound, error_flow_bounds

VALUES = {"tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "relu": lambda z: np.maximum(z, 0.0)}
SLOPES = {
    "tanh": lambda z: np.cosh(z) ** -2.0,
    "sigmoid": lambda z: VALUES["sigmoid"](z) * VALUES["sigmoid"](-z),
    "relu": lambda z: (z > 0) * 1.0,
}
CEILINGS = ["hochreiter_global", "hochreiter_weights", "pascanu_vanishing", "pascanu_exploding"]
LAGS = np.arange(40)


def bound(name, weight, bias=None, activation="tanh") -> Bound:
    weight = np.atleast_2d(np.asarray(weight, dtype=float))
    bias = np.zeros(len(weight)) if bias is None else bias
    return {b.name: b for b in error_flow_bounds(weight, bias, activation)}[name]


def rotation(n, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def run(weight, activation, seed, input_scale=1.0, lags=40):
    """Step Jacobians of a net with random bias and input, J_t = diag(φ') W, last step first."""
    rng, n = np.random.default_rng(seed), len(weight)
    h, bias, found = rng.uniform(-1, 1, n), rng.normal(size=n), []
    for _ in range(lags):
        z = weight @ h + input_scale * (bias + rng.normal(size=n))
        h = VALUES[activation](z)
        found.append(SLOPES[activation](z)[:, None] * weight)
    return found[::-1]


def long_jacobian_logs(steps):
    """ln of the spectral norm and of the largest entry of J at lags 0, 1, …, (len(steps) + 1, 2)."""
    product, logs = np.eye(len(steps[0])), []
    for step in [np.eye(len(steps[0])), *steps]:
        product = product @ step
        logs.append([np.linalg.norm(product, 2), np.abs(product).max()])
    with np.errstate(divide="ignore"):
        return np.log(logs)


@pytest.mark.parametrize("activation", VALUES)
@pytest.mark.parametrize("gain", [0.3, 0.8, 1.5, 5.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_measured_norm_exceeds_a_ceiling(activation, gain, seed):
    n = 1 + 3 * seed
    weight = np.random.default_rng(seed).normal(0, gain / sqrt(n), (n, n))
    for input_scale in (0.0, 1.0):
        logs = long_jacobian_logs(run(weight, activation, seed, input_scale))
        for name in CEILINGS:
            ceiling = bound(name, weight, activation=activation).log_at(np.arange(len(logs)))
            assert (logs <= ceiling[:, None] + 1e-9).all(), name


@pytest.mark.parametrize("activation", VALUES)
def test_no_path_exceeds_the_local_bound(activation):
    """A path picks one unit per step; its share of J is the product of the entries that it passes."""
    rng, n = np.random.default_rng(0), 6
    weight = rng.normal(size=(n, n))
    steps = run(weight, activation, seed=1)
    local = bound("hochreiter_local", weight, activation=activation).log_at(LAGS)
    for _ in range(200):
        path = rng.integers(n, size=len(LAGS))
        product = 1.0
        for lag in LAGS[1:]:
            product *= abs(steps[lag - 1][path[lag - 1], path[lag]])
            assert product <= exp(local[lag]) * (1 + 1e-9)


@pytest.mark.parametrize("name", CEILINGS)
@pytest.mark.parametrize("activation", ["tanh", "identity"])
@pytest.mark.parametrize("weight", [0.7, -0.7])
def test_one_unit_at_its_linear_point_attains_every_ceiling(name, activation, weight):
    np.testing.assert_allclose(bound(name, weight, activation=activation).log_at(LAGS), LAGS * log(0.7), atol=1e-12)


def test_the_local_bound_of_one_logistic_unit_is_attained_at_zero():
    """f' = 1/4 where the pre-activation is 0: w y + b = 0 with y = 1/2."""
    weight, h, logs = 3.6, 0.5, [0.0]
    for _ in LAGS[1:]:
        z = weight * h - weight / 2
        h = VALUES["sigmoid"](z)
        logs.append(logs[-1] + log(weight * SLOPES["sigmoid"](z)))
    local = bound("hochreiter_local", weight, activation="sigmoid")
    np.testing.assert_allclose(local.log_at(LAGS), logs, atol=1e-12)
    assert local.satisfied
    assert not local.vacuous


def test_a_cyclic_net_attains_the_row_sum_but_for_the_prefactor():
    n, a = 5, 0.8
    row_sum = bound("hochreiter_global", a * np.roll(np.eye(n), 1, axis=0), activation="identity")
    np.testing.assert_allclose(row_sum.log_at(LAGS), log(n) + LAGS * log(a))
    assert row_sum.satisfied
    assert not row_sum.vacuous


def test_a_row_is_what_feeds_a_unit():
    weight = np.array([[0.5, -0.4], [0.0, 0.2]])
    assert bound("hochreiter_global", weight).factor == pytest.approx(0.9)
    assert bound("hochreiter_global", weight.T).factor == pytest.approx(0.6)


def test_equal_weights_attain_the_largest_weight_bound_but_for_the_prefactor():
    n, tau = 4, 0.9
    weight = np.full((n, n), tau / n)
    found = bound("hochreiter_weights", weight, activation="identity")
    measured = long_jacobian_logs([weight] * 39)[:, 0]
    np.testing.assert_allclose(found.log_at(LAGS) - measured, np.full(40, log(n)), atol=1e-12)
    assert not found.vacuous


@pytest.mark.parametrize("activation", ["identity", "tanh", "sigmoid"])
def test_an_orthogonal_matrix_attains_pascanus_bound(activation):
    """At its linear point, where J = γ a Q."""
    gamma, a = {"sigmoid": 0.25}.get(activation, 1.0), 0.9
    weight = a / gamma * rotation(6)
    found = bound("pascanu_vanishing", weight, activation=activation)
    measured = long_jacobian_logs([gamma * weight] * 39)[:, 0]
    np.testing.assert_allclose(found.log_at(LAGS), measured, atol=1e-10)
    np.testing.assert_allclose(measured, LAGS * log(a), atol=1e-10)
    assert found.satisfied
    assert not found.vacuous


def test_logistic_limits_are_hochreiters():
    """|w| < 4 for one path; w_max < 4/n, τ = n w_max/4, for the net."""
    n = 8
    for w_max, holds in ((0.499, True), (0.501, False)):
        found = bound("hochreiter_weights", np.full((n, n), w_max), activation="sigmoid")
        assert found.factor == pytest.approx(n * w_max / 4)
        assert found.log_prefactor == pytest.approx(log(n))
        assert (found.satisfied, found.vacuous) == (holds, not holds)
        assert "0.5" in found.assumption
    assert bound("hochreiter_local", 3.99, activation="sigmoid").satisfied
    assert not bound("hochreiter_local", 4.01, activation="sigmoid").satisfied


@pytest.mark.parametrize("name", ["hochreiter_local", "hochreiter_global", "hochreiter_weights", "pascanu_vanishing"])
def test_a_bound_that_allows_growth_is_vacuous(name):
    found = bound(name, 1.3 * rotation(2))
    assert found.factor > 1 or name == "hochreiter_local"
    assert found.vacuous
    single = bound(name, 1.3)
    assert single.factor == pytest.approx(1.3)
    assert (single.satisfied, single.vacuous) == (False, True)


def test_the_local_bound_says_nothing_of_the_sum_over_paths():
    """Every |w| = 1/2, and yet the four units together explode."""
    weight = np.full((4, 4), 0.5)
    found = bound("hochreiter_local", weight, activation="identity")
    assert (found.kind, found.satisfied, found.vacuous) == ("path", True, True)
    assert long_jacobian_logs([weight] * 10)[-1, 0] == pytest.approx(10 * log(2))


def test_pascanus_necessary_condition_speaks_only_where_it_fails():
    calm, wild = bound("pascanu_exploding", 0.9 * rotation(4)), bound("pascanu_exploding", 1.1 * rotation(4))
    assert (calm.satisfied, calm.vacuous) == (False, False)
    assert (wild.satisfied, wild.vacuous) == (True, True)


def test_torchs_default_net_vanishes_although_every_ceiling_allows_growth():
    n = 64
    weight = np.random.default_rng(0).uniform(-1, 1, (n, n)) / sqrt(n)
    assert all(bound(name, weight).vacuous for name in CEILINGS)
    steps = run(weight, "tanh", seed=0, input_scale=0.1)
    assert long_jacobian_logs(steps)[-1, 0] < -10
    assert bound("spectral_radius", weight).factor < 0.7 < 1 < bound("pascanu_vanishing", weight).factor


def test_the_spectral_radius_is_the_rate_of_a_linear_net_however_it_starts():
    """Eigenvalues 0.9, 0.5, 0.2 under a shear: growth at first, then 0.9 per step."""
    shear = np.array([[1.0, 30.0, 0.0], [0.0, 1.0, 30.0], [0.0, 0.0, 1.0]])
    weight = shear @ np.diag([0.9, 0.5, 0.2]) @ np.linalg.inv(shear)
    found = bound("spectral_radius", weight, activation="identity")
    logs = long_jacobian_logs([weight] * 80)[:, 0]
    assert (found.kind, found.satisfied, found.vacuous) == ("rate", True, False)
    assert found.factor == pytest.approx(0.9)
    assert logs[1] > 0 > found.log_at(1)
    assert logs[-1] - logs[-2] == pytest.approx(found.log_factor, abs=1e-8)


def test_nilpotent_weights_have_no_rate_and_full_ceilings():
    weight = np.diag([1.0, 1.0], k=1)
    found = bound("spectral_radius", weight, activation="identity")
    assert found.log_factor == -inf
    assert found.factor == 0
    assert found.log_at([0, 1, 5]).tolist() == [0, -inf, -inf]
    assert bound("pascanu_vanishing", weight).factor == pytest.approx(1)


def test_the_linear_point_of_tanh_is_lost_with_a_bias_or_a_radius_above_one():
    weight = 0.5 * np.eye(3)
    assert bound("spectral_radius", weight).satisfied is None
    for lost in (bound("spectral_radius", weight, bias=np.full(3, 0.1)), bound("spectral_radius", 3 * weight)):
        assert (lost.satisfied, lost.vacuous) == (False, True)
    assert bound("spectral_radius", weight, activation="relu").satisfied is None


def test_the_linear_point_of_a_logistic_net_needs_a_bias_that_cancels_its_own_output():
    weight = np.array([[0.5, 0.25], [0.0, 1.0]])
    centred = bound("spectral_radius", weight, bias=-weight.sum(axis=1) / 2, activation="sigmoid")
    assert centred.satisfied is None
    assert centred.factor == pytest.approx(0.25)
    assert bound("spectral_radius", weight, activation="sigmoid").satisfied is False


def test_a_net_without_weights_passes_nothing_back():
    found = error_flow_bounds(np.zeros((3, 3)), np.zeros(3), "tanh")
    assert all(b.log_factor == -inf for b in found)
    assert not any(b.vacuous for b in found if b.kind == "ceiling")


def test_bounds_hold_in_logs_where_factors_overflow():
    assert bound("pascanu_vanishing", 1.5 * rotation(3)).log_at(100_000) == pytest.approx(100_000 * log(1.5))


def test_every_bound_names_its_source_and_assumption():
    for found in error_flow_bounds(np.array([[1.25]]), np.zeros(1), "tanh"):
        assert found.assumption
        assert any(year in found.source for year in ("1991", "1994", "2013", "2014"))


@pytest.mark.parametrize(
    ("weight", "bias", "activation", "words"),
    [
        (np.zeros((3, 2)), np.zeros(3), "tanh", "weight must be"),
        (np.zeros((3, 3)), np.zeros(2), "tanh", "weight must be"),
        (np.zeros((0, 0)), np.zeros(0), "tanh", "weight must be"),
        (np.full((2, 2), np.nan), np.zeros(2), "tanh", "finite"),
        (np.zeros((2, 2)), np.array([0, np.inf]), "tanh", "finite"),
        (np.zeros((2, 2)), np.zeros(2), "rleu", "did you mean 'relu'"),
    ],
)
def test_bad_weights_are_one_clear_error(weight, bias, activation, words):
    with pytest.raises(UsageError, match=words) as caught:
        error_flow_bounds(weight, bias, activation)
    assert "\n" not in str(caught.value)
