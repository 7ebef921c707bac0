"""What is measured beside the flow while a net trains, against numpy, autograd and the exact long Jacobian."""

import json
from math import inf, log

import numpy as np
import pytest
import torch
from conftest import ensemble_of, small_card

from rnngrad.cells import CELLS
from rnngrad.engine import ENGINES
from rnngrad.flow import take_measures
from rnngrad.flow.jacobians import log_carousel
from rnngrad.flow.long_jacobian import long_jacobian
from rnngrad.flow.tallies import FLAT, Saturation
from rnngrad.models import Recurrent

R, T, B, INPUTS, H = 2, 75, 3, 3, 6
"""T is more than a block of steps."""

every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=list(ENGINES))


def model_of(cell, init="default", hidden=H):
    return Recurrent.seeded(CELLS[cell], init, INPUTS, hidden, 2, T, range(R)).to(torch.float64)


def inputs(steps=T, batch=B, seed=0):
    return torch.randn(R, steps, batch, INPUTS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def squares(output):
    """Some loss of each sample, (R, B, O) to (R, B)."""
    return (output - 0.3).square().sum(dim=-1)


def measured(model, x, engine=ENGINES["cpu"]):
    return take_measures(model, x, squares, engine, 1 / x.shape[2])


@pytest.mark.parametrize("name", CELLS)
def test_spectra_of_every_gates_block_are_numpys(name):
    model = model_of(name)
    for replica, found in enumerate(measured(model, inputs(steps=4))):
        weight = model.params()["weight_hh"][replica].numpy()
        for k, gate in enumerate(model.cell.gate_names):
            block = weight[k * H : (k + 1) * H]
            assert found[f"rho_{gate}"] == pytest.approx(np.abs(np.linalg.eigvals(block)).max(), abs=1e-5)
            assert found[f"sigma_max_{gate}"] == pytest.approx(np.linalg.svd(block)[1][0], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "init"),
    [("rnn", "default"), ("rnn", "orthogonal"), ("lstm", "forget_bias_1"), ("lstm", "chrono"), ("gru", "default")],
)
@every_engine
def test_the_exponent_is_that_of_the_long_jacobian(name, init, engine):
    """Never above ln σ_1(J(T←1)) / (T - 1), and short of ln σ_1 by what the one round misses, a few tenths at most."""
    model, x = model_of(name, init), inputs()
    for replica, found in enumerate(measured(model, x, engine)):
        exact = long_jacobian(model.select([replica]), x[replica], 1, T).finite_time_exponents[:, 0].mean()
        short = (float(exact) - found["exponent"]) * (T - 1)
        assert -1e-3 < short < 0.3


def test_the_exponent_is_exact_where_one_direction_outlives_the_others():
    """A symmetric linear net with eigenvalues 0.9, 0.6 and less: nothing else is left after the way back."""
    model = model_of("rnn_identity")
    rotation = torch.linalg.qr(torch.randn(R, H, H, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))[0]
    values = torch.tensor([0.9, 0.6, 0.5, 0.4, 0.3, 0.2], dtype=torch.float64)
    model.params()["weight_hh"].copy_(rotation @ torch.diag(values) @ rotation.mT)
    x = inputs()
    for replica, found in enumerate(measured(model, x)):
        exact = long_jacobian(model.select([replica]), x[replica], 1, T).finite_time_exponents[:, 0].mean()
        assert found["exponent"] == pytest.approx(float(exact), abs=1e-5)
        assert found["exponent"] == pytest.approx(log(0.9), abs=1e-5)


def test_the_exponent_of_a_scaled_rotation_is_exact():
    """W = a·Q in a linear net: ln a, at a lag far beyond the range of a float."""
    model = model_of("rnn_identity")
    rotation = torch.linalg.qr(torch.randn(R, H, H, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))[0]
    model.params()["weight_hh"].copy_(0.2 * rotation)
    for found in measured(model, inputs(steps=700)):
        assert found["exponent"] == pytest.approx(log(0.2), abs=1e-5)


@pytest.mark.parametrize("name", CELLS)
@every_engine
def test_direct_over_total_is_autograds(name, engine):
    """The total from the whole graph; the direct from the last step alone, on a state that is held."""
    model, x = model_of(name), inputs(steps=40)
    params = model.params()
    a = model.cell.project(params, x)
    weight = params["weight_hh"].clone().requires_grad_()

    def gradient(first):
        """Of the mean loss, where W_hh is varied from step ``first`` on."""
        state = a.new_zeros(R, B, model.cell.state_width(H))
        for t in range(x.shape[1]):
            own = {**params, "weight_hh": weight if t >= first else params["weight_hh"]}
            state = model.cell.step(own, a[:, t], state)
        loss = squares(model.read_out(params, state[:, None, :, :H])[:, 0]).mean(dim=1).sum()
        return torch.autograd.grad(loss, weight)[0].flatten(1).norm(dim=1).log()

    expected = gradient(x.shape[1] - 1) - gradient(0)
    for found, value in zip(measured(model, x, engine), expected, strict=True):
        assert found["direct_over_total"] == pytest.approx(float(value), abs=1e-5)


@every_engine
def test_the_carousel_of_an_lstm_over_all_its_paths(engine):
    """δ of c_T times ∏ f_t of all steps after the first, against autograd's δ of (h_1, c_1)."""
    model, x = model_of("lstm"), inputs()
    params = model.params()
    a = model.cell.project(params, x)
    states = [a.new_zeros(R, B, 2 * H).requires_grad_()]
    for t in range(T):
        states.append(model.cell.step(params, a[:, t], states[-1]))
    loss = squares(model.read_out(params, states[-1][:, None, :, :H])[:, 0]).sum()
    first, last = torch.autograd.grad(loss, [states[1], states[-1]])
    c = states[-1][..., H:].detach()
    gate = states[-1][..., :H].detach() / torch.tanh(c)
    into_c = last[..., :H] * gate * (1 - torch.tanh(c).square())  # the loss sees c_T through h_T alone
    for replica, found in enumerate(measured(model, x, engine)):
        carousel = log_carousel(model.select([replica]), x[replica], 1, T)
        path = (into_c[replica] * carousel.exp()).square().sum(dim=-1).mean().sqrt()
        whole = first[replica].square().sum(dim=-1).mean().sqrt()
        assert found["path_over_total"] == pytest.approx(float((path / whole).log()), abs=1e-5)


def test_without_recurrent_weights_the_gates_path_is_all_there_is():
    for name in ("lstm", "gru"):
        model = model_of(name)
        model.params()["weight_hh"].zero_()
        for found in measured(model, inputs()):
            assert found["path_over_total"] == pytest.approx(0.0, abs=1e-5)
    assert "path_over_total" not in measured(model_of("rnn"), inputs(steps=4))[0]


def one_step(name, a, state):
    """The shares of saturated units of one step, from hand-made pre-activations and a state, without weights."""
    cell, params = CELLS[name], model_of(name, hidden=1).params()
    params["weight_hh"].zero_()
    params["bias_hh"].zero_()
    linear = cell.linearise(params, a.expand(R, *a.shape), state.expand(R, *state.shape))
    tally = Saturation()
    tally.add(type("Step", (), {"linear": linear}))
    return {name: float(share[0]) for name, share in tally.result().items()}


def column(*values):
    return torch.tensor(values, dtype=torch.float64).unsqueeze(1)


def test_saturation_of_hand_made_states():
    """tanh is flat beyond 1.8185, where 1 - tanh² = 0.1; σ beyond 3.6369 = twice that; a ReLU where it is off."""
    edge = float(np.arctanh(np.sqrt(1 - FLAT)))
    near = column(0.0, edge - 1e-6, -edge + 1e-6, edge + 1e-6, -edge - 1e-6)
    zero = torch.zeros_like(near)
    assert one_step("rnn", near, zero) == {"saturated_h": 0.4}
    assert one_step("rnn_relu", near, zero) == {"saturated_h": 0.6}
    assert one_step("rnn_identity", near, zero) == {"saturated_h": 0.0}
    assert one_step("gru", torch.cat([2 * near, near, near], dim=1), zero) == {
        "saturated_r": 0.4,
        "saturated_z": 0.0,
        "saturated_n": 0.4,
    }
    open_gate, shut = torch.full_like(near, 40.0), torch.full_like(near, -40.0)
    found = one_step("lstm", torch.cat([shut, open_gate, zero, 2 * near], dim=1), torch.cat([zero, near], dim=1))
    assert found == {
        "saturated_i": 1.0,
        "saturated_f": 1.0,
        "saturated_g": 0.0,
        "saturated_o": 0.4,
        "saturated_c": 0.4,
    }


def test_both_ways_to_the_adjoints_agree_at_lags_beyond_float64():
    """The engine's own pass and the one that steps back: a default net at a lag where its error is e^-800."""
    model, x = model_of("rnn"), inputs(steps=1200)
    ours, truth = (measured(model, x, engine) for engine in (ENGINES["cpu"], ENGINES["reference"]))
    for own, other in zip(ours, truth, strict=True):
        assert own["exponent"] * 1200 < -745
        assert own == pytest.approx(other, abs=2e-5)


def test_broken_replicas_have_no_measures_and_leave_the_others_theirs():
    model, x = model_of("lstm"), inputs(steps=5)
    whole = measured(model, x)
    model.params()["weight_hh"][1, 0, 0] = torch.nan
    assert measured(model, x)[0] == whole[0]
    assert set(measured(model, x)[1].values()) == {None}
    relu = model_of("rnn_relu")
    relu.params()["weight_hh"][0] *= 1e30
    assert set(measured(relu, inputs(steps=40))[0].values()) == {None}


def test_a_net_without_any_gradient_says_so():
    """A dead ReLU net: nothing to measure, and nothing that breaks; JSON has no NaN and no infinity."""
    model = model_of("rnn_relu")
    model.params()["bias_ih"].fill_(-100.0)
    found = measured(model, inputs())[0]
    assert (found["saturated_h"], found["exponent"], found["direct_over_total"]) == (1.0, None, None)
    assert found["omega_norms"] == pytest.approx(1.0)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_an_evaluation_measures_the_first_samples_of_the_probe_batch():
    card = small_card(cell="gru", lag=20)
    ensemble = ensemble_of(card)
    start = next(ensemble.run())
    rows = [0, 1]
    x, target = ensemble._probe_batch(rows)
    few = take_measures(
        ensemble.model,
        x[:, :, :2],
        lambda out: ensemble.problem.last_step_loss(out, target[:, :2]),
        ensemble.engine,
        1 / card.training.batch,
    )
    assert [snapshot.measures for snapshot in start] == few
    assert all(np.isfinite(value) for row in few for value in row.values())
    assert few[0]["path_over_total"] > -inf
