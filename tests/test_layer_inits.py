"""Initialisations of layers: variances as stated."""

import pytest
import torch

from rnngrad.errors import UsageError
from rnngrad.models.layer_inits import LAYER_INITS, find, square_variances
from rnngrad.streams import generator

IN, OUT = 400, 250
STATED = {  # variance of a weight and of a bias
    "xavier": (1 / IN, 0),
    "he": (2 / IN, 0),
    "nielsen": (1 / IN, 1),
    "unscaled": (1, 1),
    "glorot": (2 / (IN + OUT), 0),
    "standard": (1 / (3 * IN), 0),
    "torch": (1 / (3 * IN), 1 / (3 * IN)),
    "orthogonal": (1 / IN, 0),
    "gaussian_0.5": (0.5 / IN, 0),
    "gaussian_1.5_0.05": (1.5 / IN, 0.05),
}


@pytest.mark.parametrize("name", STATED)
def test_the_variances_are_those_stated(name):
    """Of 100,000 weights, whose sample variance is known to 0.5 %, and of 250 biases, to 9 %; four deviations each."""
    weight, bias = find(name)(IN, OUT, generator(0, "init"))
    assert (weight.shape, bias.shape) == ((OUT, IN), (OUT,))
    var, bias_var = STATED[name]
    assert float(weight.var()) == pytest.approx(var, rel=0.02)
    assert float(bias.var()) == pytest.approx(bias_var, rel=0.36)
    assert abs(float(weight.mean())) < 4 * (var / weight.numel()) ** 0.5


def test_every_named_initialisation_is_tested():
    assert set(LAYER_INITS) <= set(STATED)


@pytest.mark.parametrize(("name", "edge"), [("glorot", (6 / (IN + OUT)) ** 0.5), ("standard", IN**-0.5)])
def test_the_uniform_ones_end_where_the_paper_says(name, edge):
    weight, _ = find(name)(IN, OUT, generator(0, "init"))
    assert 0.999 * edge < float(weight.abs().max()) <= edge


def test_orthogonal_rows_and_the_chain():
    weight, _ = find("orthogonal")(IN, OUT, generator(0, "init"))
    torch.testing.assert_close(weight @ weight.T, torch.eye(OUT), rtol=0, atol=1e-5)
    weight, bias = find("chain_-1.25")(3, 3, generator(0, "init"))
    assert weight.equal(-1.25 * torch.eye(3))
    assert not bias.any()


@pytest.mark.parametrize("name", STATED)
def test_the_variances_of_mean_field_theory_are_those_of_a_square_layer(name):
    weight, bias = find(name)(OUT, OUT, generator(1, "init"))
    weight_var, bias_var = square_variances(name, OUT)
    assert OUT * float(weight.var()) == pytest.approx(weight_var, rel=0.025)
    assert float(bias.var()) == pytest.approx(bias_var, rel=0.36)


def test_what_is_not_random_has_no_variance():
    with pytest.raises(UsageError, match="not random"):
        square_variances("chain_0.9", 5)
    with pytest.raises(UsageError, match="unknown init"):
        square_variances("hee", 5)
