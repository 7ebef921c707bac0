"""How many sequences the trials of a rerun took: survival curves beside the published means."""

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from ..stats import Times, kaplan_meier
from . import style
from .steps_to_solve import band, curve, stopped

NAME = 2.2
"""Room for a name in the legend, in inches."""
ROOM = 1.6
"""Beside the first and the last, as a factor."""
FEW = 30
"""Where the last is less than so many times the first, more than powers of ten are named."""


def trials_until_solved(
    title: str, times: Mapping[str, Mapping[str, Times]], published: Mapping[str, Mapping[str, float]]
) -> Figure:
    """The share of trials that met the criterion by a number of sequences, with its 95 % interval, a panel a setting.

    times: by setting and name of a line; published: the paper's means, drawn as dotted lines in their line's colour.
    A panel with one such mean has one such line. A bar across a line is where a trial stopped unsolved.
    """
    labels = list(dict.fromkeys(label for lines in times.values() for label in lines))
    ends = _ends((own for lines in times.values() for own in lines.values()), published.values())
    with style.style():
        figure, panels = style.panels(len(times))
        for (ax,), (setting, lines) in zip(panels, times.items(), strict=True):
            ax.set_title(style.plain(setting))
            _panel(ax, lines, published.get(setting, {}), labels, ends)
        for own in style.first_of_row(panels):
            own[0].set_ylabel("share of trials that solved it")
        style.legend_below(figure, panels, max(1, int(figure.get_figwidth() // NAME)))
        style.entitle(figure, title)
    return figure


def _ends(lines: Iterable[Times], published: Iterable[Mapping[str, float]]) -> tuple[float, float]:
    """The first and the last number of sequences at which there is something to see."""
    steps = [step for own in lines for step in (*own.events, *own.censored) if step]
    known = [*steps, *(mean for means in published for mean in means.values())]
    return min(known), max(known)


def _panel(
    ax: Axes,
    lines: Mapping[str, Times],
    published: Mapping[str, float],
    labels: list[str],
    ends: tuple[float, float],
) -> None:
    first, last = ends
    one = set(published.values()) if len(set(published.values())) == 1 else ()
    end = max((step for own in lines.values() for step in (*own.events, *own.censored)), default=1.0)
    for label, own in lines.items():
        look: dict[str, Any] = style.line_of(labels.index(label))
        survival = kaplan_meier(own)
        curve(ax, survival, end, {**look, "marker": "", "label": style.broken(label)})
        band(ax, survival, look["color"])
        stopped(ax, survival, own.censored, look["color"])
        if label in published and not one:
            ax.axvline(published[label], color=look["color"], ls=":", lw=1.6, label=style.broken(f"{label}: published"))
    for mean in one:
        ax.axvline(mean, color="0.25", ls=":", lw=1.6, label="published")
    ax.set_xlabel("training sequences")
    ax.set_ylim(-0.04, 1.04)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if last < FEW * first else (1,)))
    ax.set_xlim(first / ROOM, last * ROOM)
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_minor_formatter(NullFormatter())
