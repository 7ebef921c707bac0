"""gradient_flow against autograd through the module itself, resumed at step t, and against exact cases."""

from copy import deepcopy
from itertools import pairwise
from math import log
from statistics import median

import pytest
import torch
from torch import nn

from rnngrad import gradient_flow
from rnngrad.cells import CELLS
from rnngrad.models import Recurrent

T, B, INPUTS, H = 201, 4, 3, 5
LAGS = (0, 1, 2, 3, 10, 60, 130, 200)


def inputs(steps=T, batch=B, width=INPUTS, seed=0):
    return torch.randn(steps, batch, width, generator=torch.Generator().manual_seed(seed))


def quadratic(output):
    """A mean over the batch that is not linear."""
    return (output - 0.3).square().sum(dim=1).mean()


def curves(flow):
    """(layer, state) to its two log curves, each (L,)."""
    names = ["log_rms_per_sample", "log_norm_of_mean"]
    return {
        key: torch.from_numpy(rows[names].to_numpy().copy()).T for key, rows in flow.table.groupby(["layer", "state"])
    }


def assert_curves(flow, adjoints):
    """adjoints: per lag the exact parts, (layer, state) to (B, width), of each sample's own loss."""
    found = curves(flow)
    assert found.keys() == next(iter(adjoints.values())).keys()
    for lag, parts in adjoints.items():
        for key, exact in parts.items():
            rms, of_mean = exact.norm(dim=1).square().mean().sqrt().log(), exact.mean(dim=0).norm().log()
            torch.testing.assert_close(found[key][:, lag], torch.stack([rms, of_mean]), rtol=1e-12, atol=1e-10)


def with_wholes(parts):
    """Per layer and name to the rows that a table has: wholes, and the stack where there are several layers."""
    layers, names = (sorted({key[k] for key in parts}) for k in (0, 1))
    names = ["h", "c"] if names == ["c", "h"] else names
    rows = {("all", n): torch.cat([parts[layer, n] for layer in layers], dim=1) for n in names}
    if len(names) > 1:
        rows["all", "hc"] = torch.cat(list(parts.values()), dim=1)
    for layer in layers if len(layers) > 1 else []:
        own = [parts[layer, n] for n in names]
        rows |= {(layer, n): parts[layer, n] for n in names}
        if len(names) > 1:
            rows[layer, "hc"] = torch.cat(own, dim=1)
    return rows


def resumed_adjoints(module, x, loss, batch_first=False):
    """δ_t of nn.RNN, LSTM and GRU by running to t, and on from there with that state as a leaf."""
    module, found = deepcopy(module).double(), {}
    cut = (lambda a, b: x[:, a:b]) if batch_first else (lambda a, b: x[a:b])
    for lag in LAGS:
        state = module(cut(0, T - lag))[1] if lag < T else None
        leaves = [s.detach().requires_grad_() for s in (state if isinstance(state, tuple) else (state,))]
        outputs = module(cut(T - lag, T), tuple(leaves) if len(leaves) == 2 else leaves[0])[0] if lag else None
        last = leaves[0][-1] if not lag else outputs[:, -1] if batch_first else outputs[-1]
        grads = torch.autograd.grad(loss(last) * B, leaves, allow_unused=True, materialize_grads=True)
        parts = {(k, n): g[k] for k in range(module.num_layers) for n, g in zip("hc", grads, strict=False)}
        found[lag] = with_wholes(parts)
    return found


TORCH = {
    "rnn": lambda: nn.RNN(INPUTS, H),
    "rnn_relu": lambda: nn.RNN(INPUTS, H, nonlinearity="relu"),
    "lstm": lambda: nn.LSTM(INPUTS, H),
    "gru": lambda: nn.GRU(INPUTS, H),
    "rnn of 3 layers without biases": lambda: nn.RNN(INPUTS, H, 3, bias=False),
    "lstm of 2 layers": lambda: nn.LSTM(INPUTS, H, 2),
    "gru of 2 layers": lambda: nn.GRU(INPUTS, H, 2),
}


@pytest.mark.parametrize("name", TORCH)
def test_every_layer_and_part_is_that_of_autograd_resumed_at_t(name):
    torch.manual_seed(1)
    module, x = TORCH[name](), inputs()
    assert_curves(gradient_flow(module, x, quadratic), resumed_adjoints(module, x.double(), quadratic))


def test_a_batch_first_lstm_of_two_layers():
    torch.manual_seed(2)
    module, x = nn.LSTM(INPUTS, H, 2, batch_first=True).double(), inputs().double().transpose(0, 1)
    assert_curves(gradient_flow(module, x, quadratic), resumed_adjoints(module, x, quadratic, batch_first=True))


class Peephole(nn.Module):
    """A hand-written LSTM whose gates see c, with a read-out: returns (output, (h, c)) and has to be given a state."""

    def __init__(self):
        super().__init__()
        self.gates, self.peep, self.read_out = nn.Linear(INPUTS + H, 4 * H), nn.Linear(H, 2 * H), nn.Linear(H, 2)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        see_i, see_f = self.peep(c).chunk(2, dim=1)
        c = torch.sigmoid(f + see_f) * c + torch.sigmoid(i + see_i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return self.read_out(h) + x[:, :1], (h, c)


class Leaky(nn.Module):
    """A hand-written cell with one tensor as state, which it returns alone; None is zero."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(INPUTS + H, H)

    def forward(self, x, state=None):
        state = x.new_zeros(len(x), H) if state is None else state
        return 0.9 * state + 0.1 * torch.tanh(self.inner(torch.cat([x, state], dim=1)))


def stepped_adjoints(module, x, state, loss, last_gradient):
    """The same for a module that takes one step per call; ``last_gradient`` is δ_T, written down by hand."""
    module, states = deepcopy(module).double(), [state]
    for x_t in x:
        returned = module(x_t, states[-1])
        states.append(returned[1] if isinstance(returned[1], tuple) else returned)
    found = {0: with_wholes({(0, n): g for n, g in zip("hc", last_gradient(module, states[-1]), strict=False)})}
    for lag in LAGS[1:]:
        then = states[T - lag] if isinstance(state, tuple) else (states[T - lag],)
        leaves = [s.detach().requires_grad_() for s in then]
        now = tuple(leaves) if len(leaves) == 2 else leaves[0]
        for x_t in x[T - lag :]:
            returned = module(x_t, now)
            out, now = returned if isinstance(returned[1], tuple) else (returned, returned)
        grads = torch.autograd.grad(loss(out) * B, leaves)
        found[lag] = with_wholes({(0, n): g for n, g in zip("hc", grads, strict=False)})
    return found


def test_a_hand_written_cell_with_a_tuple_state_and_an_output():
    torch.manual_seed(3)
    module, x = Peephole().double(), inputs().double()
    state = (torch.randn(B, H).double(), torch.randn(B, H).double())

    def last_gradient(module, state):
        output = module.read_out(state[0]) + x[-1, :, :1]
        return 2 * (output - 0.3).detach() @ module.read_out.weight.detach(), torch.zeros(B, H).double()

    exact = stepped_adjoints(module, x, state, quadratic, last_gradient)
    assert_curves(gradient_flow(module, x, quadratic, state=state), exact)


def test_a_hand_written_cell_that_returns_its_state_alone():
    torch.manual_seed(4)
    module, x = Leaky(), inputs()
    zeros = torch.zeros(B, H).double()
    exact = stepped_adjoints(module, x.double(), zeros, quadratic, lambda _, h: (2 * (h - 0.3).detach(),))
    assert_curves(gradient_flow(module, x, quadratic), exact)


@pytest.mark.parametrize(("net", "cell"), [(nn.RNN, nn.RNNCell), (nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)])
def test_a_cell_of_torch_step_by_step_is_the_net_in_one_call(net, cell):
    """One goes through the engine, the other back through the steps."""
    torch.manual_seed(5)
    whole, step, x = net(INPUTS, H), cell(INPUTS, H), inputs()
    step.load_state_dict({name.removesuffix("_l0"): weight for name, weight in whole.state_dict().items()})
    one, other = curves(gradient_flow(whole, x, seed=7)), curves(gradient_flow(step, x, seed=7))
    for key, curve in one.items():
        torch.testing.assert_close(curve, other[key], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_a_model_of_rnngrad_and_its_pair_of_cell_and_params(cell):
    model, x = Recurrent.seeded(CELLS[cell], "default", INPUTS, H, 2, T, [0]), inputs()
    params = {name: weight for name, weight in model.params().items() if not name.startswith("readout")}
    weight, bias = (model.params()[f"readout_{name}"][0].double() for name in ("weight", "bias"))
    read = gradient_flow(model, x, quadratic)
    unread = gradient_flow((CELLS[cell], params), x, lambda h: quadratic(h @ weight.T + bias))
    for key, curve in curves(read).items():
        torch.testing.assert_close(curve, curves(unread)[key], rtol=1e-12, atol=1e-10)


def test_a_gru_after_somebodys_own_training():
    torch.manual_seed(6)
    module, head, x = nn.GRU(INPUTS, H), nn.Linear(H, 1), inputs()
    optimizer = torch.optim.Adam([*module.parameters(), *head.parameters()], lr=0.02)
    for _ in range(3):
        optimizer.zero_grad()
        (head(module(x[-20:])[0][-1]) - x[-20, :, :1]).square().mean().backward()
        optimizer.step()
    weights = head.weight.detach().double()

    def loss(h):
        return (h @ weights.T).square().mean()

    assert_curves(gradient_flow(module, x, loss), resumed_adjoints(module, x.double(), loss))


def test_an_initial_state_is_where_the_chain_starts():
    torch.manual_seed(7)
    module, x, state = nn.LSTM(INPUTS, H, 2).double(), inputs(6).double(), torch.randn(2, 2, B, H).double()
    h_3 = module(x[:3], tuple(state))[1]
    later = curves(gradient_flow(module, x[3:], quadratic, state=h_3))
    for key, curve in curves(gradient_flow(module, x, quadratic, state=tuple(state))).items():
        torch.testing.assert_close(curve[:, :3], later[key], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("norm", [None, "training", "evaluation"])
def test_a_feed_forward_chain_has_the_pre_activations_gradient(norm):
    """Widths differ; batch normalisation in training mode couples the samples, and then L is the sum over all."""
    torch.manual_seed(8)
    widths = [3, 6, 4, 5, 2]
    modules = []
    for a, b in pairwise(widths):
        modules += [nn.Linear(a, b), *([nn.BatchNorm1d(b)] if norm else []), nn.Sigmoid()]
    net = nn.Sequential(*modules).double().train(norm != "evaluation")
    x, states = inputs(20)[:, 0].double(), []
    z = x
    for child in deepcopy(net):
        if isinstance(child, nn.Sigmoid):
            z.retain_grad()
            states.append(z)
        z = child(z)
    quadratic(z).mul(len(x)).backward()
    running = deepcopy(net.state_dict())
    flow = gradient_flow(net, x, quadratic)
    assert_curves(flow, {lag: {("all", "z"): s.grad} for lag, s in enumerate(reversed(states))})
    assert all(torch.equal(value, running[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_scaled_rotation_gives_the_exact_power_at_lag_100_000(factor):
    width, lag = 4, 100_000
    rotation = torch.linalg.qr(torch.randn(width, width, generator=torch.Generator().manual_seed(1)).double())[0]
    zero = torch.zeros(1, width).double()
    params = {"weight_ih": zero[..., None], "weight_hh": factor * rotation[None], "bias_ih": zero, "bias_hh": zero}
    flow = gradient_flow((CELLS["rnn_identity"], params), torch.zeros(lag + 1, 1, 1).double())
    found = flow.log_rms[[1, 1000, lag]]
    torch.testing.assert_close(found, log(factor) * torch.tensor([1, 1000, lag]).double(), rtol=1e-8, atol=0)
    assert flow.rate.log_per_step == pytest.approx(log(factor), rel=1e-9)
    assert abs(flow.rate.curvature) < 1e-12


def test_an_upper_layer_may_be_smaller_than_a_lower_one_by_more_than_floats_range():
    """Linear at zero input: the upper layer decays by 0.2 a step alone, under a lower one that keeps its length."""
    torch.manual_seed(9)
    module, lag = nn.RNN(1, 2, 2, bias=False).double(), 600
    with torch.no_grad():
        for weight, factor in ((module.weight_hh_l0, 1.0), (module.weight_hh_l1, 0.2)):
            weight.copy_(factor * torch.linalg.qr(torch.randn(2, 2).double())[0])
    found = curves(gradient_flow(module, torch.zeros(lag + 1, 1, 1).double()))
    assert found[1, "h"][0, lag] == pytest.approx(lag * log(0.2), rel=1e-10)  # -966: exp of it is 0
    assert found[0, "h"][0, lag] == pytest.approx(float(found[0, "h"][0, 300]), abs=1e-10)


def first_float32_zero(module, x):
    """The lag at which a training pass in float32 has no gradient left in any sample."""
    states = [torch.zeros(1, x.shape[1], module.hidden_size)]
    for x_t in x:
        states[-1].requires_grad_().retain_grad()
        states.append(module(x_t[None], states[-1])[1])
    direction = torch.randn(module.hidden_size)
    (states[-1][0] @ (direction / direction.norm())).sum().backward()
    return next(lag for lag, state in enumerate(reversed(states[:-1]), start=1) if not state.grad.any())


def test_a_default_rnn_decays_by_its_known_rate_and_float32_ends_where_it_is_said_to():
    factors, ends = [], []
    for seed in range(9):
        torch.manual_seed(seed)
        module, x = nn.RNN(2, 64), inputs(260, 8, 2, seed)
        flow = gradient_flow(module, x)
        factors.append(flow.rate.factor)
        ends.append(flow.underflow_lag)
        assert abs(flow.underflow_lag - first_float32_zero(module, x)) <= 8
        assert flow.log_rms.isfinite().all()
    assert 0.57 < median(factors) < 0.61
    assert 180 < median(ends) < 205


def test_measuring_again_gives_the_same_numbers_and_another_seed_another_projection():
    module, x = nn.GRU(INPUTS, H), inputs(20)
    first, again, other = (gradient_flow(module, x, seed=seed).log_rms for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first[1:], other[1:])
    assert first[0] == pytest.approx(0.0, abs=1e-12)  # of unit length at lag 0
    assert other[0] == pytest.approx(0.0, abs=1e-12)
