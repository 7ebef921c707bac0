"""The logistic function of the 1997 machine's kernels, in units in the last place."""

import numpy as np
from numba import njit

from rnngrad.engine.cpu.simd import lanes, load, store
from rnngrad.hs97.kernels.logistic import logistic


@njit
def on_all(x, y):
    for at in range(0, x.size, lanes(x)):
        store(y, at, logistic(load(x, at)))


def evaluated(x):
    padded = np.zeros(-(-len(x) // 8) * 8)
    padded[: len(x)] = x
    y = np.empty_like(padded)
    on_all(padded, y)
    return y[: len(x)]


def test_error_over_the_whole_range():
    x = np.concatenate(
        [np.linspace(-708, 708, 200_001), np.linspace(-30, 30, 100_001), np.geomspace(1e-300, 700, 9999)]
    )
    longer = x.astype(np.longdouble)
    e = np.exp(-np.abs(longer))
    want = np.where(longer < 0, e, 1) / (1 + e)
    assert (np.abs(evaluated(x) - want) / np.spacing(want.astype(np.float64))).max() <= 4


def test_tails_and_nan():
    y = evaluated(np.array([-np.inf, -1e6, 0.0, 1e6, np.inf, np.nan]))
    assert y[0] == y[1] == evaluated(np.array([-708.0]))[0] < 1e-300
    assert y[2:5].tolist() == [0.5, 1.0, 1.0]
    assert np.isnan(y[5])
