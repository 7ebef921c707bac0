"""Readings of a paper, setting by setting: how often each was solved, in how many sequences beside the paper's mean."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from . import style

Row = Mapping[str, Any]
LINE = 0.23
"""Height of a reading in inches."""
ABOVE, BELOW = 0.45, 0.5
"""Of a panel: room for its name and for its axis."""
NAMES, PLOT, COUNTS = 2.9, 2.6, 0.8
"""Widths of a column's three parts."""
HEAD, FOOT = 0.6, 0.7
"""Room for the title and for the legend."""
ENDS = (0.1, 20.0)
"""Of the axis of ratios; what lies beyond is cut off."""
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
FEW = 16
"""Readings of all settings, up to which one column holds them."""
LETTERS = 40
"""Of a reading's name; a longer one is printed smaller."""
COLOUR = style.PALETTE[0]


def reading_ratios(title: str, settings: Mapping[str, Mapping[str, Row]]) -> Figure:
    """A panel for each setting, a line for each of its readings, from top to bottom.

    settings: by name of the setting and of the reading ``solved``, ``trials``, ``ratio`` (None where none solved it or
    nothing is published), ``mean``, ``low``, ``high``, ``cap`` and ``contradicts``, as :mod:`rnngrad.reruns` has them.
    """
    columns = _columns({name: len(own) for name, own in settings.items()})
    high = max(sum(_height(len(settings[name])) for name in column) for column in columns)
    size = (len(columns) * (NAMES + PLOT + COUNTS), HEAD + high + FOOT)
    with style.style():
        figure = Figure(figsize=size)
        for k, column in enumerate(columns):
            top = HEAD
            for name in column:
                readings = settings[name]
                left, body = k * (NAMES + PLOT + COUNTS) + NAMES, LINE * len(readings)
                bottom = size[1] - top - ABOVE - body
                _panel(_axes(figure, size, (left, bottom, PLOT, body)), name, readings)
                top += _height(len(readings))
        handles = [_look(contradicts=False), _look(contradicts=True)]
        figure.legend(handles=handles, loc="lower center", ncols=1 if len(columns) == 1 else 2)
        style.entitle(figure, title)
    return figure


def _height(readings: int) -> float:
    return ABOVE + LINE * readings + BELOW


def _columns(readings: Mapping[str, int]) -> list[list[str]]:
    """The settings in one column, or two if they are many: each into the shorter one so far, the tallest first."""
    columns: list[list[str]] = [[] for _ in range(1 if sum(readings.values()) < FEW else 2)]
    for name in sorted(readings, key=lambda name: -readings[name]):
        min(columns, key=lambda column: sum(_height(readings[other]) for other in column)).append(name)
    order = list(readings)
    return [sorted(column, key=order.index) for column in columns]


def _axes(figure: Figure, size: tuple[float, float], box: tuple[float, float, float, float]) -> Axes:
    """Axes of which left, bottom, width and height are given in inches."""
    left, bottom, width, height = box
    return figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))


def _panel(ax: Axes, name: str, readings: Mapping[str, Row]) -> None:
    ax.set_title(style.plain(name), fontsize=10, fontweight="bold")
    ax.set_xscale("log")
    ax.set_xlim(*ENDS)
    ax.set_ylim(len(readings) - 0.5, -0.5)
    ax.axvline(1.0, color="0.25", ls=":", lw=1.4)
    for line, row in enumerate(readings.values()):
        _reading(ax, line, row)
    _names(ax, list(readings))
    ax.xaxis.set_major_locator(FixedLocator(TICKS))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    ax.tick_params(labelsize=8)
    ax.set_xlabel("mean sequences, ours over the paper's", fontsize=8)


def _reading(ax: Axes, line: int, row: Row) -> None:
    count: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8}
    ax.annotate(f"{row['solved']}/{row['trials']}", (1.03, line), **count)
    if row["ratio"] is None:
        behind = {"fc": "white", "ec": "none", "pad": 0.5}
        ax.annotate(f"none by {row['cap']:,}", (0.5, line), ha="center", color="0.45", bbox=behind, **count)
        return
    if row["low"] is not None:
        published = row["mean"] / row["ratio"]
        _interval(ax, line, row["low"] / published, row["high"] / published)
    face = "white" if row["contradicts"] else COLOUR
    ax.plot(row["ratio"], line, "o", ms=5, color=COLOUR, mfc=face, zorder=3)


def _interval(ax: Axes, line: int, low: float, high: float) -> None:
    """A bar, with an arrow where it goes on beyond the axis."""
    ax.plot([low, high], [line, line], color=COLOUR, lw=1.4)
    for end, mark, beyond in ((ENDS[0], "<", low < ENDS[0]), (ENDS[1], ">", high > ENDS[1])):
        if beyond:
            ax.plot(end, line, mark, ms=4, color=COLOUR, clip_on=False)


def _names(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), [style.plain(name.replace("+", " + ")) for name in names])
    ax.tick_params(axis="y", length=0)
    for label in ax.get_yticklabels():
        label.set_fontsize(8 if len(label.get_text()) <= LETTERS else 8 * LETTERS / len(label.get_text()))


def _look(contradicts: bool) -> Line2D:
    names = ("of the text, or of what it leaves open", "against the text")
    face = "white" if contradicts else COLOUR
    look: dict[str, Any] = {"marker": "o", "color": COLOUR, "mfc": face, "ms": 5, "lw": 1.4}
    return Line2D([], [], label=names[contradicts], **look)
