"""How soon each cell solves the problem: Kaplan-Meier curves, a panel for each lag."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from ..stats import Survival, Times, kaplan_meier
from . import style

NAME = 1.9
"""Room for a name in the legend, in inches."""
BANDS = 5
"""Lines whose intervals are drawn, at most: more hide each other."""


def steps_to_solve(title: str, times: Mapping[int, Mapping[str, Times]]) -> Figure:
    """The estimated share of runs that have solved it after so many updates, with its 95 % interval (log-log).

    times: by lag and label the steps to solve of the runs. A bar across a line is where a run stopped being watched
    without having solved it. Intervals are drawn from the first to the last run that solved it, if lines are few.
    """
    labels = list(dict.fromkeys(label for lines in times.values() for label in lines))
    with style.style():
        figure, panels = style.panels(len(times))
        for (ax,), (lag, lines) in zip(panels, times.items(), strict=True):
            ax.set_title(f"lag {lag:,}")
            end = max(step for own in lines.values() for step in (*own.events, *own.censored))
            for label, own in lines.items():
                look = style.line_of(labels.index(label))
                survival = kaplan_meier(own)
                curve(ax, survival, end, {**look, "marker": "", "label": style.plain(label)})
                stopped(ax, survival, own.censored, look["color"])
                if len(labels) <= BANDS:
                    band(ax, survival, look["color"])
            ax.set_xlabel("updates")
            ax.set_ylim(-0.04, 1.04)
            ax.set_xlim(left=0)
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
            ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        for own_axes in style.first_of_row(panels):
            own_axes[0].set_ylabel("share that solved it")
        style.legend_below(figure, panels, int(figure.get_figwidth() // NAME))
        style.entitle(figure, title)
    return figure


def curve(ax: Axes, survival: Survival, end: float, look: dict[str, Any]) -> None:
    """One line's share that solved it. end: where the panel's last line ends; one that has reached all runs stays there
    until then."""
    last = end if survival.share[-1] == 0 else survival.at[-1]
    ax.step([*survival.at, last], 1 - np.append(survival.share, survival.share[-1]), where="post", lw=1.6, **look)


def band(ax: Axes, survival: Survival, colour: Any) -> None:
    """The interval around a line."""
    begun = survival.share < 1
    low, high = 1 - survival.high[begun], 1 - survival.low[begun]
    ax.fill_between(survival.at[begun], low, high, step="post", color=colour, alpha=0.12, lw=0)


def stopped(ax: Axes, survival: Survival, censored: Sequence[float], colour: Any) -> None:
    """A bar across a line where runs stopped being watched."""
    if censored:
        at = np.unique(np.asarray(censored, dtype=np.float64))
        heights = 1 - survival.share[np.searchsorted(survival.at, at)]
        ax.plot(at, heights, ls="", marker="|", ms=8, mew=1.4, color=colour, clip_on=False)
