"""Runs at several lags: what counts as a trial, what is tested, and what is said of it."""

import json

import pytest
from sweep_rows import BUDGET, run, runs

from rnngrad.report import Swept
from rnngrad.stats import mcnemar
from rnngrad.summary import comparisons
from rnngrad.sweeps import (
    between,
    between_lines,
    caption,
    half_lines,
    halves,
    outcome_lines,
    outcomes,
    sentences,
    sweeps,
)


def sweep(rows):
    (found,) = sweeps(comparisons(rows))
    return found


def two_cells():
    """gru solves all at 100 and 200 and some at 400, rnn nothing but some at 100."""
    gru = [*runs(200, "gru", range(300, 800, 50)), *runs(100, "gru", range(200, 700, 50))]
    gru += runs(400, "gru", [900, 1200, 1500, *[None] * 7])
    rnn = [*runs(100, "rnn", [2000, 2500, *[None] * 8]), *runs(200, "rnn", [None] * 10), *runs(400, "rnn", [None] * 10)]
    return gru + rnn


def test_lags_are_joined_and_other_conditions_are_not():
    other = run(cell="gru", lag=100, card={**run()["card"], "stop": {"value": 1}})
    first, second = sweeps(comparisons([*two_cells(), other]))
    assert first.lags == [100, 200, 400]
    assert [line.label for line in first.lines] == ["gru", "rnn"]
    assert [list(line.at) for line in first.lines] == [[100, 200, 400]] * 2
    assert first.title == "Adding, lags 100 – 400 (arjovsky)"
    assert first.name != second.name
    assert second.lags == [100]


def test_unfinished_runs_are_no_trials_and_diverged_and_failed_ones_are():
    rows = [
        run(seed=0, solved_at=200),
        run(seed=1),
        run(seed=2, status="diverged", steps=50),
        run(seed=3, status="failed"),
    ]
    rows += [run(seed=4, status="interrupted", steps=700), run(seed=5, status="running", steps=0)]
    rows += [run(seed=6, status="running", solved_at=100)]
    (row,) = outcomes(sweep(rows))
    assert [row[name] for name in ("n", "solved", "diverged", "failed", "unfinished")] == [4, 1, 1, 1, 3]
    (line,) = sweep(rows).lines
    assert line.at[100].times.events == [200, 100]
    assert sorted(line.at[100].times.censored) == [0, 700, BUDGET, BUDGET, BUDGET]
    assert outcome_lines([row])[0][3:6] == ["diverged", "failed", "unfinished"]
    assert outcome_lines([row])[1][2:6] == ["1/4 [0.05, 0.70]", "1", "1", "3"]
    assert "Unfinished" in caption([row])
    assert "Diverged and failed" in caption([row])


def test_a_diverged_run_would_not_have_solved_it_later():
    """Were it censored where it diverged, two of three would have solved it, and the median were 300."""
    rows = [
        run(seed=0, solved_at=100),
        run(seed=1, solved_at=300),
        run(seed=2),
        run(seed=3, status="diverged", steps=50),
    ]
    (row,) = outcomes(sweep(rows))
    assert (row["steps_to_solve"], row["censored_at"]) == (None, BUDGET)


def test_an_unfinished_run_counts_for_as_long_as_it_ran():
    """Cut off after all others had solved it, it leaves the median of their steps."""
    rows = [*runs(100, "gru", range(100, 1000, 100)), run(seed=9, status="interrupted", steps=950)]
    (row,) = outcomes(sweep(rows))
    assert (row["n"], row["solved"], row["steps_to_solve"]) == (9, 9, 550)


def test_half_success_of_each_line():
    rows = halves(sweep(two_cells()), outcomes(sweep(two_cells())))
    gru, rnn = rows
    assert (gru["label"], gru["n"], gru["lags"]) == ("gru", 30, [100, 200, 400])
    assert (gru["half"], gru["half_low"], gru["half_high"], gru["fitted"]) == (None, 200, None, False)
    assert (rnn["half"], rnn["half_low"], rnn["half_high"]) == (None, None, 200)
    assert [line[3:] for line in half_lines(rows)[1:]] == [["> 200", "–"], ["< 200", "–"]]
    assert [s.split(" (")[0] for s in sentences(rows, [])] == [
        "gru: success does not fall to half up to lag 200",
        "rnn: success is under a half from lag 200 on, if not before",
    ]


def test_a_fitted_half_is_printed_with_its_interval():
    rates = {50: 9, 100: 7, 200: 4, 400: 1}
    rows = [row for lag, n in rates.items() for row in runs(lag, "gru", [500] * n + [None] * (10 - n))]
    (row,) = halves(sweep(rows), outcomes(sweep(rows)))
    assert row["fitted"]
    assert 50 < row["half_low"] < row["half"] < row["half_high"] < 400
    (_, line) = half_lines([row])
    assert line[3:] == [f"{row['half']:,.0f}", f"{row['half_low']:,.0f} – {row['half_high']:,.0f}"]
    assert (
        sentences([row], [])[0]
        == f"gru: success falls to half at lag {line[3]}, 95 % interval {line[4]} (40 runs, 4 lags, 50 – 400)."
    )


def test_a_line_of_unfinished_runs_has_outcomes_and_no_half():
    rows = [run(status="running", steps=10), run(lag=200, status="running", steps=10)]
    found = outcomes(sweep(rows))
    assert [(row["n"], row["solved_low"], row["solved_high"], row["unfinished"]) for row in found] == [(0, 0, 1, 1)] * 2
    assert halves(sweep(rows), found) == []
    assert outcome_lines(found)[1][2] == "–"
    assert Swept(sweep(rows), found, [], []).sentences[0].startswith("No run has ended yet; ")


def test_every_two_cells_are_tested_at_every_lag_and_corrected_together():
    rows = between(sweep(two_cells()))
    assert [(row["lag"], row["first"], row["second"]) for row in rows] == [
        (lag, "gru", "rnn") for lag in (100, 200, 400)
    ]
    assert [row["pairs"] for row in rows] == [10] * 3
    assert [(row["only_first"], row["only_second"]) for row in rows] == [(8, 0), (10, 0), (3, 0)]
    assert rows[1]["mcnemar_p"] == pytest.approx(2 / 2**10)
    p = [row[f"{test}_p"] for row in rows for test in ("log_rank", "mcnemar")]
    smallest, largest = min(p), max(p)
    adjusted = [row[f"{test}_holm"] for row in rows for test in ("log_rank", "mcnemar")]
    assert adjusted[p.index(smallest)] == pytest.approx(6 * smallest)
    assert adjusted[p.index(largest)] == pytest.approx(max(largest, *adjusted))
    assert (rows[0]["both_solved"], rows[0]["difference"]) == (2, (200 - 2000 + 250 - 2500) / 2)
    held = sum(value < 0.05 for value in adjusted)
    assert f"{held} of 6 tests between cells are under 0.05 after Holm's correction for all of them." in sentences(
        [], rows
    )


def test_what_cannot_be_tested_is_not_counted():
    rows = between(sweep([*runs(100, "gru", [None] * 5), *runs(100, "rnn", [None] * 5)]))
    assert [rows[0][name] for name in ("log_rank_p", "log_rank_holm", "mcnemar_p", "mcnemar_holm")] == [None] * 4
    assert sentences([], rows) == []
    assert between_lines(rows)[1][4:] == ["–", "5", "0, 0", "–", "0", "–"]


def test_pairs_are_seeds_on_which_both_ended():
    gru = [*runs(100, "gru", [100, 200, 300]), run(cell="gru", seed=3, solved_at=400, status="running")]
    rnn = [run(cell="rnn", seed=seed) for seed in (1, 2, 3, 4)]
    (row,) = between(sweep(gru + rnn))
    assert (row["pairs"], row["only_first"], row["only_second"]) == (2, 2, 0)
    assert row["mcnemar_p"] == mcnemar({1: True, 2: True}, {1: False, 2: False}).p
    assert (row["n_first"], row["n_second"]) == (4, 4)


def test_rates_are_lines_of_their_own_and_in_no_test():
    rates = [row for lr in (0.01, 0.001) for row in runs(100, "gru", [100, 200], lr=lr)]
    found = sweep([*rates, *runs(100, "rnn", [None] * 2), *runs(100, "lstm", [300, None], init="chrono")])
    assert [line.label for line in found.lines] == ["gru lr=0.01", "gru lr=0.001", "rnn", "lstm:chrono"]
    rows = between(found)
    assert [(row["first"], row["second"]) for row in rows] == [("rnn", "lstm:chrono")]
    said = sentences(halves(found, outcomes(found)), rows)
    assert [s for s in said if "flattered" in s and s.startswith("gru:default ran at 2 rates.")]


def test_rows_are_json_and_tables_are_rectangular():
    found = sweep(two_cells())
    numbers = outcomes(found)
    for rows, lines in [
        (numbers, outcome_lines(numbers)),
        (halves(found, numbers), half_lines(halves(found, numbers))),
        (between(found), between_lines(between(found))),
    ]:
        assert json.loads(json.dumps(rows, allow_nan=False)) == rows
        assert len(lines) == 1 + len(rows)
        assert len({len(line) for line in lines}) == 1
