"""Several readings side by side, and which statistic a printed error is: on trials made by hand."""

import pytest
from test_rerun_verdicts import run

from rnngrad.figures import reading_ratios
from rnngrad.report import Readings, rerunning
from rnngrad.report.reruns import drawn
from rnngrad.reruns import error_statistics, matrix, matrix_lines, matrix_sentences, reruns, statistics_in_words
from rnngrad.reruns.error_statistic import STATISTICS

SEVERAL = [
    *(run(k, (100, 390 + 10 * k)) for k in range(4)),
    *(run(k, (), reading="a+b", contradicts=True) for k in range(3)),
    *(run(k, (100, 800 + k), reading="b") for k in range(2)),
    *(run(k, (100, 300), options={"cap": 9}) for k in range(2)),
    run(0, (), "interrupted", reading="c"),
]


def test_the_matrix_has_what_was_tried_of_settings_that_were_read_in_several_ways():
    found = matrix(reruns(SEVERAL))
    assert (found.settings, found.readings) == (["9 T10"], ["text", "b", "a+b"])
    assert found.cells["9 T10", "text"]["ratio"] == pytest.approx(405 / 400)
    text, b, joined = matrix_lines(found)[1:]
    assert text[0] == "text"
    assert text[1].startswith("4/4; 405 [")
    assert b[1].endswith("× 2.00; cap 1,000")
    assert joined == ["a+b", "0/3†; cap 1,000"]
    assert matrix_sentences(found) == [
        "2 readings beside the text's tried, of 1 setting.",
        "9 T10: 2 readings tried beside the text's, most often solved under text (4/4), b (2/2).",
        "b: why b.",
        "a+b: why a+b.",
    ]


def test_trials_of_another_version_of_a_card_are_no_ones_cell():
    changed = [run(k, (100, 200), training={"cap": 500}) for k in range(4)]
    found = matrix(reruns([*SEVERAL, *changed, run(0, (1, 2), reading="b", training={"cap": 500})]))
    assert found.settings == ["9 T10", "9 T10′"]
    assert (found.cells["9 T10", "text"]["cap"], found.cells["9 T10′", "text"]["cap"]) == (1000, 500)


def test_one_reading_is_no_matrix():
    assert matrix(reruns(SEVERAL[:4])) is None
    assert matrix(reruns([*SEVERAL[:4], SEVERAL[-1]])) is None
    assert not any(isinstance(own, Readings) for own in rerunning(SEVERAL[:4]))
    assert isinstance(rerunning(SEVERAL)[0], Readings)


def test_the_longer_side_goes_down_the_page():
    others = [run(k, (100, 300), setting=f"T{n}", reading=r) for k in range(2) for n in range(3) for r in ("text", "b")]
    lines = matrix_lines(matrix(reruns(others)))
    assert lines[0] == ["setting", "text", "b"]
    assert [line[0] for line in lines[1:]] == ["9 T0", "9 T1", "9 T2"]


def test_the_figure_has_a_line_for_each_reading_of_a_setting():
    found = matrix(reruns(SEVERAL))
    own = {reading: found.cells["9 T10", reading] for reading in found.readings}
    (ax, _) = reading_ratios("title", {"9 T10": own, "9 T20": {"text": own["text"]}}).axes
    assert ax.get_title() == "9 T10"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["text", "b", "a + b"]
    points = {line.get_ydata()[0]: line for line in ax.lines if line.get_marker() == "o"}
    assert {at: line.get_xdata()[0] for at, line in points.items()} == {
        place: pytest.approx(own[reading]["ratio"]) for place, reading in ((0, "text"), (1, "b"))
    }
    bars = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"]
    assert bars[0] == pytest.approx((own["text"]["low"] / 400, own["text"]["high"] / 400))
    assert [text.get_text() for text in ax.texts] == ["4/4", "2/2", "0/3", "none by 1,000"]


def test_readings_against_the_text_are_hollow_and_settings_share_two_columns():
    against = {"solved": 2, "trials": 2, "ratio": 2.0, "mean": 8.0, "low": None, "high": None, "cap": 9}
    rows = {"text": {**against, "contradicts": False}, "a": {**against, "contradicts": True}}
    figure = reading_ratios(
        "title", {"T1": {**rows, **{f"r{k}": rows["a"] for k in range(20)}}, "T2": rows, "T3": rows}
    )
    faces = [line.get_markerfacecolor() for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert faces[0] != "white"
    assert faces[1] == "white"
    lefts = {ax.get_title(): round(ax.get_position().x0, 3) for ax in figure.axes}
    assert lefts["T1"] < lefts["T2"] == lefts["T3"]


def printed(value, errors):
    """Trials with these mean absolute errors at ST2, of which the squares are four times what they would be alone."""
    known = {"metric": "test_error", "milestone": "ST2", "value": value, "bound": "", "setting": "T10"}
    known |= {"printed_as": "mean squared error", "source": "Table 8"}
    runs = [run(k, (100, 300 + k), published=[known]) for k in range(len(errors))]
    for own, error in zip(runs, errors, strict=True):
        own["scores"]["tests"]["ST2"] = {"wrong": 1, "mean_absolute": error, "mean_squared": 4 * error**2}
    return reruns(runs)


@pytest.mark.parametrize(
    ("value", "statistic"),
    [(0.02, "mean absolute error"), (0.04, "root mean squared error"), (0.0016, "mean squared error")],
)
def test_the_statistic_that_is_nearest_on_the_log_scale_is_named(value, statistic):
    settings = printed(value, [0.018, 0.02, 0.0222])
    rows = {row["statistic"]: row for row in error_statistics(settings[0])}
    assert list(rows) == list(STATISTICS)
    best = rows[statistic]
    assert best["ratio"] == pytest.approx(1, abs=0.01)
    assert (best["nearest"], best["trials"]) == (3, 3)
    assert best["low"] < 1 < best["high"]
    (said,) = statistics_in_words(settings)
    assert said.startswith(f"T10, ST2: Table 8 prints {value:g} as mean squared error.")
    assert said.endswith(f"the {statistic} is nearest, in 3 of 3 trials.")


def test_nothing_is_said_without_a_trial_that_was_tested_or_a_printed_statistic():
    (single,) = statistics_in_words(printed(0.02, [0.02]))
    assert "geometric mean of 1 trial: mean absolute error 1, root mean squared error 2, mean" in single
    card = printed(0.02, [0.02])[0].card
    assert statistics_in_words(reruns([run(0, (), published=card["published"])])) == []
    assert statistics_in_words(reruns(SEVERAL)) == []


def test_figures_show_the_texts_reading_and_those_that_solved_most():
    others = [run(k, (100, 300 + n) if k < n else (), reading=f"r{n}") for n in range(4) for k in range(3)]
    settings = reruns([*others, run(0, ())])
    assert [own.reading for own in drawn(settings)] == ["r2", "r3", "text"]
    assert drawn(settings[:3]) == settings[:3]
    (_, experiment) = rerunning([*others, run(0, ())])
    assert any("figures show 3 readings" in sentence for sentence in experiment.sentences)
