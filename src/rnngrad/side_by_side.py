"""The rows of a comparison of depth and time, read: what its figure, tables and words are made of.

In the store a row is several numbers: their ``variant`` has the event and the labels, ``x`` the lag in a list.
"""

from collections.abc import Sequence
from math import inf, log, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .measurement import Measurement

Row = dict[str, Any]
Array = NDArray[np.float64]

ONE_PERCENT = log(0.01)
LEARNED = 0.9
"""Share of right answers from which on a net counts as having learned the bit; guessing gives one half."""
FEWEST = 3
"""Seeds below which a correlation says nothing."""


LABELS = {
    "theory": ("name",),
    "ceiling": ("name",),
    "flow": ("over", "net", "moment", "state"),
    "remedy": ("over", "pair", "net", "state"),
    "rate": ("width",),
    "training": ("net",),
}
"""What names a row, beside its seed, by its event."""
BETWEEN = " | "
WHOLE = ("width", "vacuous", "of")


def numbers_of(row: Row) -> list[Measurement]:
    """A row as numbers of the store."""
    labels = LABELS[row["event"]]
    variant, seed = BETWEEN.join([row["event"], *(str(row[name]) for name in labels)]), row.get("seed")
    found = []
    for name in [name for name in row if name not in ("event", "seed", *labels)]:
        lags = enumerate(row[name]) if isinstance(row[name], list) else [(None, row[name])]
        found += [Measurement(name, nan if own is None else own, seed, variant=variant, x=lag) for lag, own in lags]
    return found


def rows_of(numbers: Sequence[Measurement]) -> list[Row]:
    """The rows that the numbers were; None where the store has no number."""
    rows: dict[tuple[str, int | None], Row] = {}
    for n in numbers:
        row = rows.setdefault((n.variant, n.seed), _named(n))
        value = int(n.value) if n.quantity in WHOLE else n.value
        if n.x is None:
            row[n.quantity] = value
        else:
            row.setdefault(n.quantity, []).append(value)
    return list(rows.values())


def _named(n: Measurement) -> Row:
    """A row with nothing but its names."""
    event, *names = n.variant.split(BETWEEN)
    labels = zip(LABELS[event], names, strict=True)
    row: Row = {"event": event, **{label: int(own) if label in WHOLE else own for label, own in labels}}
    return row if n.seed is None else row | {"seed": n.seed}


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
    logs: Array = np.array(row["log_rms_per_sample"])
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
