"""The figures of a sweep show the rows they were given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sweep_rows import BUDGET, run, runs

from rnngrad.figures import horizon_by_lag, steps_to_solve, style, success_by_lag
from rnngrad.stats import Times, kaplan_meier
from rnngrad.summary import comparisons
from rnngrad.sweeps import halves, outcomes, sweeps

RATES = {50: 9, 100: 7, 200: 4, 400: 1}


def drawn(rows):
    (found,) = sweeps(comparisons(rows))
    numbers = outcomes(found)
    return success_by_lag(found.title, numbers, halves(found, numbers)), halves(found, numbers)


def falling(cell="gru"):
    return [row for lag, n in RATES.items() for row in runs(lag, cell, [500] * n + [None] * (10 - n))]


def test_success_shows_rates_fit_and_half_success(tmp_path):
    figure, (half,) = drawn(falling())
    above, below = figure.axes
    (bars,) = above.containers
    np.testing.assert_allclose(bars.lines[0].get_xydata(), [(lag, n / 10) for lag, n in RATES.items()])
    curve = next(line for line in above.lines if len(line.get_xdata()) == 200)
    assert np.interp(half["half"], *curve.get_data()) == pytest.approx(0.5, abs=1e-3)
    assert any(
        np.allclose(line.get_xdata(), [half["half_low"], half["half_high"]])
        for line in below.lines
        if len(line.get_xdata()) == 2
    )
    assert {path.suffix for path in style.save(figure, tmp_path / "success")} == {".png", ".svg"}


def test_what_has_no_fit_has_no_curve_and_an_arrow():
    solved = [*runs(50, "gru", [300] * 5), *runs(100, "gru", [300] * 5)]
    unsolved = [*runs(50, "rnn", [None] * 5), *runs(100, "rnn", [None] * 5)]
    figure, _ = drawn(solved + unsolved)
    above, below = figure.axes
    assert not [line for line in above.lines if len(line.get_xdata()) == 200]
    arrows = {line.get_marker(): float(line.get_ydata()[0]) for line in below.lines if line.get_marker() in ("<", ">")}
    assert arrows == {">": 0.0, "<": 1.0}
    assert [label.get_text() for label in below.get_yticklabels()] == ["gru", "rnn"]


@pytest.mark.parametrize("lags", [(50, 100, 400), (100, 110, 500)])
def test_points_of_one_lag_stand_apart_and_nearer_to_it_than_to_the_next(lags):
    cells = ("rnn", "gru", "lstm", "irnn")
    figure, _ = drawn([row for cell in cells for lag in lags for row in runs(lag, cell, [500, None])])
    at = np.array([bars.lines[0].get_xdata() for bars in figure.axes[0].containers])
    assert (np.diff(at, axis=0) > 0).all()
    assert at[-1, 0] < np.sqrt(lags[0] * lags[1]) < at[0, 1]


def test_a_line_that_has_not_ended_is_named_and_empty():
    figure, _ = drawn([*falling(), run(cell="rnn", status="running", steps=10)])
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["gru", "rnn"]
    assert figure.axes[0].get_ylabel().endswith("(n = 10)")


def test_each_panel_of_success_names_its_own_axis():
    figure, _ = drawn(falling())
    assert [ax.get_xlabel() for ax in figure.axes] == ["lag of the task", "lag at which success falls to half"]
    shown = [[label.get_text() for label in ax.get_xticklabels() if label.get_visible()] for ax in figure.axes]
    assert shown == [["50", "100", "200", "400"]] * 2


def test_no_run_that_has_ended_is_said_and_not_counted():
    figure, _ = drawn([run(lag=lag, status="running", steps=10) for lag in (50, 100)])
    assert figure.axes[0].get_ylabel().endswith("(none has ended yet)")


def test_steps_are_the_estimate_with_a_bar_where_a_run_was_no_longer_watched(tmp_path):
    times = Times([200, 400, 400], [300, BUDGET])
    figure = steps_to_solve("t", {100: {"gru": times, "rnn": Times([], [BUDGET] * 3)}, 200: {"gru": Times([500] * 4)}})
    first, second = figure.axes[:2]
    survival = kaplan_meier(times)
    curve = next(line for line in first.lines if line.get_label() == "gru")
    np.testing.assert_allclose(curve.get_ydata()[:-1], 1 - survival.share)
    bars = [line for line in first.lines if line.get_marker() == "|"]
    assert [list(line.get_xdata()) for line in bars] == [[300, BUDGET], [BUDGET]]
    np.testing.assert_allclose(bars[0].get_ydata(), [0.2, 1 - survival.share[-1]])
    assert not [line for line in second.lines if line.get_marker() == "|"]
    assert [ax.get_title() for ax in (first, second)] == ["lag 100", "lag 200"]
    style.save(figure, tmp_path / "steps")


def test_a_cell_keeps_its_look_where_another_is_missing():
    figure = steps_to_solve("t", {100: {"rnn": Times([100]), "gru": Times([200])}, 200: {"gru": Times([300])}})
    looks = [next(line for line in ax.lines if line.get_label() == "gru") for ax in figure.axes[:2]]
    assert to_rgba(looks[0].get_color()) == to_rgba(looks[1].get_color()) == to_rgba(style.PALETTE[1])


def test_horizons_of_solved_and_unsolved_runs_before_and_after(tmp_path):
    first = {"grad_first_over_last": -9.0, "horizon": 5}
    rows = [
        (run(100, seed=0, solved_at=300, length=100), first),  # reaches all of the sequence
        (run(100, seed=1, length=100, horizon=7), first),
        (run(100, seed=2, length=100, status="diverged", grad_first_over_last_end=None), first),  # no gradient after it
        (run(100, seed=3, length=100, horizon=3), None),  # no evaluation stored
    ]
    figure = horizon_by_lag("t", {"gru": rows})
    points = {
        (line.get_marker(), line.get_markerfacecolor() == "white"): sorted(line.get_ydata())
        for line in figure.axes[0].lines
        if line.get_marker() in ("s", "o", "^") and len(line.get_ydata())
    }
    assert points == {("s", False): [5], ("s", True): [5, 5], ("o", True): [3, 7], ("^", False): [99]}
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == [
        "before training, solved",
        "before training, not solved",
    ]
    style.save(figure, tmp_path / "horizon")
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [tick for tick in ticks if tick in ("5", "10", "20", "50", "100")] == ["5", "10", "20", "50", "100"]
    assert not any("10^" in tick for tick in ticks)


@pytest.mark.parametrize(("lines", "columns"), [(1, 1), (4, 4), (5, 3), (6, 3), (7, 4), (9, 3)])
def test_rows_of_panels_are_filled_evenly(lines, columns):
    _, panels = style.panels(lines)
    assert style.first_of_row(panels) == panels[::columns]
    assert style.last_of_row(panels)[-1] == panels[-1]
