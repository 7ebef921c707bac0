"""Tests between cells, lag by lag, corrected for how many there are."""

from itertools import combinations

from ..stats import Difference, LogRank, McNemar, holm, log_rank, mcnemar, median_difference
from ..store import Row
from ..summary import Line, ended
from .grouping import Sweep

TESTS = ("log_rank", "mcnemar")


def between(sweep: Sweep) -> list[Row]:
    """A row for every lag and every two cells that ran at it, each at its only rate.

    A cell with several rates is in no test: to pick the best of them on the seeds of the test would make the outcome
    look surer than it is. ``log_rank_p`` compares steps to solve of all runs; ``mcnemar_p`` who solved it on the
    ``pairs`` of common seeds on which both ended; null where there is nothing to test. ``…_holm`` are the same,
    adjusted for all tests of the rows. ``difference`` is the median of first minus second in steps over the
    ``both_solved``.
    """
    several = sweep.several_rates
    lines = [line for line in sweep.lines if line.cell not in several]
    rows = []
    for lag in sweep.lags:
        for first, second in combinations([line for line in lines if lag in line.at], 2):
            rows.append(
                {"lag": lag, "first": first.label, "second": second.label, **_pair(first.at[lag], second.at[lag])}
            )
    _correct(rows)
    return rows


def _pair(first: Line, second: Line) -> Row:
    times = log_rank(first.times, second.times)
    success = mcnemar(_solved(first), _solved(second))
    steps = median_difference(_steps(first), _steps(second))
    return {"n_first": len(first.runs), "n_second": len(second.runs), **_tested(times, success), **_differ(steps)}


def _solved(line: Line) -> dict[int, bool]:
    return {run["seed"]: bool(run["solved"]) for run in line.runs if ended(run)}


def _steps(line: Line) -> dict[int, float]:
    return {run["seed"]: run["steps_to_solve"] for run in line.runs if run["solved"]}


def _tested(times: LogRank | None, success: McNemar) -> Row:
    return {
        "log_rank_chi2": times.chi2 if times else None,
        "log_rank_p": times.p if times else None,
        "pairs": success.pairs,
        "only_first": success.only_first,
        "only_second": success.only_second,
        "mcnemar_p": success.p,
    }


def _differ(steps: Difference) -> Row:
    ends = {"difference": steps.median, "difference_low": steps.low, "difference_high": steps.high}
    return {"both_solved": steps.pairs, **ends}


def _correct(rows: list[Row]) -> None:
    """Holm's correction over every test that could be made."""
    made = [(row, test) for row in rows for test in TESTS if row[f"{test}_p"] is not None]
    adjusted = iter(holm([row[f"{test}_p"] for row, test in made]))
    for row in rows:
        for test in TESTS:
            row[f"{test}_holm"] = None if row[f"{test}_p"] is None else next(adjusted)
