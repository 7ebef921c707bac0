"""Wilson, McNemar, the paired median and Holm against published tables."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnngrad.stats import Difference, McNemar, holm, mcnemar, median_difference, wilson


@pytest.mark.parametrize(
    ("solved", "runs", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_the_published(solved, runs, low, high):
    """Newcombe 1998, Stat. Med. 17:857-872, table I, method 3."""
    assert wilson(solved, runs) == pytest.approx((low, high), abs=5e-5)


def test_no_run_says_nothing_about_a_rate():
    assert wilson(0, 0) == (0.0, 1.0)


def outcomes(*counts):
    """Seeds of which both, only the first, only the second and none solved it."""
    pairs = [pair for pair, n in zip([(1, 1), (1, 0), (0, 1), (0, 0)], counts, strict=True) for _ in range(n)]
    return tuple({seed: bool(pair[k]) for seed, pair in enumerate(pairs)} for k in (0, 1))


def test_mcnemar_is_the_published():
    """Airways of 21 children before and after a transplant (Fagerland et al. 2013, BMC Med. Res. Methodol. 13:91)."""
    assert mcnemar(*outcomes(1, 1, 7, 12)) == McNemar(21, 1, 7, pytest.approx(0.0703, abs=5e-5))


def test_mcnemar_without_a_pair_that_differs_tests_nothing():
    assert mcnemar(*outcomes(5, 0, 0, 5)) == McNemar(10, 0, 0, None)


def test_only_common_seeds_are_pairs():
    assert mcnemar({0: True, 1: True, 2: False}, {1: False, 2: False, 9: True}) == McNemar(2, 1, 0, 1.0)
    assert median_difference({0: 100, 1: 250}, {1: 50, 2: 100}) == Difference(1, 200, None, None, 1.0)
    assert median_difference({0: 100}, {1: 50}) == Difference(0, None, None, None, None)


def test_the_median_difference_is_that_of_students_sleepers():
    """Extra hours of sleep with two drugs (Student 1908), the order-statistic interval of ten: second to ninth."""
    first = dict(enumerate([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
    second = dict(enumerate([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))
    found = median_difference(second, first)
    assert found.pairs == 10
    assert (found.median, found.low, found.high) == pytest.approx((1.3, 0.8, 2.4))
    assert found.p == pytest.approx(2 * 11 / 1024)  # nine above and one at 0, which counts as below


@pytest.mark.parametrize(("pairs", "rank"), [(5, None), (6, 1), (10, 2), (20, 6)])
def test_the_interval_has_the_ranks_of_the_tables(pairs, rank):
    """Conover 1999, table A3: 5 pairs are too few for 95 %."""
    found = median_difference({seed: seed + 1 for seed in range(pairs)}, dict.fromkeys(range(pairs), 0))
    assert (found.low, found.high) == ((None, None) if rank is None else (rank, pairs + 1 - rank))
    assert found.p == pytest.approx(2 / 2**pairs)


def test_holm_is_the_textbooks():
    """Of four tests at 5 %, the two smallest hold."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(p):
    """A hypothesis' adjusted p is the largest Bonferroni p of all sets of hypotheses with it (Marcus et al. 1976)."""
    sets = list(chain.from_iterable(combinations(range(len(p)), size) for size in range(1, len(p) + 1)))
    bonferroni = {own: min(1.0, len(own) * min(p[k] for k in own)) for own in sets}
    closed = [max(value for own, value in bonferroni.items() if k in own) for k in range(len(p))]
    np.testing.assert_allclose(holm(p), closed, rtol=1e-12, atol=0)
