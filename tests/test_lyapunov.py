"""Lyapunov exponents: exact cases, the order of the product, standard errors, and the checks the result carries."""

from math import inf, log, nan, tanh

import numpy as np
import pytest
import torch
from chains import Linear, gaussian, rotation
from scipy.optimize import brentq
from scipy.special import psi
from torch import nn

import rnngrad.memory
from rnngrad.errors import UsageError
from rnngrad.flow.block_error import block_length, standard_error
from rnngrad.flow.convert import as_chain
from rnngrad.flow.jacobians import all_jacobians, blocks
from rnngrad.flow.long_jacobian import long_jacobian
from rnngrad.flow.lyapunov import lyapunov_spectrum, spectrum_of

INPUTS = 2


def made(cls, hidden=6, **options):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return cls(INPUTS, hidden, **options).double()


def zeroed(module, keep=()):
    for name, weight in module.named_parameters():
        if name not in keep:
            nn.init.zeros_(weight)
    return module


def unit(width, row, column):
    matrix = torch.zeros(width, width, dtype=torch.float64)
    matrix[row - 1, column - 1] = 1.0
    return matrix


close = torch.testing.assert_close


# ---------------------------------------------------------------- exact cases


@pytest.mark.parametrize("growth", [0.5, 1.0, 1.5])
def test_scaled_rotation(growth):
    found = spectrum_of(Linear((growth * rotation(5)).expand(2, -1, -1), 400))
    close(found.exponents, torch.full((2, 5), log(growth), dtype=torch.float64), rtol=0, atol=1e-12)
    assert found.standard_errors.max() < 1e-12
    assert found.twin_gap.abs().max() < 1e-8
    assert found.det_gap.abs().max() < 1e-11


def test_gaussian_factors_follow_newmans_formula_within_their_standard_errors():
    """λ_i = ln g + ½[ψ((N-i+1)/2) + ln(2/N)] (Newman 1986, Commun. Math. Phys. 103:121-126)."""
    width, steps, samples, g = 6, 3000, 5, 1.3
    found = spectrum_of(Linear(g / width**0.5 * gaussian(steps, samples, width, width)))
    i = np.arange(1, width + 1)
    exact = torch.from_numpy(log(g) + 0.5 * (psi((width - i + 1) / 2) + log(2 / width)))
    scores = (found.exponents - exact) / found.standard_errors
    assert 0.6 < scores.square().mean().sqrt() < 1.5
    assert scores.abs().max() < 4.5
    assert ((found.mean - exact).abs() < 5 * found.mean_standard_error).all()
    assert found.standard_errors.max() < 0.03


@pytest.mark.parametrize("eigenvalues", [(1.1, 0.8, -0.5, 0.1), (0.9, 0.6, 0.3, 1e-9)])
def test_linear_net_with_known_eigenvalues(eigenvalues):
    vectors = gaussian(4, 4, seed=3)
    matrix = vectors @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ vectors.inverse()
    found = spectrum_of(Linear(matrix.unsqueeze(0), 300))
    close(found.mean, torch.tensor(eigenvalues, dtype=torch.float64).abs().log(), rtol=0, atol=1e-5)


def test_tanh_net_at_rest_has_the_logs_of_its_eigenvalues():
    module = zeroed(made(nn.RNN), keep=("weight_hh_l0",))
    symmetric = module.weight_hh_l0.detach() + module.weight_hh_l0.detach().T
    symmetric *= 0.9 / torch.linalg.eigvalsh(symmetric).abs().max()
    module.weight_hh_l0.data = symmetric
    found = lyapunov_spectrum(module, torch.zeros(800, 1, INPUTS), warmup=400)
    exact = torch.linalg.eigvalsh(symmetric).abs().log().sort(descending=True).values
    close(found.exponents[0], exact, rtol=0, atol=1e-6)
    assert found.exponents[0, 0] == pytest.approx(log(0.9), abs=1e-9)


def test_one_unit_that_latches_a_bit():
    """Bengio, Simard & Frasconi 1994: at a* = w tanh(a*) a difference shrinks by w (1 - tanh² a*) a step."""
    w = 1.25
    module = zeroed(nn.RNN(1, 1).double())
    nn.init.constant_(module.weight_hh_l0, w)
    nn.init.constant_(module.weight_ih_l0, 1.0)
    x = torch.zeros(400, 2, 1)
    x[0] = torch.tensor([[1.0], [-1.0]])  # one bit, either way
    rest = brentq(lambda a: a - w * tanh(a), 0.1, 5.0)
    found = lyapunov_spectrum(module, x, warmup=200)
    exact = log(w * (1 - tanh(rest) ** 2))
    close(found.exponents, torch.full((2, 1), exact, dtype=torch.float64), rtol=0, atol=1e-10)
    assert found.twin_gap.abs().max() < 1e-5


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("k", [None, 4])
def test_lstm_without_weights_keeps_c_by_its_forget_gates_and_loses_h(forget_bias, k):
    hidden = 3
    module = zeroed(made(nn.LSTM, hidden))
    module.bias_ih_l0.data[hidden : 2 * hidden] = forget_bias
    found = lyapunov_spectrum(module, gaussian(150, 2, INPUTS), k=k, warmup=50)
    exact = -np.log1p(np.exp(-forget_bias))
    close(found.exponents[:, :hidden], torch.full((2, hidden), exact, dtype=torch.float64), rtol=0, atol=1e-12)
    assert found.exponents[:, hidden:].isneginf().all()
    assert (found.standard_errors[:, hidden:] == 0).all()
    assert (found.mean_standard_error[hidden:] == 0).all()
    assert found.twin_gap.abs().max() < 1e-6
    assert found.kaplan_yorke == 0.0
    assert not found.convergence.isnan().any()
    if k is None:
        assert (found.det_gap == 0).all()


def test_forget_gates_of_their_own_each():
    hidden = 3
    module = zeroed(made(nn.LSTM, hidden))
    module.bias_ih_l0.data[hidden : 2 * hidden] = torch.tensor([1.0, 3.0, -1.0])
    found = lyapunov_spectrum(module, gaussian(200, 1, INPUTS))
    close(found.exponents[0, :hidden], torch.tensor([3.0, 1.0, -1.0], dtype=torch.float64).sigmoid().log())


# ---------------------------------------------------------------- the order of the product


def test_nilpotent_factors_live_in_one_order_alone():
    """e3 → e2 → e1 → e3 goes round for ever; the same matrices in the other order give 0 in two steps."""
    factors = torch.stack([2 * unit(3, 2, 3), unit(3, 1, 2), unit(3, 3, 1)] * 50).unsqueeze(1)
    right = spectrum_of(Linear(factors), warmup=3)
    assert right.exponents[0, 0] == pytest.approx(log(2) / 3, abs=1e-12)
    assert right.exponents[0, 1:].isneginf().all()
    wrong = spectrum_of(Linear(factors.mT), warmup=3)
    assert wrong.exponents.isneginf().all()
    backward = spectrum_of(Linear(factors.mT.flip(0)), warmup=3)  # the adjoint's own direction of time
    close(backward.exponents, right.exponents, rtol=0, atol=1e-12)


def test_permutations_in_the_wrong_order_keep_the_sum_and_change_the_exponents():
    """The trap: Σ λ = mean ln|det J| holds for any order, so that check alone does not see a wrong one."""
    swap, turn = torch.eye(3, dtype=torch.float64)[[1, 0, 2]], torch.eye(3, dtype=torch.float64)[[1, 2, 0]]
    scale = torch.diag(torch.tensor([3.0, 1.0, 0.2], dtype=torch.float64))
    factors = torch.stack([scale @ turn, swap, turn] * 100).unsqueeze(1)
    right, wrong = spectrum_of(Linear(factors)), spectrum_of(Linear(factors.mT))
    period = factors[2, 0] @ factors[1, 0] @ factors[0, 0]
    exact = torch.linalg.eigvals(period).abs().log().sort(descending=True).values / 3
    close(right.exponents[0], exact, rtol=0, atol=0.01)
    assert (wrong.exponents - right.exponents).abs().max() > 0.1
    close(wrong.exponents.sum(), right.exponents.sum(), rtol=0, atol=1e-12)
    assert wrong.det_gap.abs().max() < 1e-12


# ---------------------------------------------------------------- trained-net sized nets and the carried checks


@pytest.mark.parametrize("cls", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_first_exponent_is_the_twins_and_the_sum_is_the_determinants(cls):
    found = lyapunov_spectrum(made(cls), gaussian(300, 3, INPUTS))
    assert found.twin_gap.abs().max() < 1e-6
    assert found.det_gap.abs().max() < 1e-12
    assert (found.exponents[:, :-1] > found.exponents[:, 1:] - 0.1).all()


def test_a_chaotic_net_has_a_positive_exponent_and_a_dimension():
    module = zeroed(nn.RNN(INPUTS, 40).double())
    module.weight_hh_l0.data = 3 / 40**0.5 * gaussian(40, 40, seed=4)
    module.weight_ih_l0.data = gaussian(40, INPUTS, seed=5)
    x = torch.zeros(1200, 1, INPUTS)
    x[0] = 1.0
    found = lyapunov_spectrum(module, x, warmup=200)
    assert found.mean[0] > 3 * found.mean_standard_error[0] > 0
    assert found.twin_gap.abs().max() < 1e-4
    assert 1 < found.kaplan_yorke < 10


def test_the_twin_finds_a_jacobian_that_is_wrong():
    chain = Linear(0.8 * rotation(4).unsqueeze(0), 200)
    chain.jacobian = lambda t: 1.1 * chain.matrices[t - 1]
    found = spectrum_of(chain)
    assert found.twin_gap[0] == pytest.approx(log(1.1), abs=1e-8)
    assert found.det_gap.abs().max() < 1e-12


def test_h_alone_is_not_the_lstm():
    """With c held fixed the blocks hh give a number far below every leading exponent of the net."""
    module, x = made(nn.LSTM, hidden=16), gaussian(300, 2, INPUTS)
    chain = as_chain(module, x)
    full = spectrum_of(chain)
    h_only = spectrum_of(Linear(blocks(all_jacobians(chain), chain.parts)["hh"]))
    assert full.mean[0] > -0.5
    assert h_only.mean[0] < -1.5


@pytest.mark.parametrize("cls", [nn.RNN, nn.LSTM, nn.GRU])
def test_k_leading_ones_without_matrices_are_the_first_of_all(cls):
    module, x = made(cls), gaussian(150, 2, INPUTS)
    full, leading = lyapunov_spectrum(module, x), lyapunov_spectrum(module, x, k=3)
    close(leading.exponents, full.exponents[:, :3], rtol=0, atol=1e-12)
    close(leading.convergence, full.convergence[..., :3], rtol=0, atol=1e-12)
    with pytest.raises(UsageError, match="without k="):
        _ = leading.det_gap


@pytest.mark.parametrize("qr_every", [2, 7])
def test_fewer_orthonormalisations_change_nothing(qr_every):
    module, x = made(nn.GRU), gaussian(160, 2, INPUTS)
    often, seldom = (lyapunov_spectrum(module, x, warmup=53, qr_every=every) for every in (1, qr_every))
    close(seldom.exponents, often.exponents, rtol=0, atol=1e-9)
    assert seldom.steps.sum() == 160 - 53
    close(seldom.convergence[-1], seldom.exponents)


def test_warm_up_is_left_out():
    """The first half of the product grows, the second shrinks; with the first as warm-up only the second counts."""
    factors = torch.cat([gaussian(100, 1, 3, 3), (0.5 * rotation(3)).expand(100, 1, -1, -1)])
    found = spectrum_of(Linear(factors), warmup=100)
    close(found.exponents, torch.full((1, 3), log(0.5), dtype=torch.float64), rtol=0, atol=1e-12)
    close(found.twin, torch.full((1,), log(0.5), dtype=torch.float64), rtol=0, atol=1e-8)
    assert spectrum_of(Linear(factors), warmup=50).exponents[0, 0] > log(0.5) + 0.1


def test_over_a_finite_time_all_exponents_add_up_to_those_of_the_long_jacobian():
    module, x = made(nn.LSTM), gaussian(40, 3, INPUTS)
    exponents = lyapunov_spectrum(module, x, warmup=0).exponents
    finite_time = long_jacobian(module, x, 0, 40).finite_time_exponents
    close(exponents.sum(dim=1), finite_time.sum(dim=1), rtol=0, atol=1e-10)
    assert (exponents[:, 0] <= finite_time[:, 0] + 1e-12).all()  # no direction grows faster than the fastest


def test_the_basis_does_not_matter_in_the_long_run():
    module, x = made(nn.GRU), gaussian(600, 2, INPUTS)
    one, other = (lyapunov_spectrum(module, x, k=2, seed=seed) for seed in (0, 1))
    assert not torch.equal(one.exponents, other.exponents)
    close(one.exponents, other.exponents, rtol=0, atol=0.01)


def test_a_sample_alone_has_the_numbers_it_has_in_a_batch():
    module, x = made(nn.GRU), gaussian(150, 3, INPUTS)
    whole, alone = lyapunov_spectrum(module, x), lyapunov_spectrum(module, x[:, 1:2])
    close(alone.exponents[0], whole.exponents[1], rtol=0, atol=1e-10)
    close(alone.mean_standard_error, alone.standard_errors[0])


def test_nothing_of_the_module_or_the_random_state_is_changed():
    module, x = made(nn.LSTM), gaussian(130, 2, INPUTS)
    weights, state = [w.clone() for w in module.parameters()], torch.get_rng_state()
    lyapunov_spectrum(module, x)
    assert all(torch.equal(w, before) for w, before in zip(module.parameters(), weights, strict=True))
    assert all(w.grad is None for w in module.parameters())
    assert torch.equal(torch.get_rng_state(), state)


# ---------------------------------------------------------------- dimension, standard errors, bad input


@pytest.mark.parametrize(
    ("exponents", "k", "dimension"),
    [
        ((0.3, -0.1, -0.4), None, 2.5),
        ((0.3, -0.1, -inf), None, 2.0),
        ((-0.1, -0.2, -0.3), None, 0.0),
        ((0.3, 0.2, -0.1), None, 3.0),
        ((0.3, -0.1, -0.4), 2, nan),
        ((0.3, -0.6, -0.9), 2, 1.5),
    ],
)
def test_kaplan_yorke_dimension(exponents, k, dimension):
    diagonal = torch.tensor(exponents, dtype=torch.float64).exp()
    found = spectrum_of(Linear(torch.diag(diagonal).unsqueeze(0), 400), k=k, warmup=300)
    assert found.kaplan_yorke == pytest.approx(dimension, abs=1e-9, nan_ok=True)


def test_blocks_see_correlations_that_the_plain_standard_error_misses():
    """AR(1) with φ = 0.9: the standard error of the mean is σ/((1-φ)√n), 4.4 times the plain one."""
    n, phi = 20_000, 0.9
    noise = gaussian(n, 20, 1)
    series = torch.zeros_like(noise)
    for t in range(1, n):
        series[t] = phi * series[t - 1] + noise[t]
    block = block_length(series)
    assert 100 < block < 300  # eight times an autocorrelation time of 19
    exact = 1 / ((1 - phi) * n**0.5)
    assert standard_error(series, block).square().mean().sqrt() == pytest.approx(exact, rel=0.1)
    assert series.mean(dim=0).square().mean().sqrt() == pytest.approx(exact, rel=0.5)
    assert standard_error(series, 1).mean() < 0.3 * exact


def test_blocks_of_uncorrelated_and_of_short_series_are_short():
    assert block_length(gaussian(4000, 8, 2)) <= 16
    assert block_length(gaussian(2, 3, 2)) == 1
    assert block_length(torch.arange(80.0).view(-1, 1, 1)) == 10  # all one trend: as long as eight blocks allow


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "60 steps are too few for a warm-up of 100 and 2 intervals of 1: give at least 102 steps"),
        ({"warmup": 50, "qr_every": 6}, "60 steps are too few for a warm-up of 50 and 2 intervals of 6"),
        ({"warmup": -1}, "warmup -1, qr_every 1: must be at least 0 and 1"),
        ({"warmup": 0, "qr_every": 0}, "warmup 0, qr_every 0"),
        ({"warmup": 0, "k": 0}, "k 0 is not between 1 and 6"),
        ({"warmup": 0, "k": 7}, "k 7 is not between 1 and 6"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(UsageError, match=message):
        lyapunov_spectrum(made(nn.RNN), gaussian(60, 1, INPUTS), **options)


def test_jacobians_that_do_not_fit_are_refused_and_the_matrix_free_way_is_open(monkeypatch):
    monkeypatch.setattr(rnngrad.memory, "available_bytes", lambda device: 2**22)
    module, x = made(nn.LSTM, hidden=200), gaussian(5, 2, INPUTS)
    with pytest.raises(UsageError, match="use k=8, the matrix-free way"):
        lyapunov_spectrum(module, x, warmup=1)
    assert lyapunov_spectrum(module, x, k=2, warmup=1).exponents.shape == (2, 2)
