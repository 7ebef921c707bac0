"""Pascanu's regulariser against its definition: explicit Jacobians, autograd with the same constants; its effect."""

import sys
from dataclasses import replace
from math import exp, log

import pytest
import torch
from conftest import ensemble_of, small_card

from rnngrad import cards, cli
from rnngrad.cells import CELLS
from rnngrad.engine import ENGINES, Tap
from rnngrad.errors import UsageError
from rnngrad.flow import FORMS, Omega, take_measures
from rnngrad.models import Recurrent

R, T, B, INPUTS, H = 2, 6, 3, 3, 5
SMALLEST = 1e-20

PAIRS = [
    (name, engine)
    for engine in ENGINES.values()
    for name, cell in CELLS.items()
    if engine.supports(cell, torch.float64, torch.device("cpu"))
]

every_form = pytest.mark.parametrize("form", FORMS)
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=list(ENGINES))


def model_of(cell, hidden=H, gain=1.0):
    model = Recurrent.seeded(CELLS[cell], "default", INPUTS, hidden, 2, T, range(R)).to(torch.float64)
    return model.with_theta(gain * model.theta)


def inputs(steps=T, batch=B, seed=0):
    return torch.randn(R, steps, batch, INPUTS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def losses(outputs):
    """Some loss of each replica, a mean over the batch and a sum over the steps that it sees, (R, K, B, O) to (R,)."""
    return (outputs - 0.3).square().sum(dim=(1, 3)).mean(dim=1)


def heard(model, x, keep, engine):
    """A tap that has heard the backward pass of the loss at the last ``keep`` steps."""
    tap = Tap(whole=True)
    theta = model.theta.clone().requires_grad_()
    losses(model.outputs(model.params(theta), x, keep, engine, tap)).sum().backward()
    return tap


def plain_pass(model, x, keep):
    """s_0 … s_T of one autograd graph and the total δ_1 … δ_T, (T, R, B, S)."""
    params = model.params()
    a = model.cell.project(params, x)
    states = [a.new_zeros(R, x.shape[2], model.cell.state_width(params["weight_hh"].shape[2])).requires_grad_()]
    for t in range(x.shape[1]):
        states.append(model.cell.step(params, a[:, t], states[-1]))
    h = torch.stack([state[..., : params["weight_hh"].shape[2]] for state in states[-keep:]], dim=1)
    adjoints = torch.autograd.grad(losses(model.read_out(params, h)).sum(), states[1:])
    return [state.detach() for state in states], torch.stack(adjoints)


def with_live_weight(cell, params, weight, a, before):
    """The Jacobian (S, S) of one sample's step as a function of the W_hh that stands in it, nothing else varied.

    step(h') is given the weight for what differs from h, and a bias that makes up for it at h: so the pre-activations,
    and with them every slope, are those of the true weights whatever ``weight`` is.
    """
    hidden = weight.shape[-1]

    def step(state):
        h = before[:hidden]
        bias = params["bias_hh"] + (params["weight_hh"] @ h) - (weight @ h)
        live = {**params, "weight_hh": weight, "bias_hh": bias}
        return cell.step({k: v.unsqueeze(0) for k, v in live.items()}, a[None, None], state[None, None])[0, 0]

    return torch.autograd.functional.jacobian(step, before, create_graph=True)


def by_definition(model, x, keep, form, replica):
    """Ω and ∂⁺Ω/∂W_hh of one replica, by autograd through explicit Jacobians, one sample and step at a time."""
    states, adjoints = plain_pass(model, x, keep)
    params = {name: weight[replica] for name, weight in model.params().items()}
    weight = params["weight_hh"].clone().requires_grad_()
    a = model.cell.project(model.params(), x)[replica]
    terms = []
    for t in range(x.shape[1]):
        for b in range(x.shape[2]):
            delta = adjoints[t, replica, b]
            if delta.square().sum() < (SMALLEST if form == "squares" else 1e-300):
                continue
            jacobian = with_live_weight(model.cell, params, weight, a[t, b], states[t][replica, b])
            ratio = (delta @ jacobian).norm() / delta.norm()
            terms.append((ratio - 1) ** 2 if form == "norms" else (ratio**2 - 1) ** 2)
    value = torch.stack(terms).mean()
    return float(value.detach()), torch.autograd.grad(value, weight)[0], len(terms)


@pytest.mark.parametrize(("name", "engine"), PAIRS, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("keep", [1, 4])
@every_form
def test_the_gradient_is_autograds_with_states_slopes_and_adjoints_held(name, keep, form, engine):
    model, x = model_of(name), inputs()
    found = Omega(2.5, form).gradient(model.cell, model.params(), x, heard(model, x, keep, engine))
    for replica in range(R):
        _, gradient, _ = by_definition(model, x, keep, form, replica)
        torch.testing.assert_close(found[replica], 2.5 * gradient, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", CELLS)
@every_engine
def test_the_measured_omega_is_that_of_explicit_jacobians(name, engine):
    model, x = model_of(name), inputs()
    found = take_measures(model, x, lambda out: (out - 0.3).square().sum(dim=-1), engine, 1 / B)
    for replica in range(R):
        for form in FORMS:
            value, _, _ = by_definition(model, x, 1, form, replica)
            assert found[replica][f"omega_{form}"] == pytest.approx(value, rel=1e-10, abs=1e-5)


def test_squares_leave_out_adjoints_under_1e_20_and_norms_count_them():
    """At a third of the default weights a vanilla net's error falls under 1e-10 within twenty steps."""
    model, x = model_of("rnn", gain=0.3), inputs(steps=30)
    tap = heard(model, x, 1, ENGINES["cpu"])
    numbers = {}
    for form in FORMS:
        value, gradient, numbers[form] = by_definition(model, x, 1, form, 0)
        found = Omega(1.0, form).gradient(model.cell, model.params(), x, tap)
        torch.testing.assert_close(found[0], gradient, rtol=1e-10, atol=1e-13)
        measured = take_measures(model, x, lambda o: (o - 0.3).square().sum(dim=-1), ENGINES["cpu"], 1 / B)[0]
        assert measured[f"omega_{form}"] == pytest.approx(value, abs=1e-5)
    assert 0 < numbers["squares"] < numbers["norms"] == 30 * B


@every_form
def test_a_scaled_rotation_has_omega_in_closed_form(form):
    """W = a·Q: every ratio is a. Ω = (a - 1)² or (a² - 1)², and a step of descent on it moves a towards 1 alone."""
    a, model = 0.8, model_of("rnn_identity")
    rotation = torch.linalg.qr(torch.randn(R, H, H, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))[0]
    model.params()["weight_hh"].copy_(a * rotation)
    x = inputs()
    gradient = Omega(1.0, form).gradient(model.cell, model.params(), x, heard(model, x, 1, ENGINES["cpu"]))
    slope = (gradient * rotation).sum(dim=(1, 2))  # dΩ/da, along the direction of W itself
    expected = 2 * (a - 1) if form == "norms" else 4 * a * (a**2 - 1)
    torch.testing.assert_close(slope, torch.full_like(slope, expected), rtol=1e-10, atol=0)
    measured = take_measures(model, x, lambda out: out.square().sum(dim=-1), ENGINES["cpu"], 1 / B)[0]
    assert measured["omega_norms"] == pytest.approx((a - 1) ** 2, abs=1e-5)
    assert measured["omega_squares"] == pytest.approx((a**2 - 1) ** 2, abs=1e-5)


def test_norms_count_what_float32_cannot_hold():
    """At lag 300 the error is e^-500 or less; its direction is there all the same, and so is every term."""
    model = model_of("rnn", gain=0.3).to(torch.float32)
    x = inputs(steps=300).float()
    tap = heard(model, x, 1, ENGINES["cpu"])
    assert (tap.log_norms[:, 0] < -500).all()
    found = Omega(1.0, "norms").gradient(model.cell, model.params(), x, tap)
    double = model.to(torch.float64)
    tap = heard(double, x.double(), 1, ENGINES["cpu"])
    exact = Omega(1.0, "norms").gradient(double.cell, double.params(), x.double(), tap)
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-5)


def test_no_gradient_no_omega():
    """A ReLU net that is dead has δ = 0 at every step: no term counts, and nothing is divided by nothing."""
    model, x = model_of("rnn_relu"), inputs()
    model.params()["bias_ih"].fill_(-100.0)
    model.params()["readout_weight"].zero_()
    for form in FORMS:
        found = Omega(1.0, form).gradient(model.cell, model.params(), x, heard(model, x, 1, ENGINES["cpu"]))
        assert torch.equal(found, torch.zeros_like(found))


@pytest.mark.parametrize("task", ["adding", "copy"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@every_engine
def test_a_strength_of_zero_changes_no_bit_and_another_does(task, cell, engine):
    ends = []
    for omega in (None, 0.0, 0.5):
        keys = {} if omega is None else {"omega": omega, "omega_form": "squares"}
        ensemble = ensemble_of(small_card(task, cell, max_steps=4, eval_every=4, **keys), engine=engine)
        list(ensemble.run())
        ends.append(ensemble.model.theta)
    assert torch.equal(ends[0], ends[1])
    assert ends[2].isfinite().all()
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_regularised_seed_alone_keeps_its_bits(cell):
    card = small_card(cell=cell, lag=50, batch=32, max_steps=3, eval_every=3, omega=1.0)
    card = replace(card, cells=(replace(card.cells[0], hidden=32),))
    many, alone = ensemble_of(card, range(3), ENGINES["cpu"]), ensemble_of(card, [1], ENGINES["cpu"])
    list(many.run())
    list(alone.run())
    assert torch.equal(alone.model.theta[0], many.model.theta[1])


def test_only_the_recurrent_weights_hear_of_it():
    """Under plain descent without clipping two trainings differ by lr · strength · ∂⁺Ω after one update, in W_hh."""
    kept = {"optimizer": "sgd", "clip": 1e9, "lr": 0.1}
    plain, regular = (ensemble_of(small_card(cell="gru", omega=omega, **kept)) for omega in (0.0, 0.5))
    for ensemble in (plain, regular):
        ensemble._update(0)
    moved = {name: weight - plain.model.params()[name] for name, weight in regular.model.params().items()}
    assert moved.pop("weight_hh").abs().max() > 1e-5
    assert not any(difference.any() for difference in moved.values())


@every_form
def test_training_with_it_brings_the_growth_per_step_towards_one(form):
    """A vanilla net on adding, lag 30: its error shrinks by a third and more per step; with Ω it does not."""
    growth = {}
    for omega in (0.0, 2.0):
        card = small_card(cell="rnn", lag=30, batch=16, optimizer="sgd", lr=0.02, max_steps=150, eval_every=150)
        card = replace(card, training=replace(card.training, omega=omega, omega_form=form))
        ensemble = ensemble_of(replace(card, cells=(replace(card.cells[0], hidden=16),)), engine=ENGINES["cpu"])
        last = list(ensemble.run())[-1]
        growth[omega] = [exp(s.flow.log_first_over_last / 29) for s in last]
        assert all(s.measures[f"omega_{form}"] < 0.05 for s in last) == bool(omega)
    for without, regular in zip(growth[0.0], growth[2.0], strict=True):
        assert without < 0.75
        assert abs(log(regular)) < 0.5 * abs(log(without))


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ({"omega": -1.0}, "'--omega': expected at least 0, got -1.0"),
        ({"omega": float("nan")}, "'--omega': expected a number within ±1,000,000,000, got nan"),
        ({"omega": float("inf")}, "'--omega': expected a number within ±1,000,000,000, got inf"),
        ({"omega_form": "cubes"}, "'--omega-form': unknown value 'cubes'"),
    ],
)
def test_nonsense_is_one_line(flags, complaint):
    with pytest.raises(UsageError, match=complaint) as error:
        cards.override(cards.load("adding").training, **flags)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--omega", "-3"], "'--omega': expected at least 0, got -3.0"),
        (["--omega", "much"], "'much' is not a valid float"),
        (["--omega-form", "squares"], "'--omega-form': there is no regulariser to give a form: set its strength"),
        (["--omega", "1", "--omega-form", "cubes"], "'cubes' is not one of 'norms', 'squares'"),
    ],
)
def test_nonsense_on_the_command_line_is_one_line_and_exit_2(words, complaint, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["rnngrad", "task", "adding", "--out", str(tmp_path), *words])
    with pytest.raises(SystemExit) as done:
        cli.main()
    err = capsys.readouterr().err
    assert done.value.code == 2
    assert complaint in err
    assert err.count("\n") == 1


def test_a_card_may_ask_for_it(tmp_path):
    shipped = cards.shipped()["adding"].read_text()
    path = tmp_path / "mine.toml"
    path.write_text(shipped.replace("[training]\n", '[training]\nomega = 4\nomega_form = "squares"\n'))
    assert cards.load(str(path)).regulariser() == Omega(4.0, "squares")
    assert cards.load("adding").regulariser() is None
    path.write_text(shipped.replace("[training]\n", '[training]\nomega = 1\nomega_form = "square"\n'))
    with pytest.raises(UsageError, match="'omega_form': unknown value 'square': did you mean 'squares'"):
        cards.load(str(path))
