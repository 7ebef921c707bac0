"""Glorot & Bengio: the mean singular values, the variances by layer, and what they are made of."""

import numpy as np
import pytest
import torch
from conftest import batches_of
from torch.nn.functional import cross_entropy

from rnngrad.data import digits
from rnngrad.depth import glorot
from rnngrad.findings import glorot as finding
from rnngrad.models import FeedForward

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rows():
    """Of one seed at the published width."""
    return finding.rows({"seeds": 1}, [row for batch in batches_of(glorot.jobs(digits(), [0], CPU)) for row in batch])


@pytest.mark.parametrize(("variant", "limit"), [("standard", 0.4901), ("normalised", 0.8488)])
def test_mean_singular_values_are_the_quarter_circle(rows, variant, limit):
    means = [row for row in rows if row["event"] == "jacobian" and row["variant"] == variant]
    assert len(means) == 4
    for row in means:
        assert row["median"] == pytest.approx(row["theory"], rel=0.005)
        assert row["median"] < limit


def test_the_gradient_decays_by_n_var_w_and_the_weight_gradient_does_not(rows):
    layers = {(r["variant"], r["layer"]): r for r in rows if r["event"] == "layer"}
    for layer in range(1, 6):
        standard, normalised = layers["standard", layer], layers["normalised", layer]
        assert standard["gradient_variance"] == pytest.approx(standard["predicted"], rel=0.08)
        for row in (standard, normalised):
            assert row["gradient_variance"] == pytest.approx(row["with_slopes"], rel=0.08)
    for variant, most in (("standard", 1.1), ("normalised", 1.3)):
        own = [layers[variant, layer]["weight_gradient_variance"] for layer in range(1, 6)]
        assert max(own) / min(own) < most


def test_the_table_and_the_sentences_hold_what_was_found(rows):
    lines = finding.table(rows)
    assert len(lines) == 1 + 2 * 6
    assert len({len(line) for line in lines}) == 1
    standard, normalised = finding.sentences(rows)
    assert standard.startswith("standard: mean singular values 0.4")
    assert "n Var W = 1.000" in normalised


def test_variances_against_autograd(monkeypatch):
    """At a small width: gradients and weight gradients of single samples, one by one."""
    monkeypatch.setattr(glorot, "WIDTHS", (784, 12, 12, 10))
    monkeypatch.setattr(glorot, "EVERY", 200)
    found = {(row.quantity, row.layer): row.value for row in next(batches_of(glorot.jobs(digits(), [3], CPU)))}
    model = FeedForward.seeded((784, 12, 12, 10), "tanh", "standard", [3]).to(torch.float64)
    images, labels = (torch.from_numpy(array[::200]) for array in digits())
    squares = {}
    for image, label in zip(images.double(), labels, strict=True):
        theta = model.theta.clone().requires_grad_()
        out = model.pre_activations(model.params(theta), image.view(1, 1, -1))[-1][0]
        gradients = model.params(torch.autograd.grad(cross_entropy(out, label.view(1)), theta)[0])
        for name, gradient in gradients.items():
            squares.setdefault(name, []).append(float(gradient.square().mean()))
    for layer in (1, 2, 3):
        weight, bias = np.mean(squares[f"weight_{layer}"]), np.mean(squares[f"bias_{layer}"])
        assert np.exp(found["log_weight_gradient_variance", layer]) == pytest.approx(weight, rel=1e-9)
        assert np.exp(found["log_gradient_variance", layer]) == pytest.approx(bias, rel=1e-9)
