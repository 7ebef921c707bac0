"""The vector functions of the fused CPU engine against float64, in units in the last place."""

import numpy as np
import pytest
from numba import njit

from rnngrad.engine.cpu import functions
from rnngrad.engine.cpu.simd import lanes, load, store

STRIDE = 1009  # of the 2^32 float32 numbers; a prime, so that all last bits occur. 1 takes minutes and was run once.
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1754942e-38, -87.5, -88.7, -103.9, -104.1, 3e38, -3e38]


@njit
def on_all(sigmoid, x, y):
    for at in range(0, x.size, lanes(x)):
        v = load(x, at)
        store(y, at, functions.sigmoid(v) if sigmoid else functions.tanh(v))


def evaluated(name, x):
    """The function on an array of any length."""
    padded = np.zeros(-(-len(x) // 64) * 64, x.dtype)
    padded[: len(x)] = x
    y = np.empty_like(padded)
    on_all(name == "sigmoid", padded, y)
    return y[: len(x)]


def truth(name, x):
    """The function in the precision of x, which is higher than that of the result under test."""
    if name == "tanh":
        return np.tanh(x)
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def worst(y, want):
    """The largest error in units in the last place of y's dtype."""
    return (np.abs(y.astype(want.dtype) - want) / np.spacing(np.abs(want).astype(y.dtype))).max()


def all_float32(stride):
    numbers = np.arange(0, 1 << 32, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return np.concatenate([numbers[np.isfinite(numbers)], np.array(SPECIAL, np.float32)])


@pytest.mark.parametrize(("name", "bound"), [("tanh", 3.0), ("sigmoid", 3.0)])
def test_error_over_the_whole_range_of_float32(name, bound):
    x = all_float32(STRIDE)
    x = x[~np.isnan(x)]
    assert worst(evaluated(name, x), truth(name, x.astype(np.float64))) <= bound


@pytest.mark.parametrize(("name", "bound"), [("tanh", 4.0), ("sigmoid", 4.0)])
def test_error_in_float64(name, bound):
    x = np.concatenate(
        [np.linspace(-50, 50, 100_001), np.geomspace(1e-300, 700, 10_001), -np.geomspace(1e-300, 700, 10_001)]
    )
    longer = x.astype(np.longdouble)
    if np.finfo(np.longdouble).eps == np.finfo(np.float64).eps:
        bound += 1.0  # no wider float here: the truth itself is rounded
    assert worst(evaluated(name, x), truth(name, longer)) <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype):
    x = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0], dtype)
    tanh, sigmoid = evaluated("tanh", x), evaluated("sigmoid", x)
    assert np.isnan(tanh[:2]).all()
    assert np.isnan(sigmoid[:2]).all()
    assert tanh[2:].tolist() == [1.0, -1.0, 0.0, -0.0]
    assert np.signbit(tanh[5])
    assert sigmoid[2:].tolist() == [1.0, 0.0, 0.5, 0.5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_stay_in_their_range(dtype):
    x = np.linspace(-30, 30, 100_001).astype(dtype)
    assert np.abs(evaluated("tanh", x)).max() <= 1.0
    assert evaluated("sigmoid", x).max() <= 1.0
    assert evaluated("sigmoid", x).min() > 0.0
