"""Step Jacobians: closed forms, autograd and central differences hold each other; their blocks; the carousel."""

import pytest
import torch
from torch import nn

import rnngrad.memory
from rnngrad.cells import CELLS, initialise
from rnngrad.errors import UsageError
from rnngrad.flow.chain import Chain
from rnngrad.flow.convert import as_chain
from rnngrad.flow.jacobians import blocks, log_carousel, step_jacobians
from rnngrad.flow.long_jacobian import long_jacobian
from rnngrad.flow.lyapunov import lyapunov_spectrum
from rnngrad.flow.matrix_free import pull, push

T, B, INPUTS, H = 7, 3, 2, 5
STEP = 1e-5


class TwoSpeeds(nn.Module):
    """A hand-written cell whose state is a tuple: a fast and a slow memory."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(INPUTS + 2 * H, H)

    def forward(self, x, state):
        fast, slow = state
        fast = torch.tanh(self.inner(torch.cat([x, fast, slow], dim=1)))
        return fast, 0.9 * slow + 0.1 * fast * slow.roll(1, dims=1)


MODULES = {
    "tanh": lambda: nn.RNN(INPUTS, H),
    "relu": lambda: nn.RNN(INPUTS, H, nonlinearity="relu"),
    "lstm": lambda: nn.LSTM(INPUTS, H),
    "gru": lambda: nn.GRU(INPUTS, H),
    "lstm of two layers": lambda: nn.LSTM(INPUTS, H, num_layers=2),
    "a module of one's own": TwoSpeeds,
}


def made(name):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return MODULES[name]().double()


def start(name):
    """The initial state, which tells (h, c) from (output, state) where a module returns two tensors."""
    return (torch.ones(B, H, dtype=torch.float64),) * 2 if name == "a module of one's own" else None


def inputs(steps=T, batch=B, seed=0):
    return torch.randn(steps, batch, INPUTS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def central_differences(step, state):
    """∂step/∂state of every sample, (…, S', S), an error of about 1e-10."""
    moves = STEP * torch.eye(state.shape[-1], dtype=torch.float64)
    return torch.stack([(step(state + move) - step(state - move)) / (2 * STEP) for move in moves], dim=-1)


@pytest.mark.parametrize("name", CELLS)
def test_closed_form_of_every_cell_against_central_differences_and_autograd(name):
    cell, generator = CELLS[name], torch.Generator().manual_seed(0)
    own = [initialise("default", cell, INPUTS, H, 1, T, generator) for _ in range(2)]
    params = {key: torch.stack([p[key] for p in own]).double() for key in cell.shapes(INPUTS, H)}
    a = torch.randn(2, B, cell.gates * H, dtype=torch.float64, generator=generator)
    state = torch.randn(2, B, cell.state_width(H), dtype=torch.float64, generator=generator)
    found = cell.jacobian(params, a, state)
    step = lambda s: cell.step(params, a, s)  # noqa: E731
    torch.testing.assert_close(found, central_differences(step, state), rtol=1e-7, atol=1e-9)
    summed = torch.autograd.functional.jacobian(lambda s: step(s).sum(dim=(0, 1)), state)
    torch.testing.assert_close(found, summed.permute(1, 2, 0, 3), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", MODULES)
def test_every_step_of_a_module_against_central_differences_and_autograd(name):
    module, x = made(name), inputs()
    chain = as_chain(module, x, start(name))
    found = step_jacobians(module, x, start(name))
    width = chain.states[0].shape[1]
    assert found.shape == (T, B, width, width)
    with torch.no_grad():
        for t in range(1, T + 1):
            differences = central_differences(lambda s, t=t: chain.step(t, s), chain.states[t - 1])
            torch.testing.assert_close(found[t - 1], differences, rtol=1e-7, atol=1e-9)
            torch.testing.assert_close(found[t - 1], Chain.jacobian(chain, t), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", MODULES)
def test_products_without_the_matrix_are_products_with_it(name):
    chain = as_chain(made(name), inputs(), start(name))
    jacobian = chain.jacobian(4)
    directions = torch.randn(B, jacobian.shape[1], 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(push(chain, 4, directions), jacobian @ directions, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(pull(chain, 4, directions), jacobian.mT @ directions, rtol=1e-12, atol=1e-14)


def gates(module, x, h, c):
    """Gates of an LSTM and its new cell state, from the equations, not from our code."""
    pre = x @ module.weight_ih_l0.T + module.bias_ih_l0 + h @ module.weight_hh_l0.T + module.bias_hh_l0
    i, f, g, o = pre.chunk(4, dim=1)
    return f.sigmoid(), o.sigmoid(), f.sigmoid() * c + i.sigmoid() * g.tanh()


def test_the_four_blocks_of_an_lstm():
    module, x = made("lstm"), inputs()
    chain = as_chain(module, x)
    found = blocks(step_jacobians(module, x)[4], chain.parts)
    assert set(found) == {"hh", "hc", "ch", "cc"}
    h, c = chain.states[4].chunk(2, dim=1)
    with torch.no_grad():
        f, o, after = gates(module, x[4], h, c)
        torch.testing.assert_close(found["cc"], torch.diag_embed(f))
        torch.testing.assert_close(found["hc"], torch.diag_embed(o * (1 - after.tanh().square()) * f))
        by_h = central_differences(lambda moved: gates(module, x[4], moved, c)[2], h)
        torch.testing.assert_close(found["ch"], by_h, rtol=1e-7, atol=1e-9)
        output = lambda moved: gates(module, x[4], moved, c)[1] * gates(module, x[4], moved, c)[2].tanh()  # noqa: E731
        torch.testing.assert_close(found["hh"], central_differences(output, h), rtol=1e-7, atol=1e-9)


def test_blocks_of_a_layer_that_is_not_there():
    chain = as_chain(made("lstm of two layers"), inputs())
    assert blocks(chain.jacobian(1), chain.parts, layer=1)["cc"].shape == (B, H, H)
    with pytest.raises(UsageError, match=r"no layer 2: the layers are \[0, 1\]"):
        blocks(chain.jacobian(1), chain.parts, layer=2)


def test_the_carousel_is_the_product_of_forget_gates_and_not_the_whole_derivative():
    module, x = made("lstm"), inputs()
    chain = as_chain(module, x)
    with torch.no_grad():
        product = [gates(module, x[t], *chain.states[t].chunk(2, dim=1))[0].log() for t in range(1, 6)]
    carousel = log_carousel(module, x, 1, 6)
    torch.testing.assert_close(carousel, torch.stack(product).sum(dim=0), rtol=1e-12, atol=0)
    long = long_jacobian(module, x, 1, 6)
    whole = blocks(long.matrix, chain.parts)["cc"] * long.log_scale.exp()[:, None, None]
    assert (whole.diagonal(dim1=1, dim2=2) - carousel.exp()).abs().max() > 1e-3


@pytest.mark.parametrize("layer", [0, 1])
def test_without_recurrent_weights_the_carousel_is_all_there_is_from_c_to_c(layer):
    module, x = made("lstm of two layers"), inputs()
    nn.init.zeros_(getattr(module, f"weight_hh_l{layer}"))
    long = long_jacobian(module, x, 0, T)
    own = blocks(long.matrix, as_chain(module, x).parts, layer)["cc"] * long.log_scale.exp()[:, None, None]
    torch.testing.assert_close(own, torch.diag_embed(log_carousel(module, x, 0, T, layer).exp()), rtol=1e-9, atol=1e-14)


def test_a_module_without_a_carousel_is_refused():
    with pytest.raises(UsageError, match="layer 0 has no cell state c"):
        log_carousel(made("gru"), inputs(), 0, T)
    with pytest.raises(UsageError, match="units of c depend on each other directly"):
        log_carousel(made("a module of one's own"), inputs(), 2, T, state=start("a module of one's own"))


def test_a_size_that_does_not_fit_is_refused_with_the_number_and_the_way_out(monkeypatch):
    monkeypatch.setattr(rnngrad.memory, "available_bytes", lambda device: 2**30)
    module, x = nn.LSTM(INPUTS, 512), inputs(steps=100, batch=2)
    with pytest.raises(UsageError, match=r"needs about 1\.6 GiB and cpu has 1\.0 GiB free: .* with k=8"):
        step_jacobians(module, x)


def test_samples_that_batch_normalisation_couples_have_no_jacobians_of_their_own():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 4)).double()
    x = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UsageError, match=r"coupled .*: call module.eval\(\)"):
        step_jacobians(module, x)
    assert step_jacobians(module.eval(), x).shape == (2, 6, 4, 4)


def test_widths_that_change_are_refused_where_one_array_is_asked_for():
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    with pytest.raises(UsageError, match=r"width changes along the chain \(\[2, 3, 4\]\): use long_jacobian"):
        step_jacobians(module, torch.ones(5, 4))


@pytest.mark.parametrize(
    "measure", [step_jacobians, lambda module, x: long_jacobian(module, x, 0, 2000), lyapunov_spectrum]
)
def test_a_state_that_overflows_is_refused_with_its_step(measure):
    module = nn.RNN(INPUTS, H, nonlinearity="relu").double()
    for weight in module.parameters():
        nn.init.constant_(weight, 1.0)
    with pytest.raises(UsageError, match=r"the state overflows at step 4\d\d: give fewer steps"):
        measure(module, torch.ones(2000, 1, INPUTS))
