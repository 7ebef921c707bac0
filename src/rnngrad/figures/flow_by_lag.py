"""Gradient against lag of one measured module."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from . import style

if TYPE_CHECKING:
    import pandas as pd

ONE_PERCENT = -2.0


def flow_by_lag(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """The rms gradient relative to lag 0 of the whole state, by lag: one line per state, or, if several, per layer.

    table: rows with layer, lag, state, log_rms_per_sample and underflow, whole state of all layers first. Lags at which
    float32 training sees an exact zero are dotted. Draws into ``ax``, or into a new figure of the project's style.
    """
    whole = table.state.iloc[0]
    layered = table.layer.nunique() > 1
    shown = table[table.state == whole] if layered else table
    zero = table.log_rms_per_sample.iloc[0] if np.isfinite(table.log_rms_per_sample.iloc[0]) else 0.0
    with style.style():
        ax = style.panels(1)[1][0][0] if ax is None else ax
        for k, ((layer, state), rows) in enumerate(shown.groupby(["layer", "state"], sort=False)):
            label = f"layer {layer}" if layered and layer != "all" else "all layers" if layered else state
            _line(ax, rows, zero, label, 1.8 if k == 0 else 1.2, k)
        ax.axhline(ONE_PERCENT, color="0.35", lw=0.8, ls=":")
        style.name_level(ax, ONE_PERCENT, "1 %")
        ax.set_xlabel("lag (steps back from the loss)")
        ax.set_ylabel("gradient, relative to lag 0")
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))
        ax.legend()
    return ax


def _line(ax: Axes, rows: pd.DataFrame, zero: float, label: str, width: float, k: int) -> None:
    """Solid where float32 has it, dotted below; nothing where the gradient is exactly 0, which the label says."""
    logs = rows.log_rms_per_sample.to_numpy()
    powers = np.where(np.isfinite(logs), logs - zero, np.nan) / log(10)
    gone = np.isneginf(logs)
    where = f"lag {rows.lag.to_numpy()[gone][0]}" if gone.sum() == 1 else f"{gone.sum()} lags"
    name = f"{label} (exactly 0 at {where})" if gone.any() else label
    under = rows.underflow.to_numpy() & ~gone
    ax.plot(rows.lag, np.where(under, np.nan, powers), color=style.PALETTE[k], lw=width, label=name)
    if under.any():
        below = f"{label}, underflow in float32"
        ax.plot(rows.lag, np.where(under, powers, np.nan), color=style.PALETTE[k], lw=width, ls=":", label=below)
