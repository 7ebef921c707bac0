"""The table of results as text."""

from collections.abc import Sequence

from ..store import Row
from ..summary import count
from .modern import footnote
from .verdict import NOT_RUN

HEADINGS = (
    *("experiment", "reading", "published", "mean [95 %]", "ratio", "median (range)", "solved", "published solved"),
    *("verdict", "wrong in test", "published wrong", "test error", "published error", "ns per step", "wall time"),
)
LARGE = 1e9
"""From here on, the end of an interval says nothing."""


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """Headings, then a line for each row."""
    return [list(HEADINGS), *(_line(row) for row in rows)]


def caption(rows: Sequence[Row]) -> str:
    """How the columns are to be read."""
    return (
        "Training sequences until the paper's criterion is met: mean, with the 95 % interval of a log-normal's mean, "
        "and range of the trials that met it; the median counts all, by Kaplan and Meier. Reproduced: the published "
        "mean lies inside the 95 % prediction interval for a mean of the paper's number of solved trials, and Fisher's "
        "exact test finds no difference between the numbers of solved trials; partial: fewer trials than the paper's, "
        "no verdict. Unsolved after: how far the trials are, at most, that are not at their end. "
        "Wrong in test: of the test sequences after training, mean over trials. Test error: mean absolute "
        "error, then mean squared error. Wall time: of all trials, added up."
    ) + (" " + footnote(rows)).rstrip()


def sentences(rows: Sequence[Row]) -> list[str]:
    """How many rows came out how, and what is still to be run."""
    verdicts = [row["verdict"] for row in rows]
    said = ", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts))
    whole = {(row["experiment"], row["setting"], row["reading"]): row for row in rows}.values()  # at the last milestone
    unsolved = sum(row["trials"] - row["solved"] for row in whole)
    missing = sum(row.get("unfinished", 0) for row in whole)
    readings = len({row["reading"] for row in rows})
    return [
        f"Verdicts: {said}.",
        *([f"{readings} readings were tried."] * (readings > 1)),
        *([f"{unsolved} trials ended without meeting the criterion, and count as unsolved."] * (unsolved > 1)),
        *(["One trial ended without meeting the criterion, and counts as unsolved."] * (unsolved == 1)),
        *([f"{missing} trials have begun and are not at their end; the same command goes on."] * (missing > 1)),
        *(["One trial has begun and is not at its end; the same command goes on."] * (missing == 1)),
    ]


def duration(seconds: float) -> str:
    """A time in words: seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:,.0f} h"


def measured(row: Row) -> str:
    """The mean of the trials that met the criterion, with its interval."""
    if row["mean"] is None:
        return "–"
    interval = "" if row["low"] is None else f" [{_end(row['low'])}, {_end(row['high'])}]"
    return f"{row['mean']:,.0f}{interval}"


def _line(row: Row) -> list[str]:
    name = f"{row['experiment']} {row['setting']}" + (f", {row['milestone']}" if row["milestone"] != "solved" else "")
    published = "–" if row["published"] is None else f"{row['published_bound']}{row['published']:,.0f}"
    solved = f"{row['published_solved']}/{row['published_trials']}" if row["in_paper"] else "–"
    reading = row["reading"] if row["in_paper"] else "–"
    if row["verdict"] == NOT_RUN:
        estimate = row.get("estimated_seconds")
        cost = "–" if estimate is None else f"about {duration(estimate)}"
        return [name, reading, published, "–", "–", "–", "0/0", solved, NOT_RUN, "–", "–", "–", "–", "–", cost]
    return [
        *(name, reading, published, measured(row)),
        "–" if row["ratio"] is None else f"{row['ratio']:.2f}",
        _median(row),
        _solved(row),
        solved,
        row["verdict"] + (" (against the text)" if row["contradicts"] else ""),
        _number(row["test_wrong"], ".1f"),
        _number(row["published_wrong"], ".3g"),
        _errors(row),
        row["published_error_bound"] + _number(row["published_error"], ".3g"),
        _number(row["ns_per_step"], ",.0f"),
        duration(row["seconds"]),
    ]


def _end(value: float) -> str:
    """Of an interval; that of a few trials may end anywhere."""
    return f"{value:,.0f}" if value < LARGE else "–"


def _solved(row: Row) -> str:
    """Of the trials that came to their end; beside them those that are under way."""
    so_far = f", {row['unfinished']} unsolved after {row['unfinished_after']:,}" if row["unfinished_after"] else ""
    return f"{row['solved']}/{row['trials']}{so_far}"


def _median(row: Row) -> str:
    if not row["trials"]:
        return "–"
    text = count(row["median"], row["cap"])
    return text if row["minimum"] is None else f"{text} ({row['minimum']:,} – {row['maximum']:,})"


def _errors(row: Row) -> str:
    if row["test_error"] is None:
        return "–"
    return f"{row['test_error']:.3g}, {row['test_squared_error']:.2g}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
