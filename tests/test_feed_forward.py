"""Feed-forward nets: layers are steps, measured by the code that measures time."""

import pytest
import torch

from rnngrad import gradient_flow, step_jacobians
from rnngrad.cells import CELLS
from rnngrad.errors import UsageError
from rnngrad.flow.adjoint import gradient, norms_back
from rnngrad.flow.chain import Part, Trajectory
from rnngrad.flow.layers import layer_norms
from rnngrad.flow.signals import signals
from rnngrad.models import FeedForward
from rnngrad.models.activations import ACTIVATIONS

B = 6


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def squares(outputs):
    """Each sample's own loss."""
    return 0.5 * outputs.square().sum(-1)


def net(activation="tanh", widths=(5, 4, 4, 7, 7, 3), seeds=(0, 1, 2), init="gaussian_2_1", **options):
    return FeedForward.seeded(widths, activation, init, seeds, **options).to(torch.float64)


@pytest.mark.parametrize(("activation", "cell"), [("tanh", "rnn"), ("relu", "rnn_relu"), ("identity", "rnn_identity")])
def test_depth_and_time_are_one_index(activation, cell):
    """The same matrices, as layers of an MLP and as the steps of a recurrent net with weights of its own at each."""
    width, steps = 6, 9
    model = net(activation, (width,) * (steps + 1) + (2,))
    params, x = model.params(), gaussian(3, B, width)
    by_depth = layer_norms(model, x, squares, "h")

    def step(t, h):
        own = {"weight_hh": params[f"weight_{t}"], "bias_hh": params[f"bias_{t}"]}
        return CELLS[cell].step(own, torch.zeros(1, dtype=torch.float64), h)

    states = Trajectory(step, x, steps)
    adjoint = gradient(lambda h: squares(model.affine(params, steps + 1, h)).sum(), states[-1])
    by_time = norms_back(step, states, adjoint, (Part(0, "h", 0, width),))
    assert by_depth.per_sample.shape == (steps, 3, B, 1)
    torch.testing.assert_close(by_depth.per_sample, by_time.per_sample, rtol=0, atol=1e-12)
    torch.testing.assert_close(by_depth.of_mean, by_time.of_mean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("options", [{}, {"normalisation": "batch"}, {"residual": True}])
def test_the_gradient_at_z_is_what_the_bias_sees(activation, options):
    """norm_of_mean against autograd's gradient of the mean loss with respect to each bias."""
    model = net(activation, **options)
    x = gaussian(3, B, 5)
    theta = model.theta.clone().requires_grad_()
    params = model.params(theta)
    loss = squares(model.pre_activations(params, x)[-1]).mean(dim=1).sum()
    biases = torch.autograd.grad(loss, [params[f"bias_{k}"] for k in range(model.depth, 0, -1)])
    found = layer_norms(model, x, squares).of_mean.squeeze(-1).exp()
    expected = torch.stack([bias.norm(dim=-1) for bias in biases])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("options", [{}, {"normalisation": "batch"}])
def test_each_sample_has_its_own_gradient_and_with_batch_norm_that_of_all_losses(options):
    model = net("tanh", **options)
    params, x = model.params(), gaussian(3, B, 5)
    zs = [z.detach().requires_grad_() for z in model.pre_activations(params, x)]
    found = layer_norms(model, x, squares).per_sample.squeeze(-1)
    after = zs[1]
    for layer in range(3, model.depth + 1):
        after = model.step(params, layer, after)
    (own,) = torch.autograd.grad(squares(after).sum(), zs[1])
    torch.testing.assert_close(found[model.depth - 2].exp(), own.norm(dim=-1), rtol=1e-10, atol=0)


def test_a_residual_net_is_its_plain_net_and_a_way_around():
    """z_l = z_{l-1} + W φ(z_{l-1}) + b where the width stays, and not where it changes."""
    model = net("sigmoid", residual=True)
    plain = FeedForward(widths=model.widths, activation="sigmoid", shapes=model.shapes, theta=model.theta)
    params = model.params()
    for layer, skips in ((2, True), (3, False), (4, True), (5, False)):
        z = gaussian(3, B, model.widths[layer - 1])
        around = model.step(params, layer, z) - plain.step(params, layer, z)
        assert around.equal(torch.zeros_like(around)) != skips
        if skips:
            torch.testing.assert_close(around, z)


def test_batch_norm_gives_the_activation_mean_0_and_variance_1():
    model = net("tanh", normalisation="batch")
    z = 5 + 3 * gaussian(3, 50, 4)
    u = model.normalise(model.params(), 1, z)
    torch.testing.assert_close(u.mean(dim=1), torch.zeros(3, 4, dtype=torch.float64))
    torch.testing.assert_close(u.var(dim=1, correction=0), torch.ones(3, 4, dtype=torch.float64), rtol=1e-4, atol=0)


@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_four_hundred_layers_of_sigmoids_stay_in_log_space(normalisation):
    model = net("sigmoid", (5, *[20] * 400, 3), normalisation=normalisation, init="gaussian_0.01")
    logs = layer_norms(model, gaussian(3, B, 5), squares).log_rms()
    assert logs.isfinite().all()
    assert (logs[-1] < -300).all() == (normalisation == "none")


def test_batch_norm_with_relu_makes_gradients_grow_backwards():
    model = net("relu", (20, *[50] * 60, 3), normalisation="batch", init="he")
    logs = layer_norms(model, gaussian(3, 40, 20), squares).log_rms().squeeze(-1)
    rate = (logs[50] - logs[10]) / 40
    assert ((rate > 0.05) & (rate < 0.35)).all()  # about ln 1.2 a layer


def test_a_replicas_numbers_do_not_depend_on_its_neighbours():
    together = FeedForward.seeded((5, 30, 30, 3), "tanh", "xavier", range(10))
    alone = FeedForward.seeded((5, 30, 30, 3), "tanh", "xavier", [7])
    x = gaussian(1, 100, 5).float()
    many = together.pre_activations(together.params(), x.expand(10, -1, -1))[-1]
    assert many[7].equal(alone.pre_activations(alone.params(), x)[-1][0])
    assert together.select([7]).theta.equal(alone.theta)


def test_gradient_flow_and_jacobians_take_a_net_of_one_replica():
    model = net("tanh", (4, 4, 4, 4), seeds=[3])
    x = gaussian(B, 4)
    flow = gradient_flow(model, x, lambda out: squares(out).mean())
    norms = layer_norms(model, x.unsqueeze(0), squares)
    torch.testing.assert_close(flow.norms.per_sample, norms.per_sample[:, 0], rtol=0, atol=1e-12)
    assert (flow.steps, flow.name) == ("layer", "FeedForward")
    jacobians = step_jacobians(model, x)
    params = model.params()
    z = model.pre_activations(params, x.unsqueeze(0))
    expected = params["weight_2"] * (1 - z[0][0].tanh().square()).unsqueeze(1)
    torch.testing.assert_close(jacobians[1], expected)


def test_signals_of_layers_that_saturate_and_that_do_not():
    x = gaussian(1, 500, 200)
    wild = signals(net("tanh", (200, 300, 300, 2), seeds=[0], init="gaussian_400"), x)
    calm = signals(net("tanh", (200, 300, 300, 2), seeds=[0], init="gaussian_0.01"), x)
    assert (wild.saturated > 0.85).all()
    assert (calm.saturated == 0).all()
    torch.testing.assert_close(wild.pre[0, 0], torch.tensor(400.0, dtype=torch.float64), rtol=0.05, atol=0)
    torch.testing.assert_close(calm.post[0, 0], torch.tensor(0.0098, dtype=torch.float64), rtol=0.05, atol=0)
    relu = signals(net("relu", (200, 300, 300, 2), seeds=[0], init="he"), x)
    torch.testing.assert_close(relu.saturated, torch.full((1, 2), 0.5, dtype=torch.float64), rtol=0.1, atol=0)
    prelu = signals(net("prelu", (200, 300, 300, 2), seeds=[0], init="he"), x)
    assert (prelu.saturated == 0).all()


@pytest.mark.parametrize(
    ("widths", "options", "message"),
    [
        ((5,), {}, "at least the widths of its input and its output"),
        ((5, -3, 2), {}, "every width must be at least 1"),
        ((5, 3, 2), {"activation": "tahn"}, "did you mean 'tanh'"),
        ((5, 3, 2), {"init": "glorrot"}, "did you mean 'glorot'"),
        ((5, 3, 2), {"init": "gaussian_-1"}, "a variance must be 0 or more"),
        ((5, 3, 2), {"normalisation": "layer"}, "unknown normalisation"),
    ],
)
def test_what_is_no_net_is_refused(widths, options, message):
    with pytest.raises(UsageError, match=message):
        net(**{"widths": widths, **options})


@pytest.mark.parametrize(
    ("model", "state", "message"),
    [
        (net(residual=True), "h", "without residual connections"),
        (net(widths=(5, 3)), "h", "needs hidden layers"),
        (net(), "c", "unknown state"),
    ],
)
def test_a_state_that_is_none_is_refused(model, state, message):
    with pytest.raises(UsageError, match=message):
        layer_norms(model, gaussian(3, B, 5), squares, state)


def test_gradient_flow_refuses_many_replicas_and_other_inputs():
    with pytest.raises(UsageError, match="one replica"):
        gradient_flow(net(), gaussian(B, 5))
    with pytest.raises(UsageError, match="5 inputs"):
        gradient_flow(net(seeds=[0]), gaussian(B, 6))
    with pytest.raises(UsageError, match="no initial state"):
        gradient_flow(net(seeds=[0]), gaussian(B, 5), state=gaussian(B, 5))
