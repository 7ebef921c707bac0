"""What all figures share: colours that the colour-blind can tell apart, sizes, and how they are saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PALETTE: list[tuple[float, float, float]] = sns.color_palette("colorblind")
BEFORE, AFTER, SOLVED = PALETTE[7], PALETTE[0], PALETTE[2]
RC: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "rnngrad",
}
PANEL = (3.1, 2.9)
"""Width and height of one panel in inches."""


@contextmanager
def style() -> Iterator[None]:
    """The theme, for the figures made inside and nothing else."""
    with mpl.rc_context(), sns.axes_style("ticks"):
        mpl.rcParams.update(RC)
        yield


def panels(rows: int, columns: int, sharey: Literal["row", "none"]) -> tuple[Figure, list[list[Axes]]]:
    """A grid of panels without pyplot, so that no window and no global figure exist."""
    figure = Figure(figsize=(PANEL[0] * columns + 0.6, PANEL[1] * rows + 0.9), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex="all", sharey=sharey)
    return figure, [list(row) for row in grid]


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes stem.png and stem.svg; returns their paths."""
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "svg")]
    with style():  # the format of an SVG's text and ids is read when it is written
        figure.savefig(paths[0])
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
