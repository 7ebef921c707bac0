"""Gradient against lag, at initialisation and after training: one panel per cell."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from . import style

Row = dict[str, Any]
ONE_PERCENT = -2.0
Curve = np.ndarray[Any, np.dtype[np.float64]]


def gradient_flow(title: str, lines: Mapping[str, Sequence[tuple[Row, Row]]]) -> Figure:
    """The gradient of the last step's loss with respect to the whole state, relative to lag 0, by steps back.

    lines: per label the first and the last flow profile of every seed. Solid lines are medians over seeds, bands
    run from the lowest seed to the highest.
    """
    with style.style():
        figure, panels = style.panels(len(lines))
        for (ax,), (label, profiles) in zip(panels, lines.items(), strict=True):
            _band(ax, [first for first, _ in profiles], style.BEFORE, "at initialisation", "--")
            _band(ax, [last for _, last in profiles], style.AFTER, "after training", "-")
            ax.axhline(ONE_PERCENT, color="0.35", lw=0.8, ls=":")
            ax.set_title(label)
            ax.set_xlabel("lag (steps back from the loss)")
            ax.yaxis.set_major_locator(MaxNLocator(integer=True))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))
        for (ax,) in style.first_of_row(panels):
            ax.set_ylabel("gradient, relative to lag 0")
        for (ax,) in style.last_of_row(panels):
            style.name_level(ax, ONE_PERCENT, "1 %")
        handles, names = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2)
        figure.suptitle(title, fontsize=12, fontweight="bold")
    return figure


def _band(ax: Axes, profiles: Sequence[Row], colour: Any, name: str, dashes: str) -> None:
    curves = np.array([_relative(profile) for profile in profiles])
    usable = curves[np.isfinite(curves).all(axis=1)]
    if not len(usable):
        return
    lags = profiles[0]["flow"]["lags"]
    ax.fill_between(lags, usable.min(axis=0), usable.max(axis=0), color=colour, alpha=0.25, lw=0)
    ax.plot(lags, np.median(usable, axis=0), color=colour, lw=1.8, ls=dashes, label=name)


def _relative(profile: Row) -> Curve:
    """Powers of ten, whole state, relative to lag 0; missing values are NaN."""
    whole = next(part for name, part in profile["flow"].items() if name != "lags")
    logs: Curve = np.array(whole["log_rms_per_sample"], dtype=float)
    return np.asarray((logs - logs[0]) / log(10))
