"""The figure of running errors: what a trial's line says is what the trial did."""

import numpy as np

from rnngrad.figures import Course, trial_errors

SOLVED = Course([1000, 3000, 9000], [0.2, 0.1, 1e-4], True)
CAPPED = Course([1000, 5000], [0.2, 0.21], False)
GOING = Course([1000, 2000], [0.2, 0.2], None)


def marks(ax, marker):
    return [tuple(line.get_xydata()[-1]) for line in ax.lines if line.get_marker() == marker and len(line.get_xdata())]


def test_each_trial_is_a_line_and_ends_in_its_own_mark():
    figure = trial_errors("t", {"T100": {"trials": [SOLVED, CAPPED, GOING]}}, {"T100": [7000.0]})
    (ax,) = figure.axes
    courses = [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1]
    for line, own in zip(courses, (SOLVED, CAPPED, GOING), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), list(zip(own.sequences, own.errors, strict=True)))
    assert marks(ax, "o") == [(9000, 1e-4)]
    assert marks(ax, "x") == [(5000, 0.21)]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [7000.0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_readings_have_colours_and_the_legend_names_what_there_is():
    lines = {"text": [CAPPED], "no_derivative": [CAPPED, CAPPED]}
    figure = trial_errors("t", {"T100": lines, "T500": {"text": [GOING]}}, {})
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["text", "no_derivative", "ended unsolved"]
    colours = [
        {line.get_color() for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata())}
        for ax in figure.axes
    ]
    assert [len(own) for own in colours] == [2, 1]
    assert colours[1] < colours[0]
