"""The lag of half success: published dose-response fits, every small table, coverage by simulation."""

from itertools import product
from math import exp, log

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, xlog1py, xlogy

from rnngrad.errors import UsageError
from rnngrad.stats import Tried, half_success


def half(*rows, seed=0):
    return half_success([Tried(*row) for row in rows], np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("dead", "intercept", "slope"),
    [((0, 2, 6, 10, 12, 16), -2.9935, 0.9060), ((1, 4, 9, 13, 18, 20), -2.9935 + 0.1750, 0.9060 + 0.3529)],
    ids=["female", "male"],
)
def test_the_fit_is_the_published_one_of_the_tobacco_budworm(dead, intercept, slope):
    """Venables & Ripley, Modern Applied Statistics with S, section 7.2: 20 moths at each of six doubled doses."""
    found = half(*((2**k, 20 - n, 20) for k, n in enumerate(dead)))
    assert found.curve[0] == pytest.approx(-intercept, abs=1e-4)
    assert found.curve[1] * log(2) == pytest.approx(-slope, abs=1e-4)
    assert found.lag == pytest.approx(2 ** (-intercept / slope), rel=1e-3)


def test_estimate_and_interval_are_the_published_ones_of_a_pesticide():
    """Crawley, The R Book, section 16.7: ln LD50 2.306981 with a standard error of 0.07772 by the delta method."""
    rows = [(1, 98, 100), (3, 80, 90), (10, 58, 98), (30, 4, 100), (100, 2, 100)]
    found = half(*rows)
    assert log(found.lag) == pytest.approx(2.306981, abs=1e-6)
    assert log(found.low) == pytest.approx(2.306981 - 1.96 * 0.07772, abs=0.03)
    assert log(found.high) == pytest.approx(2.306981 + 1.96 * 0.07772, abs=0.03)


@pytest.mark.parametrize(
    ("rows", "low", "high"),
    [
        ([(50, 10, 10), (100, 10, 10)], 100, None),
        ([(50, 0, 10), (100, 0, 10)], None, 50),
        ([(50, 10, 10), (100, 0, 10)], 50, 100),
        ([(50, 10, 10), (100, 4, 10), (200, 0, 10)], 50, 200),
        ([(50, 10, 10), (100, 4, 10)], 50, None),
        ([(50, 4, 10), (100, 0, 10)], None, 100),
        ([(50, 4, 10)], None, None),
        ([(50, 9, 10), (100, 10, 10)], 100, None),
        ([(50, 0, 10), (100, 1, 10)], None, 50),
        ([(50, 0, 10), (100, 10, 10)], None, None),
        ([(200, 0, 10), (50, 10, 10), (100, 0, 0)], 50, 200),
    ],
)
def test_what_has_no_fit_gets_no_number(rows, low, high):
    """All solved, none solved, separated, mixed at one lag alone, rising, and a lag without a trial."""
    found = half(*rows)
    assert (found.lag, found.low, found.high, found.curve) == (None, low, high, None)


def test_an_estimate_beyond_the_lags_tried_is_not_given():
    found = half((50, 19, 20), (100, 18, 20), (200, 16, 20))
    assert found.curve is not None
    assert (found.lag, found.high) == (None, None)
    assert found.low <= 200
    mirrored = half((50, 4, 20), (100, 2, 20), (200, 1, 20))
    assert (mirrored.lag, mirrored.low) == (None, None)
    assert mirrored.high >= 50


def test_no_run_that_ended_is_refused():
    with pytest.raises(UsageError, match="no lag has a run that ended"):
        half((50, 0, 0))


def profile(k, trials, x, slope):
    """The highest log likelihood at a slope: its intercept by bisection."""
    at = brentq(lambda a: (trials * expit(a + slope * x) - k).sum(), -4000, 4000, xtol=1e-13, rtol=1e-14)
    p = expit(at + slope * x)
    return (xlogy(k, p) + xlog1py(trials - k, -p)).sum()


def test_the_fit_has_the_highest_likelihood_of_every_small_table():
    """Where there is no curve, it is the likelihood of a step or of a constant that is the highest."""
    lags, trials = np.array([50, 100, 200, 500]), 3
    x, slopes, kinds = np.log(lags / 150), [0.0, -0.03, -0.1, -0.3, -1.0, -3.0, -10.0, -30.0, -300.0], []
    for solved in product(range(trials + 1), repeat=4):
        k = np.array(solved)
        found = half(*zip(lags, solved, [trials] * 4, strict=True))
        if 0 < k.sum() < 4 * trials:
            best = [profile(k, trials, x, slope) for slope in slopes]
            p = expit(found.curve[0] + found.curve[1] * np.log(lags)) if found.curve else np.full(4, k.mean() / trials)
            own = (xlogy(k, p) + xlog1py(trials - k, -p)).sum()
            kinds.append("curve" if found.curve else "step" if best[-1] > best[0] + 1e-9 else "constant")
            assert (best[-1] if kinds[-1] == "step" else own) >= max(best) - 1e-9
    assert {kind: kinds.count(kind) for kind in kinds} == {"step": 3 + 4 * 2, "curve": 114, "constant": 129}


@pytest.mark.parametrize("solved", [(5, 20, 5), (9, 12, 9)])
def test_a_slope_of_zero_is_no_curve(solved):
    """Up to rounding, which gives it some sign."""
    assert half(*zip((100, 200, 400), solved, [20] * 3, strict=True)).curve is None


def test_the_same_rows_give_the_same_interval():
    rows = [(50, 10, 10), (100, 8, 10), (200, 3, 10), (500, 1, 10)]
    assert half(*rows, seed=3) == half(*rows, seed=3)


def misses(runs, draws):
    """How often an interval does not hold the truth, half success at 190."""
    rng = np.random.default_rng(1)
    lags, truth, missed = np.array([100, 200, 400]), 190.0, 0
    for _ in range(draws):
        solved = rng.binomial(runs, expit(-2 * np.log(lags / truth)))
        found = half_success([Tried(*row) for row in zip(lags, solved, [runs] * 3, strict=True)], rng)
        missed += (found.low is not None and found.low > truth) or (found.high is not None and found.high < truth)
    return missed / draws


def test_the_bootstrap_interval_holds_the_truth_as_often_as_it_says():
    """It may miss it in 5 %, and no more than four standard errors of that."""
    assert misses(20, 60) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)


@pytest.mark.slow
def test_the_bootstrap_interval_misses_the_truth_as_often_as_it_says():
    assert 0.02 < misses(40, 400) < 0.08


def test_more_runs_make_the_interval_narrower():
    few = half((50, 9, 10), (100, 7, 10), (200, 4, 10), (500, 1, 10))
    many = half((50, 90, 100), (100, 70, 100), (200, 40, 100), (500, 10, 100))
    assert many.lag == pytest.approx(few.lag)
    assert log(many.high / many.low) < 0.5 * log(few.high / few.low)
    assert few.low < few.lag < few.high < exp(log(500))
