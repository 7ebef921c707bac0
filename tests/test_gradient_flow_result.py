"""The result of gradient_flow: table, rate, horizon, figure, words, cost."""

import re
import subprocess
import sys
from math import exp, log

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from rnngrad import gradient_flow
from rnngrad.errors import UsageError
from rnngrad.flow.chain import Part
from rnngrad.flow.norms import Norms
from rnngrad.flow.rate import fitted_rate
from rnngrad.flow.result import UNDERFLOW, GradientFlow

X = torch.randn(30, 4, 3, generator=torch.Generator().manual_seed(0))
LAGS = np.arange(201)


def flow_of(logs):
    """A result whose one state part has these log norms, (L,) of one sample or (L, B)."""
    logs = torch.as_tensor(logs, dtype=torch.float64)
    logs = logs.reshape(len(logs), -1)
    norms = Norms(logs[..., None], logs.mean(dim=1, keepdim=True))
    return GradientFlow("RNN", "step", (Part(0, "h", 0, 2),), norms, 0, 1.0, lambda: 0.5)


@pytest.mark.parametrize(
    ("module", "layers", "states"),
    [
        (nn.LSTM(3, 5), ["all"], ["hc", "h", "c"]),
        (nn.LSTM(3, 5, 2), ["all", 0, 1], ["hc", "h", "c"]),
        (nn.GRU(3, 5, 3), ["all", 0, 1, 2], ["h"]),
    ],
)
def test_the_table_has_a_row_per_layer_state_and_lag(module, layers, states):
    table = gradient_flow(module, X).table
    assert list(table) == ["layer", "lag", "state", "log_rms_per_sample", "log_norm_of_mean", "underflow"]
    keys = table[["layer", "state"]].drop_duplicates()
    assert [tuple(key) for key in keys.to_numpy()] == [(layer, state) for layer in layers for state in states]
    assert (table.groupby(["layer", "state"]).lag.apply(list).map(lambda lags: lags == list(range(30)))).all()


def test_wholes_are_the_root_of_the_sum_of_squares_of_their_parts():
    table = gradient_flow(nn.LSTM(3, 5, 2), X).table
    square = {key: np.exp(2 * rows.log_rms_per_sample.to_numpy()) for key, rows in table.groupby(["layer", "state"])}
    for layer in ("all", 0, 1):
        np.testing.assert_allclose(square[layer, "hc"], square[layer, "h"] + square[layer, "c"], rtol=1e-12)
    for state in ("hc", "h", "c"):
        np.testing.assert_allclose(square["all", state], square[0, state] + square[1, state], rtol=1e-12)


def test_underflow_starts_below_the_smallest_number_of_float32():
    tiny = np.finfo(np.float32).smallest_subnormal
    assert exp(UNDERFLOW) == pytest.approx(float(tiny), rel=1e-12)
    flow = flow_of(-1.0 * LAGS)
    assert flow.underflow_lag == 104  # ln(1.4e-45) = -103.3
    assert flow.table.underflow.to_numpy().nonzero()[0].tolist() == list(range(104, 201))
    assert flow_of(-0.1 * LAGS).underflow_lag is None


def test_the_horizon_is_relative_to_lag_0():
    flow = flow_of(5.0 - 0.5 * LAGS)
    assert flow.horizon() == 10  # exp(-4.5) = 1.1 %, exp(-5) = 0.7 %
    assert flow.horizon(0.5) == 2
    assert flow.horizon(1e-200) is None
    with pytest.raises(UsageError, match="above 0"):
        flow.horizon(0.0)


@pytest.mark.parametrize("slope", [-300.0, -0.5, 0.0, 0.3])
def test_a_straight_line_is_found_exactly_between_a_tenth_and_nine_tenths_of_the_lags(slope):
    logs = 2.0 + slope * LAGS
    logs[:20] += 5.0
    logs[-20:] -= 5.0
    rate = flow_of(logs).rate
    assert rate.log_per_step == pytest.approx(slope, abs=1e-9)
    assert rate.curvature == pytest.approx(0.0, abs=1e-9)
    assert (rate.first_lag, rate.last_lag) == (20, 180)
    assert not rate.bent
    assert rate.interval is None  # of a single sample


def test_a_parabola_has_its_second_derivative_and_its_end_slopes():
    rate = flow_of(-0.5 * LAGS + 0.001 * LAGS**2).rate
    assert rate.curvature == pytest.approx(0.002, abs=1e-12)
    assert rate.ends == pytest.approx((-0.5 + 0.002 * 20, -0.5 + 0.002 * 180))
    assert rate.log_per_step == pytest.approx(-0.5 + 0.002 * 100)
    assert rate.bent


def test_a_power_law_is_bent():
    """What a chrono-initialised net's mixture of time scales gives."""
    assert flow_of(-2.0 * np.log1p(LAGS)).rate.bent


def test_lags_from_the_first_exact_zero_on_take_no_part_in_the_fit():
    logs = -0.5 * LAGS
    logs[90:] = -np.inf
    rate = flow_of(logs).rate
    assert rate.log_per_step == pytest.approx(-0.5)
    assert rate.last_lag == 89
    logs[2:] = -np.inf
    assert flow_of(logs).rate is None


def noisy(samples, seed=0):
    """Samples whose slopes scatter about -0.3 by 0.02."""
    rng = np.random.default_rng(seed)
    return LAGS[:, None] * rng.normal(-0.3, 0.02, samples)


def test_the_interval_comes_from_the_samples_and_its_seed():
    logs = noisy(50)
    rate = fitted_rate(logs, 0)
    assert rate == fitted_rate(logs, 0)
    assert rate.interval != fitted_rate(logs, 1).interval
    assert rate.interval[0] < rate.log_per_step < rate.interval[1]
    same = fitted_rate(np.repeat(logs[:, :1], 5, axis=1), 0)
    assert same.interval == pytest.approx((same.log_per_step,) * 2)


def test_the_interval_holds_95_percent_of_refits_to_samples_drawn_by_hand():
    logs, rng = noisy(20), np.random.default_rng(5)
    refits = [fitted_rate(logs[:, rng.integers(20, size=20)], 0).log_per_step for _ in range(200)]
    low, high = fitted_rate(logs, 0).interval
    assert 0.88 < np.mean([low <= refit <= high for refit in refits]) < 0.99


def test_samples_further_apart_than_the_range_of_floats_leave_the_interval_finite():
    logs = LAGS[:, None] * np.array([-0.1, -20.0, -30.0])
    rate = fitted_rate(logs, 0)
    assert np.isfinite(rate.interval).all()
    assert rate.log_per_step == pytest.approx(-0.1)


def test_few_lags_of_a_depth_are_all_fitted():
    rate = fitted_rate(-2.0 * np.arange(5.0)[:, None], 0)
    assert (rate.first_lag, rate.last_lag) == (0, 4)
    assert rate.log_per_step == pytest.approx(-2.0)
    assert fitted_rate(np.zeros((2, 3)), 0) is None


def test_the_figure_has_powers_of_ten_relative_to_lag_0():
    flow = flow_of(3.0 - log(10) * LAGS)
    ax = flow.plot()
    solid, dotted = ax.get_lines()[:2]
    assert solid.get_ydata()[:40] == pytest.approx(-np.arange(40.0))
    assert np.isnan(solid.get_ydata()[60:]).all()  # below 10^-45 float32 has nothing: dotted
    assert dotted.get_ydata()[60:] == pytest.approx(-np.arange(60.0, 201.0))
    assert "lag" in ax.get_xlabel()
    own = Figure().subplots()
    assert flow.plot(own) is own


def test_the_figure_has_the_states_of_one_layer_or_the_layers_of_several():
    labels = gradient_flow(nn.LSTM(3, 5), X).plot().get_legend_handles_labels()[1]
    assert labels == ["hc", "h", "c (exactly 0 at lag 0)"]
    labels = gradient_flow(nn.LSTM(3, 5, 2), X).plot().get_legend_handles_labels()[1]
    assert labels == ["all layers", "layer 0 (exactly 0 at lag 0)", "layer 1"]


def test_the_words_tell_underflow_from_a_gradient_that_is_gone():
    text = str(flow_of(log(0.5) * LAGS))
    assert "each step back multiplies it by 0.5 (log rate -0.6931" in text
    assert "lags 20 to 180" in text
    assert "At lag 7 it first falls under 1 % of what it is at lag 0; at lag 200 it is 10^-60.2 of it" in text
    assert "From lag 150 on float32 training would see an exact zero: that is underflow" in text
    assert "at 2.0 times the cost" in text
    gone = -0.1 * LAGS
    gone[50:] = -np.inf
    assert "From lag 50 on it is a true zero" in str(flow_of(gone))
    assert "never falls under 1 %" in str(flow_of(-0.001 * LAGS))
    assert "does not change at one rate" in str(flow_of(-2.0 * np.log1p(LAGS)))
    assert "exactly 0 from the start" in str(flow_of(np.full(5, -np.inf)))


def test_one_step_is_a_flow_without_a_rate():
    flow = gradient_flow(nn.LSTM(3, 5), X[:1])
    assert flow.rate is None
    assert len(flow.table) == 3
    assert "too few lags" in str(flow)


def test_the_cost_is_a_multiple_of_a_plain_forward_and_backward():
    flow = gradient_flow(nn.LSTM(3, 5), X)
    (case,) = flow.plain_seconds.args
    assert case.module.weight_hh_l0.grad is None  # not run before it is asked for
    assert flow.cost > 0
    assert case.module.weight_hh_l0.grad.any()
    assert case.module.weight_hh_l0.dtype == torch.float64
    assert flow_of(-1.0 * LAGS).cost == 2.0


FIVE_LINES = """
import torch, rnngrad
lstm = torch.nn.LSTM(2, 64)
x = torch.randn(200, 32, 2)
flow = rnngrad.gradient_flow(lstm, x)
print(flow)
"""


def test_five_lines_from_an_lstm_of_ones_own_to_its_flow():
    done = subprocess.run([sys.executable, "-c", FIVE_LINES], capture_output=True, text=True, check=True)
    assert re.search(r"LSTM, 200 steps back, 32 samples: each step back multiplies it by 0\.[56]\d+", done.stdout)


def test_importing_rnngrad_waits_for_neither_torch_nor_pandas():
    code = "import sys, rnngrad; assert not {'torch', 'pandas'} & set(sys.modules); rnngrad.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "module 'rnngrad' has no attribute 'nothing'" in done.stderr
