"""Every cell against its twin in torch.nn, in float64, forward and backward; and the layout of state and axes."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from rnngrad.cells import CELLS, INITS, initialise
from rnngrad.engine.reference import unroll
from rnngrad.problems import PROBLEMS

R, T, B, INPUTS, H = 3, 11, 4, 5, 6

TWINS = {
    "rnn": partial(nn.RNN, nonlinearity="tanh"),
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}
every_cell = pytest.mark.parametrize("name", CELLS)
exactly = partial(torch.testing.assert_close, rtol=1e-12, atol=1e-13)


def params_of(name, replicas=R, inputs=INPUTS, hidden=H, dtype=torch.float64):
    """Default weights of several replicas, each from its own seed, without the read-out."""
    cell = CELLS[name]
    own = [
        initialise("default", cell, inputs, hidden, 1, T, torch.Generator().manual_seed(seed))
        for seed in range(replicas)
    ]
    return {key: torch.stack([p[key] for p in own]).to(dtype).requires_grad_() for key in cell.shapes(inputs, hidden)}


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()


def state_of(name, batch=B):
    return normal(R, batch, CELLS[name].state_width(H), seed=1)


def twin_run(name, params, x, state, replica):
    """The twin's outputs (T, B, H) with one replica's weights, and its weights by our names."""
    twin = TWINS[name](INPUTS, H).double()
    weights = {key: getattr(twin, f"{key}_l0") for key in params}
    with torch.no_grad():
        for key, weight in weights.items():
            weight.copy_(params[key][replica])
    parts = tuple(part[None] for part in state[replica].split(H, dim=-1))
    return twin(x[replica], parts if len(parts) > 1 else parts[0])[0], weights


def test_every_cell_that_names_a_twin_is_compared_with_it():
    assert {name for name, cell in CELLS.items() if "Twin:" in cell.__doc__} == set(TWINS)


@pytest.mark.parametrize("name", TWINS)
def test_forward_equals_the_twin(name):
    params, x, state = params_of(name), normal(R, T, B, INPUTS), state_of(name)
    ours = unroll(CELLS[name], params, x, T, state)
    for r in range(R):
        exactly(ours[r], twin_run(name, params, x, state, r)[0])


@pytest.mark.parametrize("name", TWINS)
def test_all_gradients_equal_the_twins(name):
    params, weighting = params_of(name), normal(R, T, B, H, seed=2).detach()
    x, state = normal(R, T, B, INPUTS), state_of(name)
    (unroll(CELLS[name], params, x, T, state) * weighting).sum().backward()
    x2, state2 = x.detach().clone().requires_grad_(), state.detach().clone().requires_grad_()
    for r in range(R):
        outputs, weights = twin_run(name, params, x2, state2, r)
        (outputs * weighting[r]).sum().backward()
        for key, weight in weights.items():
            exactly(params[key].grad[r], weight.grad)
    exactly(x.grad, x2.grad)
    exactly(state.grad, state2.grad)


@pytest.mark.parametrize("name", TWINS)
def test_the_initial_state_is_zero_by_default(name):
    params, x = params_of(name), normal(R, T, B, INPUTS)
    zeros = torch.zeros(R, B, CELLS[name].state_width(H), dtype=torch.float64)
    assert torch.equal(unroll(CELLS[name], params, x, T), unroll(CELLS[name], params, x, T, zeros))


def test_the_linear_cell_is_a_sum_of_matrix_powers():
    """h_T = Σ_k W^k (W_ih x_{T-k} + b_ih + b_hh) + W^T h_0, in numpy."""
    params, x, state = params_of("rnn_identity"), normal(R, T, B, INPUTS), state_of("rnn_identity")
    h = unroll(CELLS["rnn_identity"], params, x, 1, state)[:, 0].detach().numpy()
    w = {key: value.detach().numpy() for key, value in params.items()}
    for r in range(R):
        a = x[r].detach().numpy() @ w["weight_ih"][r].T + w["bias_ih"][r] + w["bias_hh"][r]
        powers = [np.linalg.matrix_power(w["weight_hh"][r], k).T for k in range(T + 1)]
        expected = state[r].detach().numpy() @ powers[T] + sum(a[T - 1 - k] @ powers[k] for k in range(T))
        np.testing.assert_allclose(h[r], expected, rtol=1e-12, atol=1e-13)


@every_cell
def test_gradients_equal_finite_differences(name):
    params, cell = params_of(name, replicas=1, inputs=2, hidden=2), CELLS[name]
    x, state = normal(1, 4, 2, 2), normal(1, 2, cell.state_width(2), seed=1)
    keys = list(params)

    def h(x, state, *weights):
        return unroll(cell, dict(zip(keys, weights, strict=True)), x, 2, state)

    assert torch.autograd.gradcheck(h, (x, state, *params.values()))


@every_cell
def test_a_step_returns_a_state_whose_first_columns_are_h(name):
    cell, params, x, state = CELLS[name], params_of(name), normal(R, 1, B, INPUTS), state_of(name)
    after = cell.step(params, cell.project(params, x)[:, 0], state)
    assert cell.parts[0] == "h"
    assert after.shape == state.shape == (R, B, len(cell.parts) * H)
    assert torch.equal(after[..., :H], unroll(cell, params, x, 1, state)[:, 0])


@every_cell
def test_weights_are_laid_out_by_gate_as_in_torch(name):
    cell, params = CELLS[name], params_of(name)
    rows = cell.gates * H
    assert {key: tuple(p.shape[1:]) for key, p in params.items()} == {
        "weight_ih": (rows, INPUTS),
        "weight_hh": (rows, H),
        "bias_ih": (rows,),
        "bias_hh": (rows,),
    }
    assert cell.project(params, normal(R, T, B, INPUTS)).shape == (R, T, B, rows)


def test_the_lstms_state_is_h_then_c():
    params, x, state = params_of("lstm"), normal(R, 1, B, INPUTS), state_of("lstm")
    after = CELLS["lstm"].step(params, CELLS["lstm"].project(params, x)[:, 0], state)
    for r in range(R):
        twin = nn.LSTM(INPUTS, H).double()
        with torch.no_grad():
            for key, weight in params.items():
                getattr(twin, f"{key}_l0").copy_(weight[r])
        h0, c0 = state[r].split(H, dim=-1)
        _, (h, c) = twin(x[r], (h0[None].contiguous(), c0[None].contiguous()))
        exactly(after[r], torch.cat([h[0], c[0]], dim=-1))


def test_the_adjoint_of_the_lstms_c_is_taken_with_h_held_fixed():
    """∂h_{t+1}/∂c_t = o_{t+1} tanh'(c_{t+1}) f_{t+1}: moving c_t moves c_{t+1} alone, h_t and the gates stay."""
    cell, params, x, state = CELLS["lstm"], params_of("lstm"), normal(R, 1, B, INPUTS), state_of("lstm")
    a = cell.project(params, x)[:, 0]
    after = cell.step(params, a, state)
    (adjoint,) = torch.autograd.grad(after[..., :H].sum(), state)
    h, c = after.split(H, dim=-1)
    _, f, _, _ = (a + cell.recur(params, state[..., :H])).chunk(4, dim=-1)
    o = h / torch.tanh(c)
    exactly(adjoint[..., H:], o * (1 - torch.tanh(c) ** 2) * torch.sigmoid(f), rtol=1e-10)


def test_the_lstms_last_c_has_no_gradient_from_a_loss_on_the_last_h():
    """Not so for the gradient that autograd retains on the c inside a step, which holds the path through h_t."""
    cell, params, x = CELLS["lstm"], params_of("lstm"), normal(R, 1, B, INPUTS)
    last = cell.step(params, cell.project(params, x)[:, 0], state_of("lstm"))
    last.retain_grad()
    last[..., :H].square().sum().backward()
    assert last.grad[..., :H].any()
    assert not last.grad[..., H:].any()


@every_cell
def test_permuting_the_batch_permutes_the_outputs(name):
    params, x, state = params_of(name), normal(R, T, B, INPUTS), state_of(name)
    order = torch.tensor([2, 0, 3, 1])
    straight = unroll(CELLS[name], params, x, T, state)
    exactly(unroll(CELLS[name], params, x[:, :, order], T, state[:, order]), straight[:, :, order])
    assert not torch.allclose(straight, straight[:, :, order])


@every_cell
def test_a_sample_does_not_see_the_others(name):
    params, x = params_of(name), normal(R, T, B, INPUTS).detach()
    disturbed = x.clone()
    disturbed[:, :, 0] = torch.nan
    before, after = (unroll(CELLS[name], params, inputs, 1)[:, 0] for inputs in (x, disturbed))
    assert torch.equal(before[:, 1:], after[:, 1:])
    assert after[:, 0].isnan().any()


@every_cell
def test_the_first_input_reaches_the_last_output_and_its_gradient(name):
    params, x = params_of(name), normal(R, T, B, INPUTS)
    last = unroll(CELLS[name], params, x, 1)
    (gradient,) = torch.autograd.grad(last.sum(), x)
    moved = x.detach().clone()
    moved[:, 0] += 0.5
    changed = unroll(CELLS[name], params, moved, 1)
    for r in range(R):
        assert gradient[r, 0].any()
        assert not torch.equal(changed[r], last[r])


@every_cell
def test_an_output_does_not_see_the_future(name):
    params, x = params_of(name), normal(R, T, B, INPUTS).detach()
    changed = x.clone()
    changed[:, 6:] += 1.0
    before, after = unroll(CELLS[name], params, x, T), unroll(CELLS[name], params, changed, T)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6], after[:, 6])


@every_cell
@pytest.mark.parametrize("keep", [1, 2, T])
def test_keep_gives_the_last_steps_in_order(name, keep):
    params, x, state = params_of(name), normal(R, T, B, INPUTS), state_of(name)
    kept = unroll(CELLS[name], params, x, keep, state)
    assert kept.shape == (R, keep, B, H)
    assert torch.equal(kept, unroll(CELLS[name], params, x, T, state)[:, T - keep :])


@every_cell
@pytest.mark.parametrize("inputs", [2, 10])
def test_a_replica_alone_is_bitwise_the_same_as_among_others(name, inputs):
    """In the sizes and the precision of training; forward and gradient."""
    hidden, batch, replicas = 32, 32, 5
    params = params_of(name, replicas, inputs, hidden, torch.float32)
    x = normal(replicas, 8, batch, inputs).detach().float()
    together = unroll(CELLS[name], params, x, 3)
    gradients = torch.autograd.grad(together.square().sum(), list(params.values()))
    for r in range(replicas):
        own = {key: weight[r : r + 1] for key, weight in params.items()}
        alone = unroll(CELLS[name], own, x[r : r + 1], 3)
        assert torch.equal(alone[0], together[r])
        own_gradients = torch.autograd.grad(alone.square().sum(), list(own.values()))
        for one, gradient in zip(own_gradients, gradients, strict=True):
            assert torch.equal(one[0], gradient[r])


@every_cell
def test_other_replicas_weights_have_no_gradient(name):
    params, x = params_of(name), normal(R, T, B, INPUTS)
    unroll(CELLS[name], params, x, 1)[1].square().sum().backward()
    for weight in [*params.values(), x]:
        assert weight.grad[1].any()
        assert not weight.grad[[0, 2]].any()


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(thing, id=f"{kind}-{name}")
        for kind, registry in [("cell", CELLS), ("init", INITS), ("problem", PROBLEMS)]
        for name, thing in registry.items()
    ],
)
def test_every_registry_entry_states_its_source(entry):
    doc = entry.__doc__
    assert doc
    assert re.search(r"References?:", doc)
    assert re.search(r"\b(19|20)\d\d\b", doc) or "torch.nn" in doc


@pytest.mark.parametrize("registry", [CELLS, PROBLEMS])
def test_registry_names_are_the_entries_own(registry):
    assert [entry.name for entry in registry.values()] == list(registry)


@every_cell
def test_a_cells_default_init_is_known_and_fits(name):
    cell = CELLS[name]
    assert initialise(cell.default_init, cell, INPUTS, H, 1, T, torch.Generator())
