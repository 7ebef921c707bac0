"""The measured gradient flow against plain autograd, closed forms, and float32's limits."""

from math import log

import pytest
import torch

from rnngrad.cells import CELLS
from rnngrad.engine import ENGINES, reference
from rnngrad.flow import measure_flow
from rnngrad.flow.adjoint import backward_norms, unroll_states
from rnngrad.flow.profile import STORED_LAGS, log_spaced
from rnngrad.models import Recurrent

R, T, B, INPUTS, H = 2, 23, 5, 3, 6


@pytest.fixture(params=ENGINES)
def engine(request):
    """Each engine: one has the norms in its own backward pass, for the other the flow steps back by itself."""
    return ENGINES[request.param]


def squares(output):
    """Some loss of each sample, (R, B, O) to (R, B)."""
    return (output - 0.3).square().sum(dim=-1)


def model_of(cell, hidden=H, seeds=range(R), outputs=2):
    return Recurrent.seeded(CELLS[cell], "default", INPUTS, hidden, outputs, T, list(seeds)).to(torch.float64)


def inputs(steps=T, batch=B, seed=0):
    return torch.randn(R, steps, batch, INPUTS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def autograd_adjoints(model, x):
    """δ_t of every sample by one plain backward pass through independent (h, c) leaves-of-record, (T, R, B, S)."""
    cell, params = model.cell, model.params()
    a = cell.project(params, x)
    states = [a.new_zeros(R, B, cell.state_width(H)).requires_grad_()]
    for t in range(T):
        states.append(cell.step(params, a[:, t], states[-1]))
        states[-1].retain_grad()
    loss = squares(model.read_out(params, states[-1][:, None, :, :H])[:, 0]).sum()
    loss.backward()
    return torch.stack([state.grad for state in states[1:]])


@pytest.mark.parametrize("cell", CELLS)
def test_norms_equal_autograd_for_every_lag_and_part(engine, cell):
    model, x = model_of(cell), inputs()
    adjoints = autograd_adjoints(model, x).flip(0)
    profile = measure_flow(model, x, squares, engine)
    parts = {"hc": adjoints, "h": adjoints[..., :H], "c": adjoints[..., H:]}
    for k, part in enumerate(profile.parts):
        per_sample = parts[part].norm(dim=-1)
        rms = per_sample.square().mean(dim=-1).sqrt().log().T
        of_mean = parts[part].mean(dim=2).norm(dim=-1).log().T
        torch.testing.assert_close(profile.log_rms[..., k], rms, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(profile.log_norm_of_mean[..., k], of_mean, rtol=1e-10, atol=1e-10)


def test_the_cell_state_has_no_gradient_of_its_own_at_the_last_step(engine):
    profile = measure_flow(model_of("lstm"), inputs(), squares, engine)
    assert profile.parts == ("hc", "h", "c")
    assert torch.isneginf(profile.log_rms[:, 0, 2]).all()
    torch.testing.assert_close(profile.log_rms[:, 0, 0], profile.log_rms[:, 0, 1])


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_scaled_rotation_gives_the_exact_power_far_beyond_float_range(factor):
    steps = 5000
    cell = CELLS["rnn_identity"]
    rotation = torch.linalg.qr(torch.randn(H, H, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    params = {"weight_hh": factor * rotation[None], "bias_hh": torch.zeros(1, H, dtype=torch.float64)}
    a = torch.zeros(1, steps, 1, H, dtype=torch.float64)
    with torch.no_grad():
        states = unroll_states(cell, params, a)
    start = torch.ones(1, 1, H, dtype=torch.float64) / H**0.5
    profile = backward_norms(cell, params, a, states, start)
    expected = torch.arange(steps, dtype=torch.float64) * log(factor)
    torch.testing.assert_close(profile.log_rms[0, :, 0], expected, rtol=1e-8, atol=1e-8)


def test_a_default_rnn_at_lag_5000_is_finite_and_straight(engine):
    steps = 5000
    model = model_of("rnn", hidden=32)
    profile = measure_flow(model, 0.3 * inputs(steps), squares, engine)
    curve = profile.log_rms[:, :, 0]
    assert curve.isfinite().all()
    assert ((profile.first_over_last() > -3300) & (profile.first_over_last() < -2200)).all()
    lags = torch.arange(steps, dtype=torch.float64)
    for replica in curve:
        assert torch.corrcoef(torch.stack([lags, replica]))[0, 1] < -0.9999


def test_a_zero_gradient_is_minus_infinity_and_stays_so(engine):
    """A ReLU net whose units are all dead passes nothing back."""
    model = model_of("rnn_relu")
    model.params()["bias_ih"].fill_(-100.0)
    profile = measure_flow(model, inputs(), squares, engine)
    assert profile.log_rms[:, 0, 0].isfinite().all()
    assert torch.isneginf(profile.log_rms[:, 1:, 0]).all()
    assert profile.horizon(0) == 1
    assert profile.row(0)["h"]["log_rms_per_sample"][1] == "-inf"


def test_nan_in_one_replica_leaves_the_other_alone(engine):
    model, x = model_of("lstm"), inputs()
    clean = measure_flow(model, x, squares, engine)
    model.theta[1] = float("nan")
    broken = measure_flow(model, x, squares, engine)
    assert torch.equal(broken.log_rms[0], clean.log_rms[0])
    assert broken.log_rms[1, :, 0].isnan().all()


def test_measuring_changes_neither_the_model_nor_the_random_state(engine):
    model, x = model_of("lstm"), inputs()
    theta, before = model.theta.clone(), torch.get_rng_state()
    measure_flow(model, x, squares, engine)
    assert torch.equal(model.theta, theta)
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.theta.requires_grad


def test_horizon_is_the_first_lag_under_the_threshold_or_none(engine):
    profile = measure_flow(model_of("rnn"), inputs(), squares, engine)
    profile.log_rms[0, :, 0] = -0.5 * torch.arange(T)
    profile.log_rms[1, :, 0] = -0.01 * torch.arange(T)
    assert profile.horizon(0) == 10  # exp(-4.5) = 1.1 %, exp(-5) = 0.7 %
    assert profile.horizon(1) is None
    assert profile.first_over_last().tolist() == pytest.approx([-0.5 * (T - 1), -0.01 * (T - 1)])


@pytest.mark.parametrize("steps", [1, 2, 64, 65, 200, 10_000])
def test_stored_lags_are_few_distinct_and_hold_both_ends(steps):
    lags = log_spaced(steps)
    assert lags[0] == 0
    assert lags[-1] == steps - 1
    assert lags == sorted(set(lags))
    assert len(lags) <= min(steps, STORED_LAGS)


def test_the_reference_engine_and_the_flow_unroll_alike():
    model, x = model_of("lstm"), inputs()
    params = model.params()
    states = unroll_states(model.cell, params, model.cell.project(params, x))
    assert torch.equal(reference.unroll(model.cell, params, x, 1)[:, 0], states[-1][..., :H])
