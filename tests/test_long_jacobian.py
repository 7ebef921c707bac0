"""Long Jacobians: the matrix, its scale and its singular values, from one step to lag 100,000."""

from math import inf

import mpmath
import pytest
import torch
from chains import Linear, gaussian, rotation
from torch import nn

import rnngrad.memory
from rnngrad.errors import UsageError
from rnngrad.flow import long_jacobian as module_under_test
from rnngrad.flow.convert import as_chain
from rnngrad.flow.long_jacobian import long_jacobian, long_jacobian_of

T, B, INPUTS, H = 40, 3, 2, 6


def made(cls, hidden=H, **options):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return cls(INPUTS, hidden, **options).double()


def plain_product(chain, start, end):
    product = torch.eye(chain.states[start].shape[1], dtype=torch.float64)
    for t in range(start + 1, end + 1):
        product = chain.jacobian(t) @ product
    return product


def unscaled(long):
    return long.matrix * long.log_scale.exp()[:, None, None]


def log_singular_values_in_many_digits(chain, start, end, sample):
    """From the same float64 factors, multiplied and decomposed with 400 digits."""
    with mpmath.workdps(400):
        product = mpmath.eye(chain.states[start].shape[1])
        for t in range(start + 1, end + 1):
            product = mpmath.matrix(chain.jacobian(t)[sample].tolist()) * product
        return [float(mpmath.log(value)) for value in mpmath.svd_r(product, compute_uv=False)]


@pytest.mark.parametrize("cls", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize(("start", "end"), [(0, 1), (3, 11), (0, T)])
def test_matrix_times_scale_is_the_product_of_the_steps(cls, start, end):
    module, x = made(cls), gaussian(T, B, INPUTS)
    long = long_jacobian(module, x, start, end)
    product = plain_product(as_chain(module, x), start, end)
    assert (unscaled(long) - product).norm() < 1e-12 * product.norm()
    torch.testing.assert_close(torch.linalg.matrix_norm(long.matrix, 2), torch.ones(B, dtype=torch.float64))


@pytest.mark.parametrize("cls", [nn.RNN, nn.LSTM])
@pytest.mark.parametrize("lag", [4, T])
def test_the_smallest_singular_values_are_as_exact_as_the_largest(cls, lag):
    """At lag 40 they are e^-200 and less beside e^-20: the usual decomposition of the product has none of them."""
    module, x = made(cls), gaussian(T, B, INPUTS)
    chain = as_chain(module, x)
    long = long_jacobian(module, x, 0, lag)
    exact = log_singular_values_in_many_digits(chain, 0, lag, sample=1)
    torch.testing.assert_close(long.log_singular_values[1].tolist(), exact, rtol=1e-9, atol=1e-9)
    assert long.log_condition[1] == pytest.approx(exact[0] - exact[-1], rel=1e-9)
    torch.testing.assert_close(long.finite_time_exponents, long.log_singular_values / lag)


def test_scaled_rotations_at_lag_100_000():
    lag = 100_000
    factors = torch.tensor([0.5, 1.5], dtype=torch.float64)
    long = long_jacobian_of(Linear(factors[:, None, None] * rotation(4), lag), 0, lag)
    expected = lag * factors.log().unsqueeze(1)
    torch.testing.assert_close(long.log_singular_values, expected.expand(-1, 4), rtol=1e-10, atol=0)
    torch.testing.assert_close(long.log_scale, expected[:, 0], rtol=1e-10, atol=0)
    unit = torch.eye(4, dtype=torch.float64).expand(2, -1, -1)
    torch.testing.assert_close(long.matrix.mT @ long.matrix, unit, rtol=0, atol=1e-8)
    power = torch.linalg.matrix_power(rotation(4), lag)
    torch.testing.assert_close(long.matrix, power.expand(2, -1, -1), rtol=0, atol=1e-8)
    assert long.log_condition.abs().max() < 1e-7


def test_singular_values_further_apart_than_float64_reaches():
    lag = 3000
    diagonal = torch.tensor([1.2, 0.9, 0.4, 1e-6], dtype=torch.float64)
    chain = Linear((rotation(4) * diagonal @ rotation(4).T).expand(1, -1, -1), lag)
    long = long_jacobian_of(chain, 0, lag)
    torch.testing.assert_close(long.log_singular_values[0], lag * diagonal.log(), rtol=1e-9, atol=0)


def test_a_factor_that_undoes_the_other_leaves_the_identity():
    forth = (
        rotation(5) @ torch.diag(torch.tensor([4.0, 2.0, 1.0, 0.5, 0.25], dtype=torch.float64)) @ rotation(5, seed=2)
    )
    long = long_jacobian_of(Linear(torch.stack([forth, forth.inverse()]).unsqueeze(1)), 0, 2)
    torch.testing.assert_close(unscaled(long)[0], torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-13)
    assert long.log_singular_values.abs().max() < 1e-13


@pytest.mark.parametrize("steps", [1, 3, 5, 9])
def test_a_nilpotent_product_loses_one_direction_a_step(steps):
    shift = torch.diag(torch.ones(4, dtype=torch.float64), 1)
    long = long_jacobian_of(Linear((rotation(5) @ shift @ rotation(5).T).expand(1, -1, -1), steps), 0, steps)
    left = max(0, 5 - steps)
    torch.testing.assert_close(
        long.log_singular_values[0, :left], torch.zeros(left, dtype=torch.float64), atol=1e-12, rtol=0
    )
    assert long.log_singular_values[0, left:].isneginf().all()
    assert long.log_condition[0] == inf
    assert unscaled(long).isfinite().all()
    assert long.finite_time_exponents.isnan().sum() == 0


def test_a_dead_relu_net_has_a_zero_jacobian_and_no_nan():
    module = made(nn.RNN, nonlinearity="relu")
    nn.init.constant_(module.bias_ih_l0, -100.0)
    for k in (None, 2):
        long = long_jacobian(module, gaussian(T, B, INPUTS), 0, T, k=k)
        assert long.log_singular_values.isneginf().all()
        assert (long.matrix == 0).all()
        assert (long.log_scale == 0).all()
        assert (long.change == 0).all()


@pytest.mark.parametrize(("cls", "options"), [(nn.RNN, {}), (nn.LSTM, {}), (nn.GRU, {"num_layers": 2})])
@pytest.mark.parametrize("lag", [1, 5, T])
def test_the_leading_ones_without_matrices_are_those_with_them(cls, options, lag):
    module, x = made(cls, hidden=10, **options), gaussian(T, B, INPUTS)
    dense = long_jacobian(module, x, T - lag, T)
    free = long_jacobian(module, x, T - lag, T, k=1)
    assert free.log_singular_values.shape == (B, 1)
    torch.testing.assert_close(free.log_singular_values, dense.log_singular_values[:, :1], rtol=1e-8, atol=1e-8)
    assert free.change.max() <= 1e-10 * max(1.0, float(free.log_singular_values.abs().max()))
    with pytest.raises(UsageError, match="needs all singular values"):
        _ = free.log_condition


def test_a_wide_state_whose_leading_ones_lie_close_together():
    """A Gaussian matrix of 120 columns: its first six singular values are within a few percent of each other."""
    chain = Linear(gaussian(1, 2, 120, 120))
    free = long_jacobian_of(chain, 0, 1, k=6)
    exact = torch.linalg.svdvals(chain.jacobian(1))[:, :6].log()
    torch.testing.assert_close(free.log_singular_values, exact, rtol=0, atol=1e-8)


def test_what_has_not_come_to_rest_says_so(monkeypatch):
    monkeypatch.setattr(module_under_test, "MOST_ROUNDS", 2)
    chain = Linear(gaussian(1, 2, 120, 120))
    free = long_jacobian_of(chain, 0, 1, k=6)
    wrong = (free.log_singular_values - torch.linalg.svdvals(chain.jacobian(1))[:, :6].log()).abs()
    assert (free.change[wrong > 1e-4] > 1e-5).all()
    assert (wrong > 1e-4).any()


def test_the_first_directions_do_not_matter():
    module, x = made(nn.LSTM, hidden=12), gaussian(T, B, INPUTS)
    one, other = (long_jacobian(module, x, 0, T, k=3, seed=seed).log_singular_values for seed in (0, 7))
    assert not torch.equal(one, other)
    torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


def test_a_sample_alone_has_the_numbers_it_has_in_a_batch():
    module, x = made(nn.LSTM), gaussian(T, B, INPUTS)
    whole, alone = long_jacobian(module, x, 0, T), long_jacobian(module, x[:, 1:2], 0, T)
    torch.testing.assert_close(alone.log_singular_values[0], whole.log_singular_values[1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("k", [None, 2])
def test_layers_whose_widths_change(k):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 5)).double()
    x = gaussian(B, 20)
    long = long_jacobian(module, x, 0, 3, k=k)
    exact = torch.autograd.functional.jacobian(lambda x: module(x).sum(dim=0), x).transpose(0, 1)
    torch.testing.assert_close(long.log_singular_values, torch.linalg.svdvals(exact)[:, :k].log(), rtol=1e-9, atol=1e-9)
    if k is None:
        torch.testing.assert_close(unscaled(long), exact, rtol=1e-12, atol=1e-14)
        assert long.log_condition.isfinite().all()


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (5, 2), (0, T + 1)])
def test_steps_that_are_not_there(start, end):
    with pytest.raises(UsageError, match=rf"start {start}, end {end}: must be 0 ≤ start < end ≤ {T}"):
        long_jacobian(made(nn.RNN), gaussian(T, B, INPUTS), start, end)


@pytest.mark.parametrize("k", [0, -1, H + 1])
def test_k_out_of_range(k):
    with pytest.raises(UsageError, match=f"k {k} is not between 1 and {H}"):
        long_jacobian(made(nn.RNN), gaussian(T, B, INPUTS), 0, T, k=k)


def test_jacobians_that_do_not_fit_are_refused_and_the_matrix_free_way_is_open(monkeypatch):
    monkeypatch.setattr(rnngrad.memory, "available_bytes", lambda device: 2**26)
    module, x = made(nn.LSTM, hidden=300), gaussian(3, B, INPUTS)
    with pytest.raises(UsageError, match=r"needs about 0\.1 GiB .*: use k=8, the matrix-free way"):
        long_jacobian(module, x, 0, 2)
    assert long_jacobian(module, x, 0, 2, k=2).log_singular_values.shape == (B, 2)
