"""The one-unit tanh latch: where it latches, and what that costs the gradient."""

from math import log, tanh

import numpy as np
import pytest

from rnngrad.errors import UsageError
from rnngrad.theory import error_flow_bounds, latch, latch_states, latch_threshold


def settle(weight, bias, a=0.0, steps=4000):
    for _ in range(steps):
        a = weight * tanh(a) + bias
    return a


@pytest.mark.parametrize("weight", [1.05, 1.25, 2.0, 5.0])
def test_the_bit_is_held_and_the_gradient_decays_at_the_stated_rate(weight):
    """Measured as a product of the slopes along the simulated orbit, not by the formula."""
    a, logs = 0.3, [0.0]
    for _ in range(3000):
        logs.append(logs[-1] + log(weight * (1 - tanh(a) ** 2)))
        a = weight * tanh(a)
    found = latch(weight)
    assert a == pytest.approx(latch_states(weight)[1], rel=1e-9)
    assert logs[-1] - logs[-2] == pytest.approx(found.log_factor, rel=1e-6)
    assert found.log_factor < 0
    assert (found.satisfied, found.vacuous, found.kind) == (True, False, "rate")


def test_the_two_states_mirror_each_other_without_a_bias():
    low, high = latch_states(1.25)
    assert low == -high
    assert high == pytest.approx(1.25 * tanh(high), abs=1e-14)


@pytest.mark.parametrize("weight", [1.25, 3.0])
def test_the_latch_holds_a_bit_below_the_threshold_and_tips_beyond_it(weight):
    threshold = latch_threshold(weight)
    low = latch_states(weight)[0]
    assert settle(weight, 0.99 * threshold, low) < 0 < settle(weight, 1.01 * threshold, low)
    assert latch(weight, 0.99 * threshold).satisfied
    assert not latch(weight, -1.01 * threshold).satisfied


@pytest.mark.parametrize("bias", [0.01, -0.02])
def test_with_a_bias_the_slower_of_the_two_states_is_given(bias):
    weight = 1.25
    low, high = latch_states(weight, bias)
    assert settle(weight, bias, -1.0) == pytest.approx(low, abs=1e-9)
    assert settle(weight, bias, 1.0) == pytest.approx(high, abs=1e-9)
    rates = [log(weight * (1 - tanh(a) ** 2)) for a in (low, high)]
    assert latch(weight, bias).log_factor == pytest.approx(max(rates))
    assert rates[0] != pytest.approx(rates[1])


@pytest.mark.parametrize(("weight", "bias"), [(1.0, 0.0), (0.8, 0.0), (-2.0, 0.0), (1.25, 0.5)])
def test_no_latch_no_rate(weight, bias):
    found = latch(weight, bias)
    assert (found.satisfied, found.vacuous) == (False, True)
    assert found.log_factor is None
    assert found.factor is None
    assert found.log_at(np.arange(3)) is None


def test_it_is_listed_for_one_tanh_unit_alone():
    def names(size, activation):
        return [b.name for b in error_flow_bounds(1.25 * np.eye(size), np.zeros(size), activation)]

    assert "bengio_latch" in names(1, "tanh")
    assert "bengio_latch" not in names(2, "tanh")
    assert "bengio_latch" not in names(1, "relu")


def test_states_that_do_not_exist_are_one_clear_error():
    with pytest.raises(UsageError, match="weight above 1"):
        latch_states(0.9)
    with pytest.raises(UsageError, match=r"needs \|bias\| <"):
        latch_states(1.25, 1.0)
