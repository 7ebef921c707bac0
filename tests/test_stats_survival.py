"""Kaplan-Meier and log-rank against the leukaemia trial that every textbook works through, and by simulation."""

import numpy as np
import pytest

from rnngrad.errors import UsageError
from rnngrad.stats import LogRank, Times, kaplan_meier, log_rank

TREATED = Times([6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35])
PLACEBO = Times([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23])
"""Weeks of remission with 6-mercaptopurine and without (Freireich et al. 1963, Blood 21:699-716)."""


def share_at(survival, time):
    return survival.share[np.searchsorted(survival.at, time, side="right") - 1]


@pytest.mark.parametrize(
    ("week", "share"), [(6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448)]
)
def test_survival_is_the_published(week, share):
    """Kleinbaum & Klein, Survival Analysis, 3rd ed., table 2.2."""
    assert share_at(kaplan_meier(TREATED), week) == pytest.approx(share, abs=5e-4)


def test_the_interval_is_that_of_sas_and_r():
    """Log-log, at six weeks: 0.620 to 0.952; the plain one would reach over 1."""
    survival = kaplan_meier(TREATED)
    at = list(survival.at).index(6)
    assert (survival.low[at], survival.high[at]) == pytest.approx((0.620, 0.952), abs=5e-4)


def test_without_censoring_survival_is_the_share_that_is_left():
    survival = kaplan_meier(PLACEBO)
    left = [np.mean(np.array(PLACEBO.events) > time) for time in survival.at]
    np.testing.assert_allclose(survival.share, left, atol=1e-12)


def test_log_rank_is_the_published():
    """Kleinbaum & Klein, section 2.5: chi squared 16.793."""
    result = log_rank(TREATED, PLACEBO)
    assert result.chi2 == pytest.approx(16.793, abs=5e-4)
    assert result.p == pytest.approx(4.17e-5, rel=1e-3)


def test_medians_and_their_intervals_are_those_of_sas():
    """PROC LIFETEST, log-log: 23 (13, .) and 8 (4, 11)."""
    assert kaplan_meier(TREATED).median == (23, 13, None)
    assert kaplan_meier(PLACEBO).median == (8, 4, 11)


@pytest.mark.parametrize(
    ("times", "median"),
    [
        (Times([100, 200, 300, 400], []), (250, None, None)),  # the ordinary median; four give no interval
        (Times([100, 200], [900] * 2), (None, None, None)),  # half solved it: the others may never
        (Times([], [900] * 10), (None, 900, None)),
        (Times([400] * 10), (400, 400, 400)),
        (Times([400] * 5), (400, None, None)),
    ],
)
def test_medians_at_the_edges(times, median):
    assert kaplan_meier(times).median == median


def test_no_times_are_refused():
    with pytest.raises(UsageError, match="at least one run"):
        kaplan_meier(Times([]))


@pytest.mark.parametrize("second", [Times([], [3000] * 5), Times([500], [0] * 4)], ids=["no event", "not watched"])
def test_log_rank_without_anything_to_compare_is_none(second):
    first = Times([], [3000] * 5) if not second.events else Times([], [100] * 3)
    assert log_rank(first, second) is None


def test_log_rank_of_equal_groups_is_zero():
    assert log_rank(PLACEBO, PLACEBO) == LogRank(pytest.approx(0, abs=1e-20), pytest.approx(1))


@pytest.mark.parametrize(("runs", "budget"), [(10, 9.0), (20, 1.0)])
def test_the_median_is_inside_its_interval_as_often_as_it_says(runs, budget):
    """Exponential times, true median ln 2. Each end may miss it in 2.5 %: the bound is four standard errors off, plus
    what the log-log interval is known to lack with ten runs.
    """
    rng = np.random.default_rng(0)
    missed = []
    for _ in range(400):
        times = rng.exponential(size=runs)
        median = kaplan_meier(Times(list(times[times <= budget]), [budget] * int((times > budget).sum()))).median
        missed.append(
            (median.low is not None and median.low > np.log(2)) or (median.high is not None and median.high < np.log(2))
        )
    assert 0 < np.mean(missed) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)
