"""Of every cell at every lag: how many solved it, how soon; and the lag at which that falls to half."""

import numpy as np

from ..stats import Tried, half_success
from ..store import Row
from .grouping import Sweep, SweepLine

WHO = ("task", "protocol", "cell", "init", "hidden", "lr")
"""The columns that say whose numbers a row holds."""
COUNTS = ("n", "solved", "solved_low", "solved_high", "diverged", "failed", "unfinished")
STEPS = ("steps_to_solve", "steps_to_solve_low", "steps_to_solve_high", "censored_at")
SEED = 0
"""Of the bootstrap's draws, so that the same rows give the same table."""


def outcomes(sweep: Sweep) -> list[Row]:
    """A row for every line and lag, as :meth:`rnngrad.summary.Line.summary` has it.

    ``n`` counts the runs that ended, diverged and failed ones among them; unfinished ones are apart. Steps to solve are
    the Kaplan-Meier median with its 95 % interval, null where it is not to be had.
    """
    found = []
    for line in sweep.lines:
        for lag, runs in line.at.items():
            summary = runs.summary()
            found.append({**_who(line), "lag": lag, **{name: summary[name] for name in (*COUNTS, *STEPS)}})
    return found


def halves(sweep: Sweep, rows: list[Row]) -> list[Row]:
    """A row for every line: the lag at which success falls to half, see :class:`rnngrad.stats.HalfSuccess`.

    rows: those of :func:`outcomes`. ``half`` is null where there is no estimate, and an end where these runs set none;
    ``fitted`` says if the ends are an interval or a bracket. Lines without a run that ended are left out.
    """
    found = []
    for line in sweep.lines:
        own = [row for row in rows if row["label"] == line.label and row["n"]]
        if not own:
            continue
        half = half_success([Tried(r["lag"], r["solved"], r["n"]) for r in own], np.random.default_rng(SEED))
        intercept, slope = half.curve or (None, None)
        lags = [row["lag"] for row in own]
        counts = {"lags": lags, "n": sum(row["n"] for row in own)}
        ends = {"half": half.lag, "half_low": half.low, "half_high": half.high, "fitted": half.curve is not None}
        found.append({**_who(line), **counts, **ends, "intercept": intercept, "slope": slope})
    return found


def _who(line: SweepLine) -> Row:
    return {"label": line.label, **{name: line.first[name] for name in WHO}}
