"""Tables and figures from stored rows, without training."""

from collections.abc import Sequence
from pathlib import Path

from .figures import gradient_flow, learning_curves
from .figures.style import save
from .problems import PROBLEMS
from .store import Store
from .summary import Comparison
from .tables import markdown_table


def draw(comparison: Comparison, store: Store, out: Path) -> list[Path]:
    """Writes a comparison's table (Markdown) and figures (PNG and SVG) into ``out``; returns their paths."""
    table = out / f"{comparison.name}.md"
    table.write_text(markdown_table(comparison), encoding="utf-8")
    return [table, *_draw_curves(comparison, store, out), *_draw_flow(comparison, store, out)]


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
