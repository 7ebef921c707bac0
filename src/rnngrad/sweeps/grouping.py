"""Comparisons that differ in lag alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..store import Row
from ..summary import Comparison, Line, conditions, label, stem, unique


@dataclass(frozen=True)
class SweepLine:
    """The runs of one cell, init, width and rate; ``at`` has them by lag, shortest first."""

    label: str
    at: Mapping[int, Line]

    @property
    def first(self) -> Row:
        """One of its runs."""
        return next(iter(self.at.values())).runs[0]

    @property
    def cell(self) -> tuple[str, str, int]:
        """Cell, init and width: what it is, whatever its rate."""
        return self.first["cell"], self.first["init"], self.first["hidden"]


@dataclass(frozen=True)
class Sweep:
    """Runs that differ in lag, cell, init, width, rate and seed alone; ``name`` is unique and fit for a file name."""

    name: str
    title: str
    lines: list[SweepLine]

    @property
    def lags(self) -> list[int]:
        """All that were tried, shortest first."""
        return sorted({lag for line in self.lines for lag in line.at})

    @property
    def several_rates(self) -> set[tuple[str, str, int]]:
        """The cells that have a line for each of several rates."""
        cells = [line.cell for line in self.lines]
        return {cell for cell in cells if cells.count(cell) > 1}


def sweeps(comparisons: Sequence[Comparison]) -> list[Sweep]:
    """The comparisons of :func:`rnngrad.summary.comparisons`, joined over their lags; some may have one lag alone."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(conditions(comparison.lines[0].runs[0]), []).append(comparison)
    names = unique([(f"{stem(group[0].lines[0].runs[0])}-lags", same) for same, group in groups.items()])
    return [_joined(name, group) for name, group in zip(names, groups.values(), strict=True)]


def _joined(name: str, group: Sequence[Comparison]) -> Sweep:
    lines: dict[tuple[str, str, int, float], dict[int, Line]] = {}
    for line in [line for comparison in group for line in comparison.lines]:
        run = line.runs[0]
        lines.setdefault((run["cell"], run["init"], run["hidden"], run["lr"]), {})[run["lag"]] = line
    joined = [SweepLine(label(key, list(lines)), dict(sorted(at.items()))) for key, at in lines.items()]
    run = joined[0].first
    lags = sorted({lag for line in joined for lag in line.at})
    shown = f"lags {lags[0]:,} – {lags[-1]:,}" if len(lags) > 1 else f"lag {lags[0]:,}"
    return Sweep(name, f"{run['card']['task']['title']}, {shown} ({run['protocol']}){group[0].apart}", joined)
