"""What a table says of runs that did not end well, or not at all."""

from sweep_rows import BUDGET, run, runs

from rnngrad.summary import comparisons
from rnngrad.tables import markdown_table, sentences


def line_of(rows):
    (comparison,) = comparisons(rows)
    return comparison, comparison.lines[0].summary()


def test_unfinished_runs_are_counted_apart():
    rows = [
        *runs(100, "gru", [200, 400, None]),
        run(seed=7, status="interrupted", steps=50),
        run(seed=8, status="running"),
    ]
    comparison, summary = line_of(rows)
    assert (summary["n"], summary["solved"], summary["unfinished"]) == (3, 2, 2)
    assert sentences(comparison)[0].startswith("gru: 2 of 3 seeds solved it, beside 2 cut off before the end. ")
    assert "| 2/3 [0.21, 0.94], 2 unfinished |" in markdown_table(comparison)


def test_failed_and_diverged_runs_count_as_not_solved():
    rows = [*runs(100, "gru", [200]), run(seed=7, status="failed", steps=0), run(seed=8, status="diverged", steps=50)]
    comparison, summary = line_of(rows)
    assert (summary["n"], summary["solved"], summary["failed"], summary["diverged"]) == (3, 1, 1, 1)
    assert (summary["steps_to_solve"], summary["censored_at"]) == (None, BUDGET)
    assert sentences(comparison)[0].startswith("gru: 1 of 3 seeds solved it. ")
    assert "| 1/3 [0.06, 0.79], 1 diverged, 1 failed | > 3,000 (fastest 200) |" in markdown_table(comparison)


def test_a_failed_run_that_was_repeated_gives_way_to_one_that_ended_later():
    rows = [run(seed=0, status="failed", id=1), run(seed=0, solved_at=300, id=2)]
    assert line_of(rows)[1]["solved"] == 1


def test_only_unfinished_runs_say_nothing_about_the_rate():
    _, summary = line_of([run(status="running", steps=10)])
    assert (summary["n"], summary["solved_low"], summary["solved_high"]) == (0, 0, 1)
