"""What a table says of runs that did not end well, or not at all."""

from sweep_rows import BUDGET, run, runs

from rnngrad.summary import comparisons
from rnngrad.sweeps import sweeps
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
    assert sentences(comparison)[0].startswith("gru: 2 of 3 seeds solved it, beside 2 that have not ended. ")
    assert sentences(comparison)[0].endswith("and 10^-0.4 at the last evaluation so far.")
    assert "Unfinished runs are no part of the rate" in markdown_table(comparison)
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
    comparison, summary = line_of([run(status="running", steps=10), run(seed=1, status="interrupted", steps=20)])
    assert (summary["n"], summary["solved_low"], summary["solved_high"]) == (0, 0, 1)
    assert sentences(comparison)[0].startswith("gru: none of 2 seeds has ended yet; the same command goes on")
    assert "| –, 2 unfinished | > 20 |" in markdown_table(comparison)


def test_a_line_without_any_evaluation_has_no_gradient():
    nothing = {"status": "failed", "steps": 0, "grad_first_over_last_init": None, "grad_first_over_last_end": None}
    comparison, _ = line_of([run(**nothing), run(seed=1, **nothing)])
    assert sentences(comparison) == ["gru: 0 of 2 seeds solved it. No gradient was measured."]


def trained(seed, title="Adding", **settings):
    """A run whose card has these settings of training."""
    card = run()["card"]
    return run(seed=seed, card=card | {"task": {"title": title}, "training": card["training"] | settings})


def test_titles_name_what_differs_and_nothing_else():
    rows = [trained(0, batch=32), trained(1, batch=32, max_steps=5000), trained(2, batch=64), trained(3, "Other")]
    titles = [comparison.title for comparison in comparisons(rows)]
    assert titles == [
        "Adding, lag 100 (arjovsky), batch 32, budget 3,000",
        "Adding, lag 100 (arjovsky), batch 32, budget 5,000",
        "Adding, lag 100 (arjovsky), batch 64, budget 3,000",
        "Other, lag 100 (arjovsky)",
    ]
    assert [comparison.title for comparison in comparisons(rows, {rows[1]["id"]})] == titles[1:2]


def test_runs_of_another_budget_are_told_apart_at_another_lag_and_over_lags_too():
    card = trained(0, max_steps=5000)["card"]
    rows = [run(lag=50), run(lag=100), run(lag=100, card=card), run(lag=200, card=card)]
    assert [comparison.title.rpartition(", ")[-1] for comparison in comparisons(rows)] == [
        *["budget 3,000"] * 2,
        *["budget 5,000"] * 2,
    ]
    assert [sweep.title for sweep in sweeps(comparisons(rows))] == [
        "Adding, lags 50 – 100 (arjovsky), budget 3,000",
        "Adding, lags 100 – 200 (arjovsky), budget 5,000",
    ]
