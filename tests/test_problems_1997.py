"""The problems of the 1997 paper beside adding: layout, minimal lags, classes, lengths, and baselines by hand."""

from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled import accuracy, assert_mean, codes_of, draw, make, squared, surprise
from scipy import integrate
from scipy.stats import chisquare, kstest, norm

from rnngrad.problems.adding import Adding
from rnngrad.problems.marked_pairs import MarkedPairs
from rnngrad.problems.multiplication import Multiplication
from rnngrad.problems.noiseless_recall import NoiselessRecall
from rnngrad.problems.temporal_order import TemporalOrder
from rnngrad.problems.two_sequence import TwoSequence

quick = settings(max_examples=15, deadline=None, database=None, derandomize=True)
extra_lags, seeds = st.integers(0, 70), st.integers(0, 2**63 - 1)
MANY = 40_000


# multiplication

every_multiplication = pytest.mark.parametrize("protocol", Multiplication.protocols)


def density_of_x1(protocol):
    """Atom at 1 and density on [0, 1] of the first number, from the paper's text: one first pair in ten is marked."""
    return (0.1, 0.9) if protocol == "hs97" else (0.0, 1.0)


@every_multiplication
@quick
@given(extra=extra_lags, seed=seeds)
def test_multiplication_asks_for_the_product_of_what_is_marked(protocol, extra, seed):
    x, target = draw(make(Multiplication, protocol, extra), 50, seed)
    product = torch.where(x[:, :, 1] == 1, x[:, :, 0], 1.0).prod(dim=0)
    torch.testing.assert_close(target, product)
    assert ((x[:, :, 1] == 1).sum(dim=0) == 2).all()


@every_multiplication
def test_multiplication_marks_like_adding_under_the_same_seed(protocol):
    ours, theirs = (make(cls, protocol, 30) for cls in (Multiplication, Adding))
    assert isinstance(ours, MarkedPairs)
    assert torch.equal(draw(ours, 500, 3)[0][:, :, 1], draw(theirs, 500, 3)[0][:, :, 1])


def test_hs97_sets_the_first_factor_to_one_where_the_first_pair_is_x1():
    x, _ = draw(make(Multiplication, "hs97", 28), MANY, 3)
    surely_x1 = (x[0, :, 1] == 1) & (x[10:, :, 1] == 1).any(dim=0)
    assert (x[0, surely_x1, 0] == 1).all()
    assert (x[0, x[0, :, 1] == -1, 0] < 1).all()
    assert_mean(x[0, :, 0] == 1, 1 / 10)


@every_multiplication
def test_multiplications_values_are_uniform(protocol):
    values = draw(make(Multiplication, protocol, 18), 2000, 5)[0][1:, :, 0]
    assert kstest(values.double().numpy().ravel(), "uniform").pvalue > 1e-3


@every_multiplication
def test_multiplications_baselines_are_the_integrals(protocol):
    """By quadrature over both numbers: the variance of the product, and what is left of it where one is known."""
    atom, density = density_of_x1(protocol)

    def expected(f):
        inner = integrate.quad(lambda b: f(1.0, b), 0, 1)[0]
        return atom * inner + density * integrate.dblquad(lambda b, a: f(a, b), 0, 1, 0, 1)[0]

    mean, mean_x1 = expected(lambda a, b: a * b), expected(lambda a, b: a)
    constant = expected(lambda a, b: (a * b - mean) ** 2)
    knows_x2 = expected(lambda a, b: (a * b - mean_x1 * b) ** 2)
    knows_x1 = expected(lambda a, b: (a * b - a / 2) ** 2)
    baselines = make(Multiplication, protocol).baselines
    assert baselines["constant"] == pytest.approx(constant, rel=1e-9)
    assert baselines["one marker"] == pytest.approx(min(knows_x1, knows_x2), rel=1e-9)


@every_multiplication
def test_multiplications_baselines_are_what_is_sampled(protocol):
    problem = make(Multiplication, protocol, 58)
    x, target = draw(problem, MANY, 8)
    atom, density = density_of_x1(protocol)
    mean_x1 = atom + density / 2
    assert_mean(squared(problem, mean_x1 / 2, target), problem.baselines["constant"])
    late = (x[10:, :, 1] == 1).any(dim=0) if protocol == "hs97" else torch.ones(MANY, dtype=torch.bool)
    later = x.shape[0] - 1 - (x[:, :, 1] == 1).flip(0).int().argmax(dim=0)  # behind the first ten it is surely X2
    x2 = x[later, torch.arange(MANY), 0].double()
    assert_mean(squared(problem, mean_x1 * x2[late], target[late]), problem.baselines["one marker"])


@pytest.mark.parametrize(("protocol", "limit"), [("hs97", 0.04), ("pascanu", 0.2)])
@pytest.mark.parametrize("cls", [Adding, Multiplication])
def test_a_number_is_right_within_the_papers_limit(cls, protocol, limit):
    problem = make(cls, protocol)
    target = draw(problem, 4)[1].double()
    offsets = torch.tensor([0.0, limit - 1e-6, -limit - 1e-6, torch.nan], dtype=torch.float64)
    assert accuracy(problem, (target + offsets)[None, :, None], target) == 1 / 2


# temporal order

every_order = pytest.mark.parametrize("protocol", TemporalOrder.protocols)

STRETCHES = {
    "hs97-6a": lambda lag: [(lag // 10 - 1, lag // 5 - 1), (lag // 2 - 1, lag * 6 // 10 - 1)],
    "hs97-6b": lambda lag: [
        (lag // 10 - 1, lag // 5 - 1),
        (lag * 33 // 100 - 1, lag * 43 // 100 - 1),
        (lag * 66 // 100 - 1, lag * 76 // 100 - 1),
    ],
    "pascanu": lambda lag: [(lag // 10, 2 * (lag // 10) - 1), (lag // 2, lag // 2 + lag // 10 - 1)],
    "pascanu-3bit": lambda lag: [(start, start + lag // 10 - 1) for start in (lag // 10, lag * 3 // 10, lag * 6 // 10)],
}
"""First and last 0-based position of each mark."""


def marks_of(x):
    """Positions (marks, B) and letters (marks, B; Y is 1) in order of time; codes 4 and 5 are the marks X and Y."""
    codes = codes_of(x).T
    samples, positions = np.nonzero((codes == 4) | (codes == 5))
    shape = (len(codes), -1)
    return positions.reshape(shape).T, (codes[samples, positions] - 4).reshape(shape).T


@every_order
@quick
@given(extra=extra_lags, seed=seeds)
def test_temporal_order_puts_one_mark_in_each_stretch(protocol, extra, seed):
    problem = make(TemporalOrder, protocol, extra)
    for length in {problem.lengths[0], problem.lengths[-1]}:
        positions, _ = marks_of(draw(problem, 50, seed, length)[0])
        for own, (low, high) in zip(positions, STRETCHES[protocol](problem.lag), strict=True):
            assert low <= own.min()
            assert own.max() <= high


@every_order
@pytest.mark.parametrize("extra", [0, 7, 80])
def test_temporal_orders_positions_are_uniform_and_the_lags_attained(protocol, extra):
    problem = make(TemporalOrder, protocol, extra)
    positions, _ = marks_of(draw(problem, 5000, extra)[0])
    for own, (low, high) in zip(positions, STRETCHES[protocol](problem.lag), strict=True):
        found = np.bincount(own - low, minlength=high - low + 1)
        assert len(found) == 1 or chisquare(found).pvalue > 1e-3
    assert tuple(problem.lengths[0] - 1 - positions.max(axis=1)) == problem.minimal_lags


def test_temporal_orders_smallest_lags_at_a_hundred_are_the_printed_ones():
    assert min(TemporalOrder("hs97-6a", 100).minimal_lags) == 40
    assert min(TemporalOrder("hs97-6b", 100).minimal_lags) == 24
    assert TemporalOrder("hs97-6a", 100).lengths == range(100, 111)


@every_order
def test_temporal_orders_class_is_the_letters_in_order(protocol):
    problem = make(TemporalOrder, protocol, 20)
    x, target = draw(problem, 4000, 2)
    _, letters = marks_of(x)
    expected = sum(2**k * own for k, own in enumerate(letters))
    np.testing.assert_array_equal(target.numpy(), expected)
    assert problem.outputs == 2 ** len(letters)
    assert chisquare(np.bincount(target.numpy(), minlength=problem.outputs)).pvalue > 1e-3


@every_order
def test_temporal_orders_other_letters_are_uniform_between_the_papers_ends(protocol):
    codes = codes_of(draw(make(TemporalOrder, protocol, 20), 2000, 4)[0])
    framed = protocol.startswith("hs97")
    if framed:
        assert (codes[0] == 6).all()
        assert (codes[-1] == 7).all()
        codes = codes[1:-1]
    assert codes.max() <= 5
    assert chisquare(np.bincount(codes[codes < 4])).pvalue > 1e-3


@every_order
def test_temporal_orders_baselines_guess_what_is_not_remembered(protocol):
    """With the first k letters known the classes that fit them are equally likely, and the largest is a guess."""
    problem = make(TemporalOrder, protocol, 20)
    _, target = draw(problem, 4000, 6)
    classes = torch.arange(problem.outputs)
    for known, expected in enumerate(problem.baselines.values()):
        fits = classes % 2**known == (target % 2**known).unsqueeze(1)
        logits = torch.where(fits, 0.0, -80.0).double()
        assert surprise(problem, logits, target) == pytest.approx(expected, rel=1e-12)
        share = 2**known / problem.outputs
        assert accuracy(problem, logits[None], target) == pytest.approx(share, abs=4.5 * sqrt(share / 4000))


# two sequences

every_two = pytest.mark.parametrize("protocol", TwoSequence.protocols)


def n_of(protocol):
    return 1 if protocol.endswith("single") else 3


def is_first(protocol, target):
    """Which samples are of class 1, told by what is right."""
    return target[1] < 0.5 if "3c" in protocol else target[1] > 0.5


@every_two
def test_two_sequence_tells_the_class_by_the_first_inputs_alone(protocol):
    n = n_of(protocol)
    x, target = draw(make(TwoSequence, protocol, 20), MANY, 1)
    sign = torch.where(is_first(protocol, target), 1.0, -1.0)
    assert_mean(sign, 0)
    if "3b" in protocol:
        assert kstest((x[:n, :, 0] - sign).numpy().ravel(), norm(0, sqrt(0.2)).cdf).pvalue > 1e-3
    else:
        assert torch.equal(x[:n, :, 0], sign.expand(n, -1))
    assert kstest(x[n:, :2000, 0].numpy().ravel(), norm(0, sqrt(0.2)).cdf).pvalue > 1e-3
    assert_mean(x[n:, :, 0] * sign, 0)


@every_two
def test_two_sequences_targets_are_the_papers(protocol):
    _, (taught, right) = draw(make(TwoSequence, protocol, 20), MANY, 2)
    if "3c" not in protocol:
        assert torch.equal(taught, right)
        assert set(right.tolist()) == {0.0, 1.0}
    else:
        assert set(right.double().numpy().round(6)) == {0.2, 0.8}
        assert kstest((taught - right).numpy(), norm(0, sqrt(0.1)).cdf).pvalue > 1e-3


@every_two
def test_two_sequences_constant_baseline_is_what_the_best_constant_reaches(protocol):
    problem = make(TwoSequence, protocol, 20)
    _, target = draw(problem, MANY, 3)
    losses = squared(problem, 0.5, target)
    assert losses.mean() == pytest.approx(problem.baselines["constant"], rel=1e-6 if "3c" not in protocol else 0.05)
    assert squared(problem, target[0].mean(), target).mean() == pytest.approx(problem.baselines["constant"], rel=0.05)
    assert problem.scores(torch.full((1, 1, MANY, 1), 0.5), target[None])["accuracy"] == 0


@every_two
def test_two_sequences_answer_is_right_near_the_clean_target(protocol):
    problem, limit = make(TwoSequence, protocol), 0.1 if "3c" in protocol else 0.2
    _, target = draw(problem, 4, 4)
    offsets = torch.tensor([0.0, limit - 1e-3, -limit - 1e-3, limit + 1e-3])
    assert accuracy(problem, (target[1] + offsets)[None, :, None], target) == 1 / 2


@pytest.mark.parametrize("protocol", ["hs97-3b", "hs97-3b-single"])
def test_3bs_stated_share_looks_like_the_other_class(protocol):
    n = n_of(protocol)
    x, target = draw(make(TwoSequence, protocol), 400_000, 5)
    wrong = (x[:n, :, 0].sum(dim=0) > 0) != is_first(protocol, target)
    share = norm.cdf(-sqrt(n / 0.2))
    assert wrong.double().mean().item() == pytest.approx(share, abs=4.5 * sqrt(share / 400_000))
    if n == 1:
        assert share == pytest.approx(0.013, abs=5e-4)


@every_two
def test_two_sequences_lag_is_counted_from_the_last_informative_input(protocol):
    problem = make(TwoSequence, protocol, 30)
    assert problem.minimal_lags == (problem.lengths[0] - 1 - (n_of(protocol) - 1),)


# noise-free recall

every_recall = pytest.mark.parametrize("protocol", NoiselessRecall.protocols)


@every_recall
@quick
@given(extra=extra_lags, seed=seeds)
def test_recall_is_laid_out_as_documented(protocol, extra, seed):
    problem = make(NoiselessRecall, protocol, extra)
    p = problem.lag
    x, target = draw(problem, 20, seed)
    codes, target = codes_of(x), target.numpy()
    assert x.shape == (p, 20, p + 1)
    assert problem.outputs == p + 1
    np.testing.assert_array_equal(codes[1:], target[:-1])
    np.testing.assert_array_equal(codes[0], target[-1])
    assert set(codes[0]) <= {p - 1, p}
    if protocol == "hs97-2a":
        np.testing.assert_array_equal(codes[1:], np.tile(np.arange(p - 1)[:, None], 20))
    else:
        assert codes[1:].max() <= p - 2


def test_recalls_first_symbol_is_a_fair_coin_and_2bs_others_are_uniform():
    codes = codes_of(draw(NoiselessRecall("hs97-2b", 12), MANY, 1)[0])
    assert_mean(codes[0] == 12, 1 / 2)
    assert chisquare(np.bincount(codes[1:].ravel(), minlength=11)).pvalue > 1e-3


@every_recall
def test_recalls_baseline_is_a_guess_at_the_end(protocol):
    problem = make(NoiselessRecall, protocol, 10)
    p = problem.lag
    _, target = draw(problem, 30, 2)
    logits = torch.full((p, 30, p + 1), -80.0, dtype=torch.float64)
    logits[-1, :, p - 1 :] = 0
    if protocol == "hs97-2a":
        logits.scatter_(2, torch.arange(p - 1)[:, None, None].expand(-1, 30, 1), 0.0)
    else:
        logits[:-1, :, : p - 1] = 0
    assert surprise(problem, logits, target) == pytest.approx(problem.baselines["guess at the end"], rel=1e-9)


@every_recall
def test_recalls_accuracy_reads_the_last_symbol_alone(protocol):
    problem = make(NoiselessRecall, protocol, 10)
    p = problem.lag
    _, target = draw(problem, 4000, 3)
    outputs = torch.zeros(p, 4000, p + 1)
    outputs[-1, :, p] = 1
    assert accuracy(problem, outputs, target) == pytest.approx(0.5, abs=4.5 * sqrt(0.25 / 4000))
    outputs[-1] = torch.nn.functional.one_hot(target[-1], p + 1)
    assert accuracy(problem, outputs, target) == 1
