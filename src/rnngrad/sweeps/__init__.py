"""Runs at several lags: how often each cell solves them, how soon, up to which lag, and which cells differ."""

from .between import between
from .grouping import Sweep, SweepLine, sweeps
from .outcomes import halves, outcomes
from .words import between_lines, caption, half_lines, outcome_lines, sentences

__all__ = [
    "Sweep",
    "SweepLine",
    "between",
    "between_lines",
    "caption",
    "half_lines",
    "halves",
    "outcome_lines",
    "outcomes",
    "sentences",
    "sweeps",
]
