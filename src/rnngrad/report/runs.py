"""What runs of one lag show, as files."""

from collections.abc import Sequence
from pathlib import Path

from ..figures import gradient_flow, learning_curves, training_measures
from ..figures.style import save
from ..problems import PROBLEMS
from ..store import Store
from ..summary import Comparison
from ..tables import markdown_table


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
