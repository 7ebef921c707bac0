"""Gradient by lag of probed nets, beside what theory predicts and what it allows: one panel per net."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style

Row = dict[str, Any]
ONE_PERCENT = -2.0
MEASURED, LAST_LAYER, CEILING = (style.PALETTE[k] for k in (0, 9, 2))
THEORIES = {
    "mean_field": (style.PALETTE[1], "mean field", "--"),
    "gate_path": (style.PALETTE[4], "gates alone, held at their biases", (0, (2, 1))),
}
"""Colour, name and dashes."""


def probed_flow(lines: Mapping[str, Sequence[Row]]) -> Figure:
    """The gradient relative to lag 0, powers of ten; medians over seeds, bands from the lowest seed to the highest.

    lines: the probes' rows under each net's label. The ceiling is the lowest of all theorems' at every lag; one that
    allows growth leaves the panel at once. In a stack, prediction and ceiling are about the last layer, drawn as well.
    """
    with style.style():
        figure, panels = style.panels(len(lines))
        spans = [_panel(ax, rows) for (ax,), rows in zip(panels, lines.values(), strict=True)]
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        panels[0][0].set_ylim(low - 0.05 * (high - low), high + 0.08 * (high - low))
        for (ax,), label in zip(panels, lines, strict=True):
            ax.set_title(style.plain(label))
        style.by_lag(panels, ONE_PERCENT, "1 %")
        style.legend_below(figure, panels, columns=min(3, len(panels)))
    return figure


def _panel(ax: Axes, rows: Sequence[Row]) -> tuple[float, float]:
    """Draws a net's curves; returns the span of those that have to be seen, the ceiling not among them."""
    seen = [_curve(ax, [row["flow"] for row in rows], MEASURED, "measured", "-", band=True)]
    if rows[0]["flow_last_layer"] is not None:
        seen.append(_curve(ax, [row["flow_last_layer"] for row in rows], LAST_LAYER, "measured, last layer alone", "-"))
    predicted = [row["prediction"] for row in rows if row["prediction"] and row["prediction"]["log_by_lag"]]
    if predicted:
        seen.append(_curve(ax, [own["log_by_lag"] for own in predicted], *THEORIES[predicted[0]["theory"]]))
    if rows[0]["ceiling"] is not None:
        _curve(ax, [row["ceiling"] for row in rows], CEILING, "lowest ceiling of any theorem", "-.")
    ax.axhline(ONE_PERCENT, color="0.35", lw=0.8, ls=":")
    low, high = min(low for low, _ in seen), max(high for _, high in seen)
    zero = float(np.median([row["log_float32_zero"] - row["flow"][0] for row in rows])) / log(10)
    if low < zero:
        ax.axhline(zero, color="0.35", lw=1.2, ls=(0, (1, 3)), label="below: exactly 0 in float32")
    return min(low, 1.5 * ONE_PERCENT), high


def _curve(
    ax: Axes, logs: Sequence[Sequence[float]], colour: Any, name: str, dashes: Any, band: bool = False
) -> tuple[float, float]:
    """Median over seeds of natural logs by lag, relative to lag 0, where none is an exact 0; returns its span."""
    curves = np.array(logs, dtype=float)
    curves = np.where(np.isfinite(curves), curves, np.nan)
    curves = (curves - curves[:, :1]) / log(10)
    gone = np.isnan(curves).any(axis=0)
    lags = np.arange(curves.shape[1])[~gone]
    curves = curves[:, ~gone]
    if gone.any():
        name += f" (exactly 0 at {gone.sum()} lags)"
    if band and len(curves) > 1:
        ax.fill_between(lags, curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.25, lw=0)
    ax.plot(lags, np.median(curves, axis=0), color=colour, lw=1.8, ls=dashes, label=name)
    return (float(curves.min()), float(curves.max())) if curves.size else (0.0, 0.0)
