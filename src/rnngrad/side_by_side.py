"""The rows of a comparison of depth and time, read: what its figure, tables and words are made of."""

from collections.abc import Sequence
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]
Array = NDArray[np.float64]

ONE_PERCENT = log(0.01)
LEARNED = 0.9
"""Share of right answers from which on a net counts as having learned the bit; guessing gives one half."""
FEWEST = 3
"""Seeds below which a correlation says nothing."""


def setting_of(rows: Sequence[Row]) -> Row:
    """What was compared."""
    return next(row for row in rows if row["event"] == "setting")


def chosen(rows: Sequence[Row], **values: Any) -> list[Row]:
    """The rows with these values."""
    return [row for row in rows if all(row.get(name) == value for name, value in values.items())]


def theory(rows: Sequence[Row], name: str) -> float:
    """The log factor per step of a line of theory."""
    return float(chosen(rows, event="theory", name=name)[0]["log_factor"])


def relative(row: Row) -> Array:
    """Natural log of the gradient relative to lag 0, by lag; -inf for an exact 0."""
    logs: Array = np.array([-inf if value is None else value for value in row["log_rms_per_sample"]])
    return logs - logs[0] if np.isfinite(logs[0]) else logs


def horizon(row: Row) -> float:
    """The first lag under 1 % of lag 0; infinite if there is none."""
    under = relative(row) < ONE_PERCENT
    return float(under.argmax()) if under.any() else inf


def learners(rows: Sequence[Row], net: str) -> set[int]:
    """The seeds that learned the bit."""
    return {row["seed"] for row in chosen(rows, event="training", net=net) if row["right"] >= LEARNED}


def by_width(rows: Sequence[Row]) -> dict[int, dict[str, Array]]:
    """The columns of the rate rows of each width, over seeds; NaN where there was no rate."""
    names = ("tied", "redrawn", "log_jacobian_radius", "log_radius", "log_sigma_max")
    found = {}
    for width in dict.fromkeys(row["width"] for row in chosen(rows, event="rate")):
        own = chosen(rows, event="rate", width=width)
        found[width] = {n: np.array([np.nan if r[n] is None else r[n] for r in own], dtype=np.float64) for n in names}
    return found


def correlation(own: dict[str, Array]) -> float | None:
    """Of the tied rate with ln ρ of the mean step, over seeds; None for too few."""
    pair = np.stack([own["tied"], own["log_jacobian_radius"]])
    pair = pair[:, np.isfinite(pair).all(axis=0)]
    return float(np.asarray(np.corrcoef(pair))[0, 1]) if pair.shape[1] >= FEWEST else None
