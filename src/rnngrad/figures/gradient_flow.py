"""Gradient against lag, at initialisation and after training: one panel per cell."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
        style.by_lag(panels, ONE_PERCENT, "1 %")
        named = {n: h for (ax,) in panels for h, n in zip(*ax.get_legend_handles_labels(), strict=True)}
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=2)
        style.entitle(figure, title)
    return figure


def _band(ax: Axes, profiles: Sequence[Row], colour: Any, name: str, dashes: str) -> None:
    if not profiles:
        return
    curves = np.array([relative(profile) for profile in profiles])
    usable = curves[~np.isnan(curves).any(axis=1)]
    _missing(ax, name, len(curves) - len(usable), "not a number")
    _missing(ax, name, int(np.isneginf(usable).any(axis=1).sum()), "exactly 0 at some lag")
    if not len(usable):
        return
    lags = profiles[0]["flow"]["lags"]
    ax.fill_between(lags, usable.min(axis=0), usable.max(axis=0), color=colour, alpha=0.25, lw=0)
    ax.plot(lags, np.median(usable, axis=0), color=colour, lw=1.8, ls=dashes, label=name)


def _missing(ax: Axes, name: str, seeds: int, what: str) -> None:
    """Says in the panel which seeds a logarithmic axis cannot show."""
    if seeds:
        ax.text(0.03, 0.03 + 0.06 * len(ax.texts), f"{name}: {what} in {seeds}", transform=ax.transAxes, fontsize=7)


def relative(profile: Row) -> Curve:
    """Powers of ten, whole state, relative to lag 0; -inf where the gradient is exactly 0."""
    whole = next(part for name, part in profile["flow"].items() if name != "lags")
    logs: Curve = np.array([np.nan if v is None else float(v) for v in whole["log_rms_per_sample"]])
    with np.errstate(invalid="ignore"):  # without a gradient at lag 0 there is nothing to be relative to
        return np.asarray((logs - logs[0]) / log(10))
