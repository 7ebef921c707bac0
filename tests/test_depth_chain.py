"""The linear chain is exact, and the factors of logistic units are what the formulas say."""

from math import exp, log

import numpy as np
import pytest
import torch
from conftest import batches_of

from rnngrad.data import digits
from rnngrad.depth import chain, factors
from rnngrad.errors import UsageError
from rnngrad.findings import chain as chain_finding
from rnngrad.findings import factors as factors_finding
from rnngrad.theory import growth_interval, widest_growth_interval

CPU = torch.device("cpu")


def numbers(measured):
    return [row for batch in measured for row in batch]


@pytest.mark.parametrize("factor", [0.9, 1.1, -1.5, 1.0, 0.034])
def test_the_linear_chain_is_exact_to_rounding(factor):
    rows = chain_finding.rows({}, numbers(batches_of(chain.jobs([factor], 100, CPU))))
    (whole,) = (row for row in rows if row["event"] == "chain")
    assert whole["layers"] == 100
    assert whole["log_activation"] == pytest.approx(100 * log(abs(factor)), abs=1e-12)
    assert whole["log_gradient"] == pytest.approx(99 * log(abs(factor)), abs=1e-11)
    assert whole["error"] < 1e-11
    assert len([row for row in rows if row["event"] == "layer"]) == 101


def test_the_published_factors_in_words():
    found = chain_finding.rows({}, numbers(batches_of(chain.jobs([0.9, 1.1], 100, CPU))))
    told = chain_finding.sentences(found)
    assert "2.656e-05" in told[0]
    assert "1.378e+04" in told[1]
    assert [line[0] for line in chain_finding.table(found)[1:]] == ["0.9", "1.1"]


@pytest.mark.parametrize(
    ("factor", "depth", "message"),
    [(0.0, 10, "other than 0"), (float("nan"), 10, "finite"), (1.1, 10_000, "use --depth 3567 at most")],
)
def test_a_chain_that_cannot_be_is_refused(factor, depth, message):
    with pytest.raises(UsageError, match=message):
        chain.jobs([factor], depth, CPU)


@pytest.mark.parametrize("weight", [4.0, 4.5, -6.894, 20, 100])
def test_the_growth_interval_is_where_the_factor_is_1_or_more(weight):
    """Against a search on a grid, for a bias that puts the interval anywhere."""
    bias, width = 0.3, growth_interval(weight)
    a = np.linspace(-4, 4, 2_000_001)
    sigma = 1 / (1 + np.exp(-(weight * a + bias)))
    grows = a[np.abs(weight) * sigma * (1 - sigma) >= 1]
    assert (grows.max() - grows.min() if len(grows) else 0) == pytest.approx(width, abs=1e-5)


def test_the_widest_growth_interval():
    weight, width = widest_growth_interval()
    assert weight == pytest.approx(6.894, abs=5e-4)
    assert width == pytest.approx(0.4477, abs=5e-5)
    assert growth_interval(3.999) == growth_interval(0.0) == 0
    with pytest.raises(UsageError, match="finite"):
        growth_interval(float("inf"))


@pytest.fixture(scope="module")
def found():
    return factors_finding.rows({"seeds": 3}, numbers(batches_of(factors.jobs(digits(), range(3), CPU))))


def test_no_factor_of_nielsens_nets_reaches_a_quarter_of_the_largest_weight(found):
    own = [row for row in found if row["event"] == "factor"]
    assert len(own) == 2 * 4
    for row in own:
        assert 0 < row["median"] < row["p99"] < row["largest"]
        assert (row["growing"] > 0) == (row["largest"] >= 1)
    assert all(row["largest"] < 0.3 for row in own if row["variant"] == "w ~ N(0, 1/n)")


@pytest.mark.parametrize(("variant", "factor"), [("w = 1", 0.25), ("w = 4", 1), ("w = 20", 5), ("w = 100", 25)])
def test_the_chains_multiply_by_a_quarter_of_the_weight(found, variant, factor):
    (row,) = (row for row in found if row["event"] == "chain" and row["variant"] == variant)
    assert row["factor"] == pytest.approx(factor, rel=1e-12)
    assert row["log_first_over_last"] == pytest.approx(29 * log(factor), abs=1e-11)


def test_outside_the_interval_even_a_large_weight_makes_the_gradient_vanish(found):
    (row,) = (row for row in found if row["event"] == "chain" and "off" in row["variant"])
    assert growth_interval(20) / 2 < 0.15
    assert row["factor"] == pytest.approx(20 * exp(-10) / (1 + exp(-10)) ** 2, rel=0.01)


def test_the_sentences_say_the_widest_and_every_chain(found):
    told = factors_finding.sentences(found)
    assert "0.4477 wide, at |w| = 6.894" in told[0]
    assert len(told) == 1 + len(factors.CHAINS)
    assert {row["event"] for row in factors_finding.printed(found)} == {"factor", "widest", "chain"}
    assert len(factors_finding.table(found)) == 1 + 8
