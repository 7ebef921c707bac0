"""Prediction intervals of a mean of new trials: against Student's for one, and by how often they hold."""

from math import inf

import numpy as np
import pytest
from scipy.stats import t

from rnngrad.stats import mean_interval, prediction_interval

TIMES = [31_000, 12_500, 58_000, 22_000, 40_500, 17_000, 26_000, 90_000, 35_000, 28_000]


def test_for_one_new_value_it_is_students_interval_of_the_logarithm():
    logs = np.log(TIMES)
    half = t.ppf(0.975, 9) * logs.std(ddof=1) * np.sqrt(1 + 1 / 10)
    expected = np.exp([logs.mean() - half, logs.mean() + half])
    assert prediction_interval(TIMES, 1) == pytest.approx(expected, rel=0.03)


def test_means_of_more_trials_lie_closer_together_and_around_the_mean():
    few, many, mean = prediction_interval(TIMES, 3), prediction_interval(TIMES, 100), mean_interval(TIMES)
    assert few[0] < many[0] < np.mean(TIMES) < many[1] < few[1]
    assert many == pytest.approx(mean, rel=0.2)
    assert few[0] < mean[0] < np.mean(TIMES) < mean[1] < few[1]


def test_it_holds_the_mean_of_new_trials_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = expected = 0
    for _ in range(300):
        low, high = prediction_interval(np.exp(10 + 0.6 * rng.standard_normal(10)), 10)
        held += low <= np.exp(10 + 0.6 * rng.standard_normal(10)).mean() <= high
        low, high = mean_interval(np.exp(10 + 0.6 * rng.standard_normal(10)))
        expected += low <= np.exp(10 + 0.18) <= high
    assert 0.92 <= held / 300 <= 0.98
    assert 0.92 <= expected / 300 <= 0.98


def test_the_unit_of_time_does_not_matter():
    hours = [value / 3600 for value in TIMES]
    assert np.multiply(prediction_interval(hours, 10), 3600) == pytest.approx(prediction_interval(TIMES, 10))


@pytest.mark.parametrize("values", [[], [7.0]])
def test_fewer_than_two_values_say_nothing(values):
    assert prediction_interval(values, 10) == mean_interval(values) == (0.0, inf)


def test_equal_values_leave_nothing_open():
    assert prediction_interval([5.0, 5.0, 5.0], 4) == pytest.approx((5.0, 5.0))
