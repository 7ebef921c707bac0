"""What is exact about gated nets, against autograd through the cells themselves."""

from math import exp, inf, log

import numpy as np
import pytest
import torch

from rnngrad.cells import CELLS
from rnngrad.errors import UsageError
from rnngrad.theory import chrono_time_scales, gate_path_log_rms, gated_bounds, lstm_exponents, time_scales

H, LAGS = 4, 30
BIAS = np.array([1.0, -2.0, 0.3, 4.0])


def without_weights(name, bias):
    """A cell with the forget or update gate at ``bias``, other biases random, and no weights."""
    cell, generator = CELLS[name], torch.Generator().manual_seed(0)
    rows = cell.gates * H
    params = {"weight_hh": torch.zeros(1, rows, H), "bias_hh": torch.randn(1, rows, generator=generator)}
    params = {key: value.double() for key, value in params.items()}
    params["bias_hh"][0, H : 2 * H] = torch.tensor(bias)
    return cell, params


def long_jacobian(name, bias, lags=LAGS):
    """∂s_T/∂s_(T-lags) of that cell from a random state, by autograd, (S, S)."""
    cell, params = without_weights(name, bias)
    start = torch.randn(1, 1, cell.state_width(H), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    a = torch.zeros(1, 1, cell.gates * H, dtype=torch.float64)

    def final(state):
        for _ in range(lags):
            state = cell.step(params, a, state)
        return state.flatten()

    return torch.autograd.functional.jacobian(final, start).reshape(start.numel(), -1).numpy()


def bounds_of(cell="lstm", bias=BIAS, recurrent=0.0, inputs=0.0):
    gates = CELLS[cell].gates
    return gated_bounds(cell, bias, np.full((gates * H, H), recurrent), np.full((H, 3), inputs))


def test_an_lstm_without_weights_has_the_spectrum_of_its_forget_gates():
    jacobian = long_jacobian("lstm", BIAS)
    expected = np.sort(-np.log1p(np.exp(-BIAS)))[::-1]
    np.testing.assert_allclose(lstm_exponents(BIAS)[:H], expected, rtol=1e-14)
    assert (lstm_exponents(BIAS)[H:] == -inf).all()
    np.testing.assert_allclose(np.diag(jacobian[H:, H:]), np.exp(-np.log1p(np.exp(-BIAS)) * LAGS), rtol=1e-10)
    assert not jacobian[:, :H].any()


def test_a_gru_without_weights_leaks_by_its_update_gates():
    jacobian = long_jacobian("gru", BIAS)
    np.testing.assert_allclose(jacobian, np.diag(np.exp(-np.log1p(np.exp(-BIAS)) * LAGS)), rtol=1e-10, atol=0)


@pytest.mark.parametrize(("cell", "name"), [("lstm", "carousel"), ("gru", "leak")])
def test_the_gates_path_is_the_norm_of_the_whole_jacobian_without_weights(cell, name):
    block = long_jacobian(cell, BIAS)[-H:, -H:]
    path = bounds_of(cell)[0]
    assert path.name == name
    assert float(path.log_at(LAGS)) == pytest.approx(log(np.linalg.norm(block, 2)), abs=1e-10)
    assert path.factor == pytest.approx(1 / (1 + exp(-4.0)))
    assert (path.kind, path.satisfied, path.vacuous) == ("path", True, False)


def test_the_path_depends_on_the_input_or_is_no_longer_alone():
    fed = bounds_of(inputs=0.1)[0]
    assert (fed.satisfied, fed.vacuous) == (None, False)
    recurrent = bounds_of(recurrent=0.1)[0]
    assert (recurrent.satisfied, recurrent.vacuous) == (False, True)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_theorems_about_conventional_units_say_that_they_do_not_apply(cell):
    _, *silent = bounds_of(cell)
    assert {b.name for b in silent} >= {"hochreiter_global", "pascanu_vanishing", "spectral_radius"}
    for found in silent:
        assert (found.log_factor, found.satisfied, found.vacuous) == (None, False, True)
        assert "conventional units" in found.assumption
        assert cell in found.assumption
        assert found.log_at([1, 2]) is None


def test_the_gradient_along_the_gates_bends_where_units_differ():
    lags = np.array([0, 1, 10, 1000, 100_000])
    found = gate_path_log_rms(BIAS, lags)
    gates = 1 / (1 + np.exp(-BIAS))
    np.testing.assert_allclose(found[:3], [0.5 * log(np.mean(gates ** (2 * lag))) for lag in lags[:3]], atol=1e-14)
    slowest = log(gates.max())
    np.testing.assert_allclose(found[3:], lags[3:] * slowest - 0.5 * log(H), rtol=1e-12)
    alike = gate_path_log_rms(np.full(3, 1.0), lags)
    np.testing.assert_allclose(alike, lags * log(1 / (1 + exp(-1))), rtol=1e-12, atol=1e-15)


def test_time_scales_of_gates():
    assert time_scales(1.0) == pytest.approx(1 / log(1 + exp(-1)))
    assert time_scales(log(999.0)) == pytest.approx(999.5, rel=1e-4)
    assert time_scales(-800.0) == pytest.approx(1 / 800)


def test_chrono_time_scales_are_those_of_biases_that_are_drawn():
    drawn = time_scales(np.log(np.random.default_rng(0).uniform(1, 199, 200_000)))
    levels = [0.05, 0.5, 0.95]
    np.testing.assert_allclose(chrono_time_scales(200, levels), np.quantile(drawn, levels), rtol=0.02)
    assert chrono_time_scales(200, [0.0, 1.0]) == pytest.approx([1 / log(2), 199.5], rel=1e-3)
    with pytest.raises(UsageError, match="at least 3"):
        chrono_time_scales(2, [0.5])
