"""Random matrix theory against matrices that are drawn."""

from math import log, sqrt

import numpy as np
import pytest

from rnngrad.errors import UsageError
from rnngrad.theory import (
    TORCH_GAIN,
    largest_singular_value,
    mean_singular_value,
    newman_exponents,
)

N = 1000


@pytest.fixture(scope="module")
def uniform():
    """A recurrent matrix as torch draws it, U[-1/√H, 1/√H]."""
    return np.random.default_rng(0).uniform(-1, 1, (N, N)) / sqrt(N)


@pytest.fixture(scope="module")
def singular_values(uniform):
    return np.linalg.svd(uniform, compute_uv=False)


def test_glorots_mean_singular_values(singular_values):
    assert mean_singular_value() == pytest.approx(0.8488, abs=5e-5)
    assert mean_singular_value(TORCH_GAIN) == pytest.approx(0.4901, abs=5e-5)
    assert singular_values.mean() == pytest.approx(0.4901, abs=5e-4)
    assert singular_values.mean() / TORCH_GAIN == pytest.approx(0.8488, abs=1e-3)


def test_torchs_default_matrix_has_the_limits_of_its_gain(uniform, singular_values):
    assert largest_singular_value(TORCH_GAIN) == pytest.approx(1.155, abs=5e-4)
    assert singular_values[0] == pytest.approx(largest_singular_value(TORCH_GAIN), rel=0.01)
    radius = np.abs(np.linalg.eigvals(uniform)).max()  # 3 % above its limit even at this width
    assert radius == pytest.approx(TORCH_GAIN, rel=0.05)


@pytest.mark.parametrize("gain", [1.0, 0.4])
def test_newmans_exponents_are_those_of_products_that_are_drawn(gain):
    """QR iteration over 8000 factors: standard errors of some 0.01."""
    width, factors, rng = 6, 8000, np.random.default_rng(3)
    q, total = np.eye(width), np.zeros(width)
    for _ in range(factors):
        q, r = np.linalg.qr(rng.normal(0, gain / sqrt(width), (width, width)) @ q)
        total += np.log(np.abs(np.diag(r)))
    np.testing.assert_allclose(total / factors, newman_exponents(width, gain), atol=0.04)


def test_newmans_exponents_add_up_to_the_mean_log_determinant():
    """|det| is a product of independent χ norms; drawn directly, without a matrix."""
    width, rng = 5, np.random.default_rng(4)
    logs = sum(0.5 * np.log(rng.chisquare(k, 200_000) / width) for k in range(1, width + 1))
    assert newman_exponents(width).sum() == pytest.approx(logs.mean(), abs=0.02)


def test_one_unit_and_wide_nets_have_their_known_exponents():
    assert newman_exponents(1)[0] == pytest.approx(-(np.euler_gamma + log(2)) / 2)  # E ln|z|
    assert newman_exponents(4000, 0.5)[0] == pytest.approx(log(0.5) - 1 / 8000, rel=1e-4)
    assert (np.diff(newman_exponents(50)) < 0).all()


@pytest.mark.parametrize(
    "call", [lambda: newman_exponents(0), lambda: newman_exponents(3, -1.0), lambda: mean_singular_value(0)]
)
def test_impossible_matrices_are_one_clear_error(call):
    with pytest.raises(UsageError, match="width and a gain above 0"):
        call()
