"""Readings of a paper beside its settings: how often each was solved, and in how many sequences beside the paper's."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from . import style

Row = Mapping[str, Any]
CELL = (1.5, 0.62)
"""Width and height of a cell in inches."""
MARGINS = (1.9, 1.8)
"""Room for names at the left, and for title, names and legend above and below."""
BAR = 6.0
"""Height of the bar of colours in inches, at most."""
COLOURS = colormaps["cividis"]
NORM = Normalize(-1, 1)
"""Of the ratio's power of ten."""
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10)
STRIP = 0.14
"""Of a cell's height, at its lower edge: the share of trials that solved it."""
INK = 0.45
"""Luminance under which writing is white."""
NOT_TRIED = "0.88"
LETTERS = 18
"""Of a name above a column, in a line."""


def reading_matrix(
    title: str, down: Sequence[str], across: Sequence[str], cells: Mapping[tuple[str, str], Row]
) -> Figure:
    """A cell for each pair of a name down the page and one across it; a pair that ``cells`` lacks is grey.

    cells: ``solved``, ``trials``, ``mean``, ``low``, ``high``, ``ratio``, ``cap`` and ``contradicts``, as
    :mod:`rnngrad.reruns` has them. Colours go by the logarithm of the ratio and become lighter with it.
    """
    with style.style():
        size = (MARGINS[0] + CELL[0] * len(across) + 0.9, MARGINS[1] + CELL[1] * len(down))
        figure = Figure(figsize=size, layout="constrained")
        ax = figure.subplots()
        for line, name in enumerate(down):
            for column, other in enumerate(across):
                _cell(ax, column, line, cells.get((name, other)))
        _axes(ax, down, across)
        high = min(1.0, BAR / size[1])
        look: dict[str, Any] = {"extend": "both", "pad": 0.02, "aspect": 25, "shrink": high, "anchor": (0, 1)}
        bar = figure.colorbar(ScalarMappable(NORM, COLOURS), ax=ax, **look)
        bar.set_ticks([log10(tick) for tick in TICKS], labels=[f"{tick:g}" for tick in TICKS])
        bar.set_label("mean sequences, ours over the paper's")
        _legend(figure)
        style.entitle(figure, title)
    return figure


def _cell(ax: Axes, column: int, line: int, row: Row | None) -> None:
    look: dict[str, Any] = {"ec": "white", "lw": 1.5}
    if row is None:
        ax.add_patch(Rectangle((column, line), 1, 1, fc=NOT_TRIED, **look))
        return
    colour = COLOURS(NORM(log10(row["ratio"]))) if row["ratio"] else (1.0, 1.0, 1.0, 1.0)
    hatched = {} if row["solved"] else {"hatch": "////", "ec": "0.8", "lw": 0.8}
    ax.add_patch(Rectangle((column, line), 1, 1, fc=colour, **look | hatched))
    ink = "white" if style.luminance(colour) < INK else "black"
    patch = {} if row["solved"] else {"bbox": {"fc": "white", "ec": "none", "pad": 1}}
    middle = line + (1 - STRIP) / 2
    ax.text(
        column + 0.5, middle, _text(row), ha="center", va="center", fontsize=8, color=ink, linespacing=1.15, **patch
    )
    share, low = row["solved"] / row["trials"], line + 1 - STRIP
    ax.add_patch(Rectangle((column + 0.04, low), 0.92, STRIP * 0.6, fc="white", ec="black", lw=0.6))
    ax.add_patch(Rectangle((column + 0.04, low), 0.92 * share, STRIP * 0.6, fc="black", ec="black", lw=0.6))


def _text(row: Row) -> str:
    against = " †" if row["contradicts"] else ""
    head = f"{row['solved']}/{row['trials']}{against}"
    if row["mean"] is None:
        return f"{head}\nnone by {_short(row['cap'])}"
    ratio = "" if row["ratio"] is None else f"  × {row['ratio']:.2f}"
    interval = "" if row["low"] is None else f" [{_short(row['low'])}, {_short(row['high'])}]"
    return f"{head}{ratio}\n{_short(row['mean'])}{interval}\ncap {_short(row['cap'])}"


def _short(count: float) -> str:
    """A number of sequences in few letters."""
    for size, letter in ((1e9, ""), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}" if letter else f"$10^{{{log10(count):.0f}}}$"
    return f"{count:.0f}"


def _axes(ax: Axes, down: Sequence[str], across: Sequence[str]) -> None:
    ax.set_xlim(0, len(across))
    ax.set_ylim(len(down), 0)
    ax.xaxis.tick_top()
    ax.set_xticks([k + 0.5 for k in range(len(across))], [style.broken(name, LETTERS) for name in across])
    ax.set_yticks([k + 0.5 for k in range(len(down))], [style.plain(name.replace("+", " +\n")) for name in down])
    ax.tick_params(length=0, labelsize=9)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _legend(figure: Figure) -> None:
    patches = [
        Patch(fc="black", ec="black", label="bar: share of trials that solved it"),
        Patch(fc="white", ec="0.6", hatch="////", label="none solved it"),
        Patch(fc=NOT_TRIED, label="not tried"),
        Patch(fc="none", ec="none", label="†: contradicts the text"),
    ]
    columns = 4 if figure.get_figwidth() > 8 else 2
    figure.legend(handles=patches, loc="outside lower center", ncols=columns)
