"""Tables and figures from stored rows, without training."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from .figures import (
    depth_chain,
    depth_factors,
    depth_glorot,
    depth_nielsen,
    gradient_flow,
    learning_curves,
    remedies_gradient,
    remedies_growth,
    remedies_training,
    training_measures,
)
from .figures.style import save
from .findings import FINDINGS
from .findings.base import Row
from .problems import PROBLEMS
from .store import Store
from .summary import Comparison, newest_experiments
from .tables import in_markdown, markdown_table

FIGURES: dict[str, dict[str, Callable[[str, Sequence[Row]], Figure]]] = {
    "nielsen": {"": depth_nielsen},
    "glorot": {"": depth_glorot},
    "chain": {"": depth_chain},
    "factors": {"": depth_factors},
    "remedies": {"-gradient": remedies_gradient, "-training": remedies_training, "-growth": remedies_growth},
}
"""The figures of an experiment's title and rows, by its name, and by what is added to that of the file."""


@dataclass(frozen=True)
class Found:
    """What an experiment of the store, of some ``kind``, found; ``name`` is unique there and fit for a file name."""

    kind: str
    name: str
    title: str
    rows: list[Row]
    printed: list[Row]
    lines: list[list[str]]
    sentences: list[str]

    @property
    def markdown(self) -> str:
        """Table and sentences."""
        return in_markdown(self.title, self.lines, self.sentences)


def found(store: Store, only: int | None = None) -> Iterator[Found]:
    """What every experiment found, or that of one id; of a repeated experiment, the newest that was finished."""
    for name, experiment in newest_experiments(store.experiments()).items():
        if only not in (None, experiment["id"]):
            continue
        finding, settings = FINDINGS[experiment["name"]], experiment["settings"]
        rows = finding.rows(settings, store.measurements(experiment["id"]))
        texts = finding.title(settings), rows, finding.printed(rows), finding.table(rows), finding.sentences(rows)
        yield Found(experiment["name"], name, *texts)


def draw_found(found: Found, out: Path) -> list[Path]:
    """Writes an experiment's table (Markdown) and figures (PNG and SVG) into ``out``; returns their paths."""
    table = out / f"{found.name}.md"
    table.write_text(found.markdown, encoding="utf-8")
    paths = [table]
    for ending, figure in FIGURES[found.kind].items():
        paths += save(figure(found.title, found.rows), out / f"{found.name}{ending}")
    return paths


def draw(comparison: Comparison, store: Store, out: Path) -> list[Path]:
    """Writes a comparison's table (Markdown) and figures (PNG and SVG) into ``out``; returns their paths."""
    table = out / f"{comparison.name}.md"
    table.write_text(markdown_table(comparison), encoding="utf-8")
    drawn = (draw_one(comparison, store, out) for draw_one in (_draw_curves, _draw_flow, _draw_measures))
    return [table, *(path for paths in drawn for path in paths)]


def _draw_curves(comparison: Comparison, store: Store, out: Path) -> Sequence[Path]:
    lines = {
        line.label: [(run, store.history(run["id"]), store.gradients(run["id"])) for run in line.runs]
        for line in comparison.lines
    }
    loss_name = PROBLEMS[comparison.lines[0].runs[0]["problem"]].loss_name
    return save(learning_curves(comparison.title, lines, loss_name), out / f"{comparison.name}-learning")


def _draw_flow(comparison: Comparison, store: Store, out: Path) -> Sequence[Path]:
    lines = {}
    for line in comparison.lines:
        profiles = [store.flow(run["id"]) for run in line.runs]
        lines[line.label] = [ends for ends in profiles if ends is not None]
    return save(gradient_flow(comparison.title, lines), out / f"{comparison.name}-flow")


def _draw_measures(comparison: Comparison, store: Store, out: Path) -> Sequence[Path]:
    """Nothing where no run has any: they are from an older version."""
    lines = {}
    for line in comparison.lines:
        lines[line.label] = [rows for run in line.runs if (rows := store.measures(run["id"]))]
    if not any(lines.values()):
        return []
    return save(training_measures(comparison.title, lines), out / f"{comparison.name}-measures")
