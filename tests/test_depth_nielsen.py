"""Nielsen's chapter 5: the protocol is his, the gradient is the training's own, and his numbers are among ours."""

import pytest
import torch
from conftest import batches_of
from torch.nn.functional import one_hot

from rnngrad.data import digits, nielsen_norms
from rnngrad.depth import nielsen
from rnngrad.findings import nielsen as finding
from rnngrad.findings.base import interval, percentile
from rnngrad.flow.layers import layer_norms
from rnngrad.measurement import Measurement
from rnngrad.models import FeedForward

CPU = torch.device("cpu")
FACTOR = 0.2048  # √chi_1 of logistic units with weight and bias variance 1


@pytest.fixture(scope="module")
def data():
    shipped = digits()
    return torch.from_numpy(shipped.images), one_hot(torch.from_numpy(shipped.labels), 10).float()


def net(hidden_layers, seeds):
    return FeedForward.seeded((784, *[30] * hidden_layers, 10), "sigmoid", "nielsen", seeds)


def by_hand(model, x, y):
    """One full-batch step of one replica in float64, the chain rule written out; norms before it, weights after."""
    params = {name: weight[0].double() for name, weight in model.params().items()}
    activations = [x.double()]
    for layer in range(1, model.depth + 1):
        activations.append(torch.sigmoid(activations[-1] @ params[f"weight_{layer}"].T + params[f"bias_{layer}"]))
    delta, norms, after = activations[-1] - y.double(), {}, {}
    for layer in range(model.depth, 0, -1):
        norms[layer] = float(delta.mean(dim=0).norm())
        weight, bias, below = params[f"weight_{layer}"], params[f"bias_{layer}"], activations[layer - 1]
        after[f"weight_{layer}"] = (1 - 0.1 * 5.0 / len(x)) * weight - 0.1 * delta.T @ below / len(x)
        after[f"bias_{layer}"] = bias - 0.1 * delta.mean(dim=0)
        delta = (delta @ weight) * below * (1 - below)
    return norms, after


def test_a_step_is_nielsens(data):
    """Norms before and weights after each of two steps, against the chain rule in float64."""
    model = net(3, [5])
    first, second, third = nielsen.descend(model, *data, epochs=3)
    for step, following in ((first, second), (second, third)):
        expected, after = by_hand(model.with_theta(step.theta), *data)
        norms = torch.tensor([[expected[layer] for layer in (1, 2, 3)]])
        torch.testing.assert_close(step.norms, norms, rtol=1e-5, atol=0)
        flat = torch.cat([after[name].flatten() for name in model.shapes]).unsqueeze(0)
        torch.testing.assert_close(following.theta.double(), flat, rtol=1e-5, atol=1e-7)
        assert float((following.theta - step.theta).abs().max()) > 1e-3


def test_the_norms_of_training_are_those_of_the_common_flow_code(data):
    """In float32 from the update's own backward pass, against float64 layer by layer, also where they are small."""
    x, y = data
    model = net(4, [0, 1])
    steps = list(nielsen.descend(model, x, y, epochs=41))
    for step in (steps[0], steps[40]):
        flow = layer_norms(
            model.with_theta(step.theta), x.expand(2, -1, -1), lambda out: nielsen.cross_entropy(out, y.double())
        )
        expected = flow.of_mean[1:, :, 0].flip(0).T.exp()  # without the output, from the input on
        torch.testing.assert_close(step.norms.double(), expected, rtol=1e-3, atol=0)
    assert (steps[40].norms[:, 0] < 1e-4).all()


def test_replicas_train_as_if_alone(data):
    together = list(nielsen.descend(net(2, [3, 4, 5]), *data, epochs=3))[-1]
    alone = list(nielsen.descend(net(2, [4]), *data, epochs=3))[-1]
    assert together.theta[1].equal(alone.theta[0])
    assert together.norms[1].equal(alone.norms[0])


@pytest.fixture(scope="module")
def initial(data):
    """Rows of 40 seeds of each net before training."""
    x, y = data
    return [
        row
        for hidden_layers in (2, 3, 4)
        for seeds in (range(20), range(20, 40))
        for row in nielsen._initial_rows(net(hidden_layers, seeds), x, y, seeds)
    ]


def test_every_published_norm_before_training_is_inside_our_band(initial):
    rows = finding.rows({"seeds": 40}, [*initial, Measurement("constant_loss", 3.25)])
    published = [row for row in rows if row["event"] == "norm"]
    assert len(published) == 9
    assert all(row["low"] < row["published"] < row["high"] for row in published)
    assert all(2.5 <= row["percentile"] <= 97.5 for row in published)
    (ratio,) = (row for row in rows if row["event"] == "ratio" and row["hidden_layers"] == 4)
    assert ratio["low"] < ratio["published"] < ratio["high"]
    assert ratio["published"] == pytest.approx(0.0104, rel=0.01)


def test_the_gradient_falls_by_the_mean_field_factor_from_layer_to_layer(initial):
    rows = finding.rows({"seeds": 40}, [*initial, Measurement("constant_loss", 3.25)])
    factors = [row for row in rows if row["event"] == "factor"]
    assert len(factors) == 1 + 2 + 3
    assert all(row["theory"] == pytest.approx(FACTOR, abs=1e-4) for row in factors)
    assert all(row["mean_square"] == pytest.approx(FACTOR, rel=0.06) for row in factors)


def test_it_yields_as_many_batches_as_it_says_and_every_quantity(monkeypatch):
    monkeypatch.setattr(nielsen, "HIDDEN_LAYERS", (1, 2))
    monkeypatch.setattr(nielsen, "INITIAL_SEEDS", 3)
    monkeypatch.setattr(nielsen, "EPOCHS", 4)
    jobs = nielsen.jobs(digits(), [0, 1], CPU)
    batches = list(batches_of(jobs))
    assert len(batches) == sum(job.budget for job in jobs)
    assert len({job.name for job in jobs}) == len(jobs)
    rows = [row for batch in batches for row in batch]
    at_start = {row.seed for row in rows if (row.epoch, row.quantity) == (0, "log_norm_of_mean")}
    later = {row.seed for row in rows if (row.epoch, row.quantity) == (3, "log_norm_of_mean")}
    assert (at_start, later) == ({0, 1, 2}, {0, 1})
    assert len({(r.quantity, r.seed, r.hidden_layers, r.epoch, r.layer) for r in rows}) == len(rows)
    constant = next(row.value for row in rows if row.quantity == "constant_loss")
    assert constant == pytest.approx(3.25, abs=0.01)


def test_all_epochs_with_a_published_number_are_kept():
    assert all(nielsen.is_kept(epoch) for _, epoch, _ in nielsen_norms())
    assert not nielsen.is_kept(51)


def test_the_sentences_count_and_divide():
    published = nielsen_norms()
    rows = [
        Measurement("log_norm_of_mean", float(torch.tensor(value).log()) + shift, seed, k, epoch, layer)
        for (k, epoch, layer), value in published.items()
        for seed, shift in enumerate((-0.1, 0.1))
    ]
    found = finding.rows({"seeds": 2}, [*rows, Measurement("constant_loss", 3.25)])
    told = finding.sentences(found)
    assert told[0].startswith("9 of the 9")
    assert told[1].startswith("45 of the 45")
    assert "epoch 0 1/96 " in told[2]
    assert all(row["percentile"] == 50 for row in found if row["event"] == "norm")
    assert len(finding.table(found)) == 1 + 54


def test_percentile_and_interval():
    assert percentile([1, 2, 3, 4], 2.5) == 50
    assert percentile([1, 2, 3, 4], 0) == 0
    assert percentile([1, 2, 2, 3], 2) == 50
    assert interval(range(1001)) == {"median": 500, "low": 25, "high": 975}
