"""What all figures share: colours that the colour-blind can tell apart, sizes, and how they are saved."""

import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

PALETTE: list[tuple[float, float, float]] = sns.color_palette("colorblind")
BEFORE, AFTER = PALETTE[7], PALETTE[0]
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
Floats = np.ndarray[Any, np.dtype[Any]]
PANEL = (3.1, 2.9)
"""Width and height of one panel in inches."""
LETTER = 0.115
"""Width of a letter of a figure's title, in inches."""
COLUMNS = 4
"""Panels side by side, at most."""
MARKERS = "osD^vPX"
DASHES: list[Any] = ["-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)), (0, (4, 1, 1, 1, 1, 1)), (0, (9, 3))]
"""By which lines stay apart in print without colour."""
TICKS = 7
"""Lags named along an axis, at most."""
LEGEND_LINE = 0.2
"""Height of a line of a legend in inches."""
FEW_LINES = 3
"""Of a legend, for which a figure has room."""
LETTERS = 26
"""Of a line in a panel's title."""


def line_of(k: int) -> dict[str, Any]:
    """Colour, dashes and marker of the k-th line of several in one panel."""
    return {"color": PALETTE[k % len(PALETTE)], "ls": DASHES[k % len(DASHES)], "marker": MARKERS[k % len(MARKERS)]}


def plain(text: str) -> str:
    """A person's text as it stands: matplotlib would read what is between two dollars as mathematics."""
    return text.replace("$", r"\$")


def broken(name: str, letters: int = LETTERS) -> str:
    """The name of a panel or line, over several lines if it is long."""
    return textwrap.fill(plain(name.replace("+", " + ")), letters)


@contextmanager
def style() -> Iterator[None]:
    """The theme, for the figures made inside and nothing else."""
    with mpl.rc_context(), sns.axes_style("ticks"):
        mpl.rcParams.update(RC)
        yield


def panels(
    lines: int, kinds: int = 1, share: bool = True, height: float = PANEL[1], same_steps: bool = True
) -> tuple[Figure, list[list[Axes]]]:
    """For every line its panels, one of each kind below the other; lines side by side, as few rows of them as can be.

    All panels share the horizontal axis, or without ``same_steps`` those of one line; those of one kind share the
    vertical one too if ``share``. Made without pyplot, so that no window and no global figure exist.
    """
    columns = _columns(lines)
    blocks = -(-lines // columns)
    figure = Figure(figsize=(PANEL[0] * columns + 0.6, height * blocks * kinds + 0.9), layout="constrained")
    grid = figure.subplots(blocks * kinds, columns, squeeze=False, sharex="all" if same_steps else "none")
    panels = [[grid[line // columns * kinds + kind][line % columns] for kind in range(kinds)] for line in range(lines)]
    for line, own in enumerate(panels):
        own[-1].tick_params(labelbottom=True)
        for ax in own[:-1] if not same_steps else ():
            ax.sharex(own[-1])
            ax.tick_params(labelbottom=False)
        for kind, ax in enumerate(own):
            if line and share:
                ax.sharey(panels[0][kind])
            ax.tick_params(which="both", labelleft=line % columns == 0 or not share)
    for row in range((blocks - 1) * kinds, blocks * kinds):
        for empty in grid[row][lines - (blocks - 1) * columns :]:
            figure.delaxes(empty)
    return figure, panels


def _columns(lines: int) -> int:
    """Rows of equal length, as far as that goes: five lines are three and two, not four and one."""
    return -(-lines // -(-lines // COLUMNS))


def first_of_row(panels: list[list[Axes]]) -> list[list[Axes]]:
    """The lines at the left edge, which carry the names of the vertical axes."""
    return panels[:: _columns(len(panels))]


def last_of_row(panels: list[list[Axes]]) -> list[list[Axes]]:
    """The lines at the right edge, beside which there is room for the names of levels."""
    columns = _columns(len(panels))
    return [panels[min(start + columns, len(panels)) - 1] for start in range(0, len(panels), columns)]


def powers_of_ten(ax: Axes) -> None:
    """The vertical axis shows exponents of ten, which reach where no float does."""
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))


def entitle(figure: Figure, title: str) -> None:
    """The figure's title, broken between words to its width."""
    letters = max(20, int(figure.get_figwidth() / LETTER))
    figure.suptitle(textwrap.fill(plain(title), letters), fontsize=12, fontweight="bold")


def legend_below(figure: Figure, panels: list[list[Axes]], columns: int) -> None:
    """One legend of all panels' lines, each name once, below the figure, which a long one makes higher."""
    named = {n: h for own in panels for ax in own for h, n in zip(*ax.get_legend_handles_labels(), strict=True)}
    lines = sum(name.count("\n") + 1 for name in named) / columns
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * max(0.0, lines - FEW_LINES))
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=columns)


def graded(share: float) -> Any:
    """A colour between dark, at 0, and light, at 1, which stays in order in print without colour."""
    return mpl.colormaps["viridis"](0.9 * share)


def by_lag(panels: list[list[Axes]], level: float, name: str) -> None:
    """Names the axes of gradients relative to lag 0, in powers of ten against lag, and one level of them."""
    for own in panels:
        own[0].set_xlabel("lag (steps back from the loss)")
        own[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))  # six digits each at the longest lags
        powers_of_ten(own[0])
    for own in first_of_row(panels):
        own[0].set_ylabel("gradient, relative to lag 0")
    for own in last_of_row(panels):
        name_level(own[0], level, name)


def plain_log(ax: Axes) -> None:
    """The vertical axis is logarithmic and names its numbers as they stand."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def over_lags(ax: Axes, lags: Sequence[float]) -> None:
    """A logarithmic axis of task lags, named where they were tried if these are few."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(lags) if len(lags) <= TICKS else LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda lag, _: f"{lag:,.0f}"))
    ax.set_xlim(min(lags) / 1.35, max(lags) * 1.35)


def luminance(colour: Sequence[float]) -> float:
    """Of red, green and blue: how light it is, from 0 to 1."""
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def name_level(ax: Axes, value: float, name: str) -> None:
    """A name beside the panel, at the height of a level."""
    where = (1.02, value)
    ax.annotate(name, where, xycoords=("axes fraction", "data"), va="center", fontsize=8, color="0.25")


def held(shown: Floats, steps: Floats, values: Floats) -> Floats:
    """One seed's values at the steps that are shown: once it has ended its weights stay, and its last value with them.

    NaN before its first step, and everywhere if it has none.
    """
    last = np.searchsorted(steps, shown, side="right") - 1
    return np.where(last < 0, np.nan, values[last]) if len(values) else np.full(len(shown), np.nan)


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes stem.png and stem.svg; returns their paths."""
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "svg")]
    with style(), warnings.catch_warnings():  # the format of an SVG's text and ids is read when it is written
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a card's title may have any letter
        figure.savefig(paths[0])
        figure.set_layout_engine("none")  # both have the layout of the first: it costs as much as drawing
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
