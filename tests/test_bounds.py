"""The bounds of a module: the right weights of the right layer, measured nets beneath them, and clear refusals."""

from math import log

import numpy as np
import pytest
import torch
from torch import nn

from rnngrad.cells import CELLS
from rnngrad.errors import UsageError
from rnngrad.flow.bounds import bounds
from rnngrad.models import Recurrent
from rnngrad.theory import error_flow_bounds, gated_bounds

H, INPUTS = 5, 3
TWINS = {
    "rnn": lambda **options: nn.RNN(INPUTS, H, **options),
    "rnn_relu": lambda **options: nn.RNN(INPUTS, H, nonlinearity="relu", **options),
    "lstm": lambda **options: nn.LSTM(INPUTS, H, **options),
    "gru": lambda **options: nn.GRU(INPUTS, H, **options),
}


def recurrent(cell, seeds=(0,), hidden=H):
    return Recurrent.seeded(CELLS[cell], "default", INPUTS, hidden, 2, 10, list(seeds))


def named(found, layer=0):
    return {b.name: b for b in found if b.layer == layer}


def array(weight):
    return weight.detach().double().numpy()


@pytest.mark.parametrize("cell", TWINS)
def test_a_torch_module_and_its_twin_have_the_same_bounds(cell):
    model, module = recurrent(cell), TWINS[cell]()
    for name in CELLS[cell].shapes(INPUTS, H):
        getattr(module, f"{name}_l0").data.copy_(model.params()[name][0])
    assert bounds(module) == bounds(model)


@pytest.mark.parametrize(("cell", "activation"), [("rnn", "tanh"), ("rnn_relu", "relu")])
def test_every_layer_is_bounded_by_its_own_weights(cell, activation):
    module = TWINS[cell](num_layers=3)
    found = bounds(module)
    assert {b.layer for b in found} == {0, 1, 2}
    for layer in range(3):
        weight, b_ih, b_hh = (array(getattr(module, f"{n}_l{layer}")) for n in ("weight_hh", "bias_ih", "bias_hh"))
        alone = error_flow_bounds(weight, b_ih + b_hh, activation)
        assert [b.log_factor for b in found if b.layer == layer] == [b.log_factor for b in alone]
        assert named(found, layer)["pascanu_vanishing"].factor == pytest.approx(np.linalg.svd(weight)[1][0])


def test_the_linear_cell_is_bounded_as_a_linear_net():
    model = recurrent("rnn_identity")
    weight = array(model.params()["weight_hh"][0])
    found = named(bounds(model))["spectral_radius"]
    assert found.satisfied
    assert found.factor == pytest.approx(np.abs(np.linalg.eigvals(weight)).max())


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_gated_module_gives_the_path_through_the_right_gate(cell):
    """Gate rows: i, f, g, o of the LSTM and r, z, n of the GRU, so the second block of either."""
    module = TWINS[cell]()
    bias = array(module.bias_ih_l0) + array(module.bias_hh_l0)
    alone = gated_bounds(cell, bias[H : 2 * H], array(module.weight_hh_l0), array(module.weight_ih_l0)[H : 2 * H])
    assert bounds(module) == alone
    assert bounds(module)[0].factor == pytest.approx(1 / (1 + np.exp(-bias[H : 2 * H].max())))
    assert bounds(module)[0].vacuous


def test_an_lstm_without_weights_is_exact():
    module = nn.LSTM(INPUTS, H)
    module.weight_ih_l0.data.zero_()
    module.weight_hh_l0.data.zero_()
    module.bias_ih_l0.data.fill_(1.0)
    module.bias_hh_l0.data.fill_(-0.25)
    found = bounds(module)[0]
    assert found.satisfied
    assert found.log_factor == pytest.approx(-log(1 + np.exp(-0.75)))


def test_a_module_without_biases_has_biases_of_zero():
    found = named(bounds(nn.RNN(INPUTS, H, bias=False).double()))
    assert found["spectral_radius"].satisfied is None
    assert bounds(nn.LSTM(INPUTS, H, bias=False))[0].factor == pytest.approx(0.5)


def test_a_parametrised_weight_is_bounded_as_it_is_used():
    module = nn.utils.parametrizations.orthogonal(nn.RNN(INPUTS, H), "weight_hh_l0")
    assert named(bounds(module))["pascanu_vanishing"].factor == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_a_measured_stack_stays_below_every_ceiling(nonlinearity, scale):
    """∂h_T/∂h_t of each layer of nn.RNN by autograd through the module, the other layer's state held fixed."""
    torch.manual_seed(0)
    module = nn.RNN(INPUTS, H, num_layers=2, nonlinearity=nonlinearity).double()
    for weight in module.parameters():
        weight.data.mul_(scale)
    x, h0 = torch.randn(25, 1, INPUTS, dtype=torch.float64), torch.randn(2, 1, H, dtype=torch.float64)
    ceilings = [b for b in bounds(module) if b.kind == "ceiling"]
    assert len(ceilings) == 8
    for lag in (1, 2, 5, 25):
        jacobian = torch.autograd.functional.jacobian(lambda h, n=lag: module(x[:n], h)[1], h0)
        for b in ceilings:
            block = jacobian[b.layer, 0, :, b.layer, 0].numpy()
            measured = max(np.linalg.norm(block, 2), np.abs(block).max())
            assert measured <= np.exp(b.log_at(lag)) * (1 + 1e-10)


def test_asking_changes_nothing():
    module = nn.RNN(INPUTS, H).eval()
    before, state = [p.clone() for p in module.parameters()], torch.get_rng_state()
    bounds(module)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert all(p.grad is None and p.requires_grad for p in module.parameters())
    assert not module.training
    assert torch.equal(state, torch.get_rng_state())


def broken(module, name, value):
    getattr(module, name).data[0] = value
    return module


def broken_model():
    model = recurrent("lstm")
    model.params()["bias_hh"][0, 0] = float("nan")
    return model


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Linear(2, 2), "got Linear"),
        (lambda: nn.RNN(2, 2, bidirectional=True), "bidirectional"),
        (lambda: nn.LSTM(2, 4, proj_size=2), "proj_size=2"),
        (lambda: recurrent("rnn", seeds=(0, 1)), r"one replica at a time, got 2: give model.select\(\[0\]\)"),
        (lambda: broken(nn.RNN(2, 2, num_layers=2), "weight_hh_l1", float("nan")), "weight_hh_l1 holds NaN"),
        (lambda: broken(nn.GRU(2, 2), "bias_ih_l0", float("inf")), "bias_ih_l0 holds NaN or infinite"),
        (lambda: broken(nn.LSTM(2, 2), "weight_ih_l0", float("nan")), "weight_ih_l0 holds NaN"),
        (broken_model, "bias_hh holds NaN"),
    ],
)
def test_what_cannot_be_bounded_is_one_clear_error(make, words):
    with pytest.raises(UsageError, match=words) as caught:
        bounds(make())
    assert "\n" not in str(caught.value)


def test_one_replica_is_taken_out_of_an_ensemble():
    ensemble = recurrent("rnn", seeds=(3, 4))
    assert bounds(ensemble.select([1])) == bounds(recurrent("rnn", seeds=(4,)))
