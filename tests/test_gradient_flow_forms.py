"""What gradient_flow takes, what it refuses and how it says so, and that it leaves everything as it was."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from rnngrad import gradient_flow
from rnngrad.cells import CELLS
from rnngrad.errors import UsageError
from rnngrad.flow.convert import as_chain
from rnngrad.models import Recurrent

T, B, INPUTS, H = 12, 4, 3, 5
X = torch.randn(T, B, INPUTS, generator=torch.Generator().manual_seed(0))
ZEROS = torch.zeros(B, H)


class Step(nn.Module):
    """A cell around ``body(self, x, state)``."""

    def __init__(self, body):
        super().__init__()
        self.inner, self.drop, self.body = nn.RNNCell(INPUTS, H), nn.Dropout(0.5), body
        self.calls, self.kept = 0, torch.zeros(1, H)

    def forward(self, x, state):
        return self.body(self, x, state)


def random(self, x, state):
    return self.drop(self.inner(x, state))


def counting(self, x, state):
    self.calls += 1
    return self.inner(x, state) / self.calls


def remembering(self, x, state):
    """Adds the state of the call before, which it keeps for itself."""
    now = self.inner(x, state) + 0.1 * self.kept
    self.kept = now.detach()
    return now


def ones(self, x, state):
    return self.inner(x, torch.ones(len(x), H).to(x) if state is None else state)


def two(self, x, state):
    h = self.inner(x, state)
    return h, h


def bypassing(self, x, state):
    h = self.inner(x, state)
    return 2 * h, torch.cat([h[:, :2], h[:, 2:]], dim=1)


def single(self, x, state):
    return self.inner(x.float(), state).float()


def needing(self, x, state):
    h, c = state
    return self.inner(x, h), c


class Overridden(nn.RNN):
    """Says it is an nn.RNN, and computes something else."""

    def forward(self, x, state=None):
        outputs, last = super().forward(x, state)
        return outputs + 1, last


def with_nan():
    module = nn.LSTM(INPUTS, H)
    with torch.no_grad():
        module.weight_hh_l0[3, 2] = float("nan")
    return module


def replicas():
    return Recurrent.seeded(CELLS["rnn"], "default", INPUTS, H, 2, T, [0, 1])


REFUSED = {
    "bidirectional": (lambda: nn.LSTM(INPUTS, H, bidirectional=True), X, "bidirectional"),
    "projected": (lambda: nn.LSTM(INPUTS, H, proj_size=2), X, "proj_size=2"),
    "dropout": (lambda: nn.GRU(INPUTS, H, 2, dropout=0.3), X, r"\.eval\(\)"),
    "unbatched": (lambda: nn.RNN(INPUTS, H), X[:, 0], r"\(T, B, I\).*batch of one"),
    "unbatched, batch first": (lambda: nn.RNN(INPUTS, H, batch_first=True), X[:, 0], r"\(B, T, I\)"),
    "width": (lambda: nn.RNN(INPUTS, H), X[..., :2], r"3 inputs.*\(12, 4, 2\)"),
    "width of a cell": (lambda: nn.GRUCell(INPUTS, H), X[..., :2], r"3 inputs.*\(12, 4, 2\)"),
    "no steps": (lambda: nn.RNN(INPUTS, H), X[:0], "at least one step"),
    "integers": (lambda: nn.RNN(INPUTS, H), X.long(), "floating-point dtype .* got int64"),
    "not a tensor": (lambda: nn.RNN(INPUTS, H), X.numpy(), "x must be a tensor, got ndarray"),
    "NaN in x": (lambda: nn.RNN(INPUTS, H), X.log(), "x holds NaN"),
    "NaN in a weight": (with_nan, X, "'weight_hh_l0' holds NaN"),
    "not a module": (lambda: "lstm", X, "a str cannot be measured: give nn.RNN"),
    "several replicas": (replicas, X, "one replica in front"),
    "params without names": (lambda: (CELLS["rnn"], {}), X, "must have 'weight_ih'"),
    "another forward": (lambda: Overridden(INPUTS, H), X, "differs by"),
    "random": (lambda: Step(random), X, r"random \(dropout\? call \.eval\(\)\)"),
    "counting its calls": (lambda: Step(counting), X, "keeps a state of its own"),
    "a hidden state": (lambda: Step(remembering), X, "keeps a state of its own"),
    "None that is not zero": (lambda: Step(ones), X, "give state="),
    "two tensors": (lambda: Step(two), X, r"say by state= whether they are \(h, c\) or \(output, state\)"),
    "float32 inside": (lambda: Step(single), X, "failed.*float64"),
    "a state is needed": (lambda: Step(needing), X, "state= given if it cannot start from None"),
    "a feed-forward module of its own": (lambda: nn.Linear(INPUTS, H), X, "forward failed"),
    "nothing with weights": (lambda: nn.Sequential(nn.Tanh()), X[0], "no layer with weights"),
    "width of a layer": (lambda: nn.Sequential(nn.Linear(INPUTS, H)), X[0, :, :2], "3 inputs"),
    "random layers": (lambda: nn.Sequential(nn.Linear(INPUTS, H), nn.Dropout(), nn.Linear(H, H)), X[0], r"\.eval\(\)"),
    "a net among the layers": (lambda: nn.Sequential(nn.Linear(INPUTS, H), nn.LSTM(H, H)), X[0], "within loss="),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_measured_is_refused_in_one_line(name):
    make, x, message = REFUSED[name]
    torch.manual_seed(0)
    module = make()
    with pytest.raises(UsageError, match=message) as caught:
        gradient_flow(module, x)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "state", "message"),
    [
        (nn.LSTM(INPUTS, H), ZEROS[None], r"\(h_0, c_0\), got 1"),
        (nn.GRU(INPUTS, H), (ZEROS[None], ZEROS[None]), "h_0 alone, got 2"),
        (nn.GRU(INPUTS, H), ZEROS, r"shape \(1, 4, 5\), got \(4, 5\)"),
        (nn.GRU(INPUTS, H), ZEROS[None].log(), "infinite"),
        (nn.GRUCell(INPUTS, H), ZEROS[:2], r"\(B, S\) with B = 4"),
        (nn.GRUCell(INPUTS, H), (ZEROS, ZEROS), "forward failed"),
        (Step(bypassing), ZEROS, "here it bypasses them"),
        (nn.Sequential(nn.Linear(INPUTS, H)), ZEROS, "leave state= out"),
    ],
)
def test_a_wrong_initial_state_is_refused(module, state, message):
    x = X[0] if isinstance(module, nn.Sequential) else X
    with pytest.raises(UsageError, match=message):
        gradient_flow(module, x, state=state)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda out: out.sum(dim=1), r"scalar tensor.*shape \(4,\)"),
        (lambda out: 1.0, "scalar tensor.*float"),
        (lambda out: out.detach().mean(), "differentiable"),
        (lambda out: (out - 100).log().mean(), "the loss is nan"),
        (lambda out: out @ torch.ones(H), "this was the loss.*float64"),
    ],
)
def test_a_loss_that_is_not_a_differentiable_scalar_is_refused(loss, message):
    with pytest.raises(UsageError, match=message):
        gradient_flow(nn.LSTM(INPUTS, H), X, loss)


def test_states_that_overflow_are_named_as_such():
    module = nn.RNN(INPUTS, H, nonlinearity="relu")
    with torch.no_grad():
        module.weight_hh_l0.fill_(10.0)
        module.bias_hh_l0.fill_(1.0)
    with pytest.raises(UsageError, match="overflow"):
        gradient_flow(module, X.repeat(60, 1, 1))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LSTM(INPUTS, H, 2),
        lambda: nn.LSTMCell(INPUTS, H),
        lambda: nn.Sequential(nn.Linear(INPUTS, H), nn.BatchNorm1d(H), nn.Tanh(), nn.Linear(H, 2)),
    ],
)
def test_nothing_of_the_module_nor_of_the_random_state_is_changed(make, training):
    module = make().train(training)
    x = (X[0] if isinstance(module, nn.Sequential) else X).clone().requires_grad_()
    for weight in module.parameters():
        weight.grad = torch.ones_like(weight)
    before, state = deepcopy(module), torch.get_rng_state()
    str(gradient_flow(module, x))
    assert torch.equal(torch.get_rng_state(), state)
    assert x.grad is None
    assert module.training is training
    for name, value in module.state_dict().items():
        assert torch.equal(value, before.state_dict()[name])
        assert value.dtype == before.state_dict()[name].dtype
    for weight in module.parameters():
        assert weight.requires_grad
        assert torch.equal(weight.grad, torch.ones_like(weight))


def test_a_random_module_is_refused_without_a_draw_from_the_random_state():
    module, state = Step(random), torch.get_rng_state()
    with pytest.raises(UsageError):
        gradient_flow(module, X)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_between_layers_is_no_matter_in_evaluation_mode():
    module = nn.GRU(INPUTS, H, 2, dropout=0.3).eval()
    without = nn.GRU(INPUTS, H, 2)
    without.load_state_dict(module.state_dict())
    assert torch.equal(gradient_flow(module, X).log_rms, gradient_flow(without, X).log_rms)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_module_of_another_dtype_is_compared_in_its_own(dtype):
    module = nn.LSTM(INPUTS, H).to(dtype)
    wide = deepcopy(module).double()
    x = X.to(dtype)
    assert torch.equal(gradient_flow(module, x).log_rms, gradient_flow(wide, x.double()).log_rms)


def test_a_chaotic_net_is_measured_although_rounding_takes_its_forward_elsewhere():
    torch.manual_seed(0)
    module = nn.RNN(INPUTS, 50)
    with torch.no_grad():
        module.weight_hh_l0.normal_(0, 5 / 50**0.5)
    x = torch.zeros(300, 1, INPUTS)
    gap = (module(x)[0][-1] - deepcopy(module).double()(x.double())[0][-1]).abs().max()
    assert gap > 0.1
    assert gradient_flow(module, x).rate.log_per_step > 0.2


def test_measuring_works_inside_no_grad():
    module = nn.LSTM(INPUTS, H)
    outside = gradient_flow(module, X)
    with torch.no_grad():
        inside = gradient_flow(module, X)
        assert inside.cost > 0
    assert torch.equal(inside.log_rms, outside.log_rms)


def test_a_sequential_is_cut_behind_its_layers_and_named_after_what_they_give():
    x = torch.randn(B, 1, 4, 4)
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3)
    ).eval()
    chain = as_chain(net, x)
    assert [state.shape[1] for state in chain.states] == [16, 8, 6, 3]
    assert [part.name for part in chain.parts] == ["z"]
    torch.testing.assert_close(chain.states[1], net[:2](x).flatten(1).double(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(chain.output(chain.states[-1]), net(x).double(), rtol=1e-5, atol=1e-5)
    blocks = nn.Sequential(nn.Linear(5, 5), nn.Sequential(nn.Linear(5, 5), nn.Tanh()), nn.Softmax(-1))
    chain = as_chain(blocks, torch.randn(B, 5))
    assert (chain.length, chain.parts[0].name) == (2, "h")
    torch.testing.assert_close(chain.output(chain.states[-1]).sum(dim=1), torch.ones(B).double())


def test_only_batch_normalisation_in_training_mode_couples_samples():
    net = nn.Sequential(nn.Linear(INPUTS, H), nn.BatchNorm1d(H), nn.Tanh(), nn.Linear(H, 2))
    assert as_chain(net, X[0]).coupled
    assert not as_chain(net.eval(), X[0]).coupled
    assert not as_chain(nn.LSTMCell(INPUTS, H), X).coupled
    assert not as_chain(nn.LSTM(INPUTS, H), X).coupled


def test_the_chain_of_a_stack_has_the_states_that_torch_returns():
    module = nn.LSTM(INPUTS, H, 2).double()
    x = X.double()
    chain = as_chain(module, x)
    h, c = (part.detach() for part in module(x)[1])
    expected = torch.cat([h[0], c[0], h[1], c[1]], dim=1)
    torch.testing.assert_close(chain.states[-1], expected, rtol=1e-12, atol=1e-12)
    assert [(p.layer, p.name, p.begin, p.end) for p in chain.parts] == [
        (0, "h", 0, 5),
        (0, "c", 5, 10),
        (1, "h", 10, 15),
        (1, "c", 15, 20),
    ]
    assert chain.states[-3:] == [chain.states[T - 2], chain.states[T - 1], chain.states[T]]
