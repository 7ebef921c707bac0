"""The rows of a sweep as lines of tables and as sentences."""

from collections.abc import Sequence

from ..store import Row
from ..summary import count, rate
from .between import TESTS

ALPHA = 0.05
APART = ("diverged", "failed", "unfinished")


def outcome_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Headings and one line for each of the rows of :func:`rnngrad.sweeps.outcomes`."""
    shown = [what for what in APART if any(row[what] for row in rows)]
    headings = ["cell", "lag", "solved [95 %]", *shown, "steps to solve, median [95 %]"]
    return [headings, *(_outcome(row, shown) for row in rows)]


def _outcome(row: Row, shown: Sequence[str]) -> list[str]:
    return [row["label"], f"{row['lag']:,}", rate(row), *(str(row[what]) for what in shown), _steps(row)]


def _steps(row: Row) -> str:
    low, high = row["steps_to_solve_low"], row["steps_to_solve_high"]
    interval = f" [{_number(low)}, {_number(high)}]" if (low, high) != (None, None) else ""
    return count(row["steps_to_solve"], row["censored_at"]) + interval


def half_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Headings and one line for each of the rows of :func:`rnngrad.sweeps.halves`."""
    headings = ["cell", "runs", "tried", "success falls to half at lag", "95 % interval"]
    return [headings, *([row["label"], str(row["n"]), _range(row["lags"]), *_half(row)] for row in rows)]


def _range(lags: Sequence[int]) -> str:
    return f"{len(lags)} lags, {lags[0]:,} – {lags[-1]:,}" if len(lags) > 1 else f"lag {lags[0]:,}"


def _half(row: Row) -> list[str]:
    """Estimate and interval; where there is no estimate, what is known of it, and no interval that would not be one."""
    low, high = row["half_low"], row["half_high"]
    if row["half"] is None:
        known = f"> {low:,.0f}" if low is not None else f"< {high:,.0f}" if high is not None else "–"
        return [f"{low:,.0f} – {high:,.0f}" if None not in (low, high) else known, "–"]
    below, above = f"under {row['lags'][0]:,}", f"over {row['lags'][-1]:,}"
    ends = below if low is None else f"{low:,.0f}", above if high is None else f"{high:,.0f}"
    return [f"{row['half']:,.0f}", f"{ends[0]} – {ends[1]}"]


def between_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Headings and one line for each of the rows of :func:`rnngrad.sweeps.between`."""
    headings = ["lag", "first", "second", "runs", "log-rank p (corrected)", "pairs", "solved by one alone"]
    headings += ["McNemar p (corrected)", "solved by both", "steps, first less second, median [95 %]"]
    return [headings, *map(_between, rows)]


def _between(row: Row) -> list[str]:
    return [
        *(f"{row['lag']:,}", row["first"], row["second"], f"{row['n_first']}, {row['n_second']}", _p(row, "log_rank")),
        *(str(row["pairs"]), f"{row['only_first']}, {row['only_second']}", _p(row, "mcnemar")),
        *(str(row["both_solved"]), _difference(row)),
    ]


def _difference(row: Row) -> str:
    low, high = row["difference_low"], row["difference_high"]
    interval = f" [{_number(low)}, {_number(high)}]" if (low, high) != (None, None) else ""
    return _number(row["difference"]) + interval


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _p(row: Row, test: str) -> str:
    p, adjusted = row[f"{test}_p"], row[f"{test}_holm"]
    return "–" if p is None else f"{_chance(p)} ({_chance(adjusted)})"


def _chance(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-4 else "< 0.0001"


def caption(outcomes: Sequence[Row]) -> str:
    """What the numbers are."""
    text = "Solved: of the runs that ended, with Wilson's interval. Steps to solve: Kaplan and Meier's median; "
    text += "a run that did not solve it within its budget needs more than that. – : these runs set no bound."
    if any(row["diverged"] or row["failed"] for row in outcomes):
        text += " Diverged and failed runs count as not solved."
    if any(row["unfinished"] for row in outcomes):
        text += " Unfinished runs are no part of the rate, and in the median for as long as they ran."
    return text


def sentences(halves: Sequence[Row], between: Sequence[Row]) -> list[str]:
    """Up to which lag each cell gets, how many tests between them hold, and what to make of several rates."""
    said = [f"{row['label']}: {_said(row)} ({row['n']} runs, {_range(row['lags'])})." for row in halves]
    p = [row[f"{test}_holm"] for row in between for test in TESTS if row[f"{test}_holm"] is not None]
    if p:
        held = sum(value < ALPHA for value in p)
        said.append(
            f"{held} of {len(p)} tests between cells are under {ALPHA:g} after Holm's correction for all of them."
        )
    cells = [(row["cell"], row["init"], row["hidden"]) for row in halves]
    for cell in dict.fromkeys(cell for cell in cells if cells.count(cell) > 1):
        said.append(
            f"{cell[0]}:{cell[1]} ran at {cells.count(cell)} rates. The best of them on these seeds is flattered by "
            "having been picked on them, so none is tested against other cells: pick on other seeds."
        )
    return said


def _said(row: Row) -> str:
    low, high = row["half_low"], row["half_high"]
    if row["half"] is not None:
        lag, interval = _half(row)
        return f"success falls to half at lag {lag}, 95 % interval {interval}"
    if None not in (low, high):
        return f"success falls to half between lag {low:,.0f}, which all runs solved, and {high:,.0f}, which none did"
    if low is not None:
        return f"success does not fall to half up to lag {low:,.0f}"
    if high is not None:
        return f"success is under a half from lag {high:,.0f} on, if not before"
    return "these runs do not tell at which lag success falls to half"
