"""How far gradients reach back through trained nets of the 1997 paper: carousels, whole nets, RTRL and BPTT nets."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style

LINES = {
    "log_whole": "whole net",
    "log_beyond": "beyond the carousels (left out by truncated learning)",
    "log_flow": "recurrent unit",
    "log_bound": "its bound, (|u|/4)^lag",
}
NAME = 3.7


def carousel_flow(title: str, seen: Mapping[str, Sequence[Mapping[str, Sequence[Any]]]]) -> Figure:
    """|∂s(T)/∂s(t)|, in powers of ten by lag T - t, a panel a setting; medians over trials, bands over all of them.

    seen: by name the trials' natural logs, first step first: ``log_whole`` and ``log_beyond`` of memory blocks, beside
    which the carousels' own 1 is drawn, or ``log_flow`` and ``log_bound`` of recurrent units. Null is a flow of 0.
    """
    with style.style():
        figure, panels = style.panels(len(seen), share=False)
        for (ax,), (name, trials) in zip(panels, seen.items(), strict=True):
            ax.set_title(style.broken(name))
            if "log_whole" in trials[0]:
                ax.axhline(0, color="0.3", ls=":", lw=1.4, label="carousel alone: 1")
            for k, (line, words) in enumerate(LINES.items()):
                if line in trials[0]:
                    _line(ax, [trial[line] for trial in trials], words, style.line_of(k))
            ax.set_xlabel("lag (steps back from the end)")
            style.powers_of_ten(ax)
            low, high = ax.get_ylim()
            ax.set_ylim(min(low, -1), max(high, 1))
        for own_axes in style.first_of_row(panels):
            own_axes[0].set_ylabel("|∂s(T)/∂s(t)|")
        style.legend_below(figure, panels, max(1, int(figure.get_figwidth() // NAME)))
        style.entitle(figure, title)
    return figure


def _line(ax: Axes, trials: Sequence[Sequence[float | None]], name: str, look: dict[str, Any]) -> None:
    lags = min(map(len, trials))
    curves = np.array([[-np.inf if v is None else v for v in own[::-1][:lags]] for own in trials]) / log(10)
    usable = np.isfinite(curves).all(axis=0)
    if not usable.any():
        return
    at, curves = np.flatnonzero(usable), curves[:, usable]
    ax.fill_between(at, curves.min(axis=0), curves.max(axis=0), color=look["color"], alpha=0.15, lw=0)
    ax.plot(at, np.median(curves, axis=0), color=look["color"], ls=look["ls"], lw=1.6, label=style.broken(name))
