"""Which statistic a published error is: ours at the same criterion, computed in several ways, over the printed one."""

from collections.abc import Callable, Sequence
from math import exp, isnan, log, sqrt
from statistics import fmean

from ..stats import t_interval
from ..store import Row
from .rows import TEXT, Rerun

STATISTICS: dict[str, Callable[[Row], float]] = {
    "mean absolute error": lambda test: float(test["mean_absolute"]),
    "root mean squared error": lambda test: sqrt(test["mean_squared"]),
    "mean squared error": lambda test: float(test["mean_squared"]),
}
"""Of a test at a milestone."""


def error_statistics(rerun: Rerun) -> list[Row]:
    """For each error that the paper names the statistic of, and each statistic: ours over the printed number.

    ``ratio`` is the geometric mean over the trials that were tested at the milestone, ``low`` and ``high`` the 95 %
    interval of the mean of its logarithm, None for a single trial; ``nearest`` counts the trials of which this
    statistic is nearest to the printed number on the log scale.
    """
    return [row for known in rerun.card["published"] if known.get("printed_as") for row in _compared(rerun, known)]


def statistics_in_words(settings: Sequence[Rerun]) -> list[str]:
    """A sentence for each such error."""
    rows = [row for own in settings for row in error_statistics(own)]
    places = dict.fromkeys((row["setting"], row["reading"], row["milestone"]) for row in rows)
    names = ("setting", "reading", "milestone")
    return [_sentence([row for row in rows if tuple(row[name] for name in names) == place]) for place in places]


def _compared(rerun: Rerun, known: Row) -> list[Row]:
    milestone = known["milestone"]
    tests = [run["scores"].get("tests", {}).get(milestone) for run in rerun.runs]
    logs = {
        name: [log(of(test) / known["value"]) for test in tests if test is not None] for name, of in STATISTICS.items()
    }
    trials = list(zip(*logs.values(), strict=True))
    if not trials:
        return []
    winners = [min(zip(STATISTICS, own, strict=True), key=lambda one: abs(one[1]))[0] for own in trials]
    about = {"setting": rerun.card["setting"], "reading": rerun.reading, "milestone": milestone, "trials": len(trials)}
    about |= {"published": known["value"], "source": known["source"], "printed_as": known["printed_as"]}
    return [{**about, "statistic": name, "nearest": winners.count(name), **_summary(own)} for name, own in logs.items()]


def _summary(logs: Sequence[float]) -> Row:
    low, high = t_interval(logs)
    ends = {} if isnan(low) else {"low": exp(low), "high": exp(high)}
    return {"ratio": exp(fmean(logs)), "low": None, "high": None, **ends}


def _sentence(rows: Sequence[Row]) -> str:
    first, best = rows[0], min(rows, key=lambda row: abs(log(row["ratio"])))
    name = first["milestone"] + ("" if first["reading"] == TEXT else f", {first['reading']}")
    trials = f"{first['trials']} trial" + ("s" if first["trials"] > 1 else "")
    ratios = ", ".join(f"{row['statistic']} {_ratio(row)}" for row in rows)
    return (
        f"{first['setting']}, {name}: {first['source']} prints {first['published']:g} as {first['printed_as']}. "
        f"Ours over it, geometric mean of {trials}: {ratios}. On the log scale the {best['statistic']} is nearest, "
        f"in {best['nearest']} of {trials}."
    )


def _ratio(row: Row) -> str:
    interval = "" if row["low"] is None else f" [{row['low']:.2g}, {row['high']:.2g}]"
    return f"{row['ratio']:.2g}{interval}"
