"""The running error of every trial of a rerun over its training: how long at chance, how long nearly there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10, sqrt
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from . import style

NAME = 2.2
"""Room for a name in the legend, in inches."""
DECADES = 1.5
"""Of the axis of errors, at least: the noise of a net at chance is no structure."""
ENDS = {True: ("o", 4, "met the criterion"), False: ("x", 5, "ended unsolved")}
"""Mark, its size and its name for a trial that met the criterion or did not."""


@dataclass(frozen=True)
class Course:
    """A trial: numbers of sequences, the running error at each, and whether it met the criterion (None: not ended)."""

    sequences: Sequence[int]
    errors: Sequence[float]
    solved: bool | None


def trial_errors(
    title: str, trials: Mapping[str, Mapping[str, Sequence[Course]]], published: Mapping[str, Sequence[float]]
) -> Figure:
    """Squared error against training sequences, both logarithmic, a line a trial and a panel a setting.

    trials: by setting and name of a reading; published: the paper's mean numbers of sequences, drawn as dotted lines.
    A dot ends a trial that met the criterion, a cross one that ended without.
    """
    labels = list(dict.fromkeys(label for lines in trials.values() for label in lines))
    with style.style():
        figure, panels = style.panels(len(trials), share=False)
        for (ax,), (setting, lines) in zip(panels, trials.items(), strict=True):
            ax.set_title(style.plain(setting))
            for label, courses in lines.items():
                _courses(ax, courses, style.line_of(labels.index(label))["color"], style.broken(label))
            _ends(ax, [own for courses in lines.values() for own in courses])
            for mean in sorted(set(published.get(setting, ()))):
                ax.axvline(mean, color="0.25", ls=":", lw=1.6, label="published")
            _axes(ax)
        for own in style.first_of_row(panels):
            own[0].set_ylabel("squared error, summed over steps,\nmean of the last 2,000 sequences")
        style.legend_below(figure, panels, max(1, int(figure.get_figwidth() // NAME)))
        style.entitle(figure, title)
    return figure


def _courses(ax: Axes, courses: Sequence[Course], colour: Any, label: str) -> None:
    for k, own in enumerate(courses):
        ax.plot(own.sequences, own.errors, color=colour, lw=1.0, alpha=0.7, label=label if k == 0 else None)
        if own.solved is not None and own.sequences:
            marker, size, _ = ENDS[own.solved]
            ax.plot(own.sequences[-1], own.errors[-1], marker, ms=size, color=colour, zorder=3)


def _ends(ax: Axes, courses: Sequence[Course]) -> None:
    """Names in the legend for the marks that are there."""
    for solved, (marker, size, name) in ENDS.items():
        if any(own.solved is solved for own in courses):
            ax.plot([], [], marker, ms=size, color="0.25", label=name)


def _axes(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    more = max(1.0, DECADES / log10(high / low)) if high > low else 1.0
    middle, half = sqrt(low * high), (high / low) ** (more / 2)
    ax.set_ylim(middle / half, middle * half)
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("training sequences")
    first, last = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if last < 30 * first else (1,)))
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_minor_formatter(NullFormatter())
