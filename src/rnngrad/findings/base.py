"""What every experiment's finding has: rows, a table, sentences."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..measurement import Measurement

Row = dict[str, Any]
Settings = Mapping[str, Any]


class Finding(Protocol):
    """From the numbers of an experiment to what is printed and drawn; a module of this folder. No torch."""

    def title(self, settings: Settings) -> str:
        """One line."""

    def rows(self, settings: Settings, numbers: Sequence[Measurement]) -> list[Row]:
        """Summaries over seeds, ready for JSON, beside what is published or exact. ``event`` says what a row is."""

    def printed(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that are printed as JSON: all, but for those that only the figure needs."""

    def table(self, rows: Sequence[Row]) -> list[list[str]]:
        """Headings, then lines of text."""

    def sentences(self, rows: Sequence[Row]) -> list[str]:
        """The outcome in words."""


def interval(values: Sequence[float]) -> dict[str, float]:
    """Median and 2.5 and 97.5 % quantiles over seeds, interpolated between them."""
    low, median, high = np.quantile(np.asarray(values), [0.025, 0.5, 0.975])
    return {"median": float(median), "low": float(low), "high": float(high)}


def percentile(values: Sequence[float], value: float) -> float:
    """At which percentile of the values a number lies: the share below it, ties counted by half, in percent."""
    own = np.asarray(values)
    return float(100 * np.mean((own < value) + 0.5 * (own == value)))


def short(value: float | None) -> str:
    """Three digits; a dash for nothing."""
    return "–" if value is None else f"{value:.3g}"


def ranged(row: Row) -> str:
    """Median and band."""
    return f"{short(row['median'])} [{short(row['low'])}, {short(row['high'])}]"
