"""What runs at several lags show, as files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from .. import sweeps
from ..figures import horizon_by_lag, steps_to_solve, success_by_lag
from ..figures.style import save
from ..store import Row, Store
from ..summary import Comparison
from ..tables import in_markdown


@dataclass(frozen=True)
class Part:
    """A table with its title, caption, and sentences."""

    title: str
    lines: list[list[str]]
    caption: str = ""
    sentences: Sequence[str] = ()

    @property
    def markdown(self) -> str:
        """All of it."""
        return in_markdown(self.title, self.lines, self.sentences, self.caption)


@dataclass(frozen=True)
class Swept:
    """A sweep with its numbers: by cell and lag, by cell, and by lag and pair of cells."""

    sweep: sweeps.Sweep
    outcomes: list[Row]
    halves: list[Row]
    between: list[Row]

    @property
    def name(self) -> str:
        """Unique in the store and fit for a file name."""
        return self.sweep.name

    @property
    def parts(self) -> list[Part]:
        """What is printed, in its order."""
        title = self.sweep.title
        parts = [
            Part(title, sweeps.outcome_lines(self.outcomes), sweeps.caption(self.outcomes)),
            Part(f"{title}: where success falls to half", sweeps.half_lines(self.halves), sentences=self.sentences),
        ]
        if self.between:
            parts.append(Part(f"{title}: between cells", sweeps.between_lines(self.between)))
        return parts

    @property
    def sentences(self) -> list[str]:
        """What the numbers come to."""
        none = [] if self.halves else ["No run has ended yet; the same command goes on with interrupted ones."]
        return none + sweeps.sentences(self.halves, self.between)

    @property
    def markdown(self) -> str:
        """All parts."""
        return "\n".join(part.markdown for part in self.parts)


def swept(comparisons: Sequence[Comparison]) -> list[Swept]:
    """The comparisons that have several lags, joined over them."""
    found = []
    for sweep in sweeps.sweeps(comparisons):
        if len(sweep.lags) > 1:
            outcomes = sweeps.outcomes(sweep)
            halves = sweeps.halves(sweep, outcomes)
            found.append(Swept(sweep, outcomes, halves, sweeps.between(sweep)))
    return found


def draw_swept(swept: Swept, store: Store, out: Path) -> list[Path]:
    """Writes a sweep's tables (Markdown) and figures (PNG and SVG) into ``out``; returns their paths."""
    table = out / f"{swept.name}.md"
    table.write_text(swept.markdown, encoding="utf-8")
    paths = [table]
    for ending, figure in _figures(swept, store).items():
        paths += save(figure, out / f"{swept.name}-{ending}")
    return paths


def _figures(swept: Swept, store: Store) -> dict[str, Figure]:
    sweep = swept.sweep
    times = {lag: {line.label: line.at[lag].times for line in sweep.lines if lag in line.at} for lag in sweep.lags}
    runs = {line.label: [run for at in line.at.values() for run in at.runs] for line in sweep.lines}
    first = {label: [(run, next(iter(store.history(run["id"])), None)) for run in own] for label, own in runs.items()}
    return {
        "success": success_by_lag(sweep.title, swept.outcomes, swept.halves),
        "steps": steps_to_solve(sweep.title, times),
        "horizon": horizon_by_lag(sweep.title, first),
    }
