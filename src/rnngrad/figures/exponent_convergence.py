"""How the first Lyapunov exponents settle as steps go by: one panel per probed net."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style

Row = dict[str, Any]
Curve = np.ndarray[Any, np.dtype[np.float64]]
DASHES = ("-", "--", ":")
COLOURS = tuple(style.PALETTE[k] for k in (0, 1, 2))


def exponent_convergence(lines: Mapping[str, Sequence[Row]]) -> Figure:
    """The exponents of the first seed's net as estimated from the first n steps after the warm-up, mean over samples.

    lines: the probes' rows under each net's label. The bar at the end is the standard error, the cross the first
    exponent by twin trajectories. Every panel has a vertical axis of its own, which leaves the first tenth of the steps
    out of account.
    """
    with style.style():
        figure, panels = style.panels(len(lines), share=False)
        for (ax,), (label, rows) in zip(panels, lines.items(), strict=True):
            _exponents(ax, rows[0]["exponents"])
            _fit_to(ax, _settled(rows[0]["exponents"]))
            ax.set_title(style.plain(label))
            ax.set_xlabel("steps after the warm-up")
        for (ax,) in style.first_of_row(panels):
            ax.set_ylabel("exponent, natural log per step (first seed)")
        style.legend_below(figure, panels, columns=2)
    return figure


def _exponents(ax: Axes, found: Row) -> None:
    steps = np.arange(1, len(found["convergence"][0]) + 1)
    end = steps[-1]
    for k, values in enumerate(found["convergence"]):
        curve = np.where(np.isfinite(values), values, np.nan)
        ax.plot(steps, curve, color=COLOURS[k], ls=DASHES[k], lw=1.6, label=f"$\\lambda_{k + 1}$")
        error = found["standard_error"][k]
        if np.isfinite(curve[-1]) and np.isfinite(error):
            ax.errorbar(end, curve[-1], yerr=error, color=COLOURS[k], capsize=3, lw=1.2)
    if np.isfinite(found["twin"]):
        ax.plot(end, found["twin"], "x", color="black", ms=7, label="$\\lambda_1$ by twin trajectories", zorder=3)


def _fit_to(ax: Axes, values: Curve) -> None:
    """Where there are any; an axis that spans less than 1 % of them would show rounding alone."""
    if len(values):
        low, high = values.min(), values.max()
        margin = 0.15 * max(high - low, 0.01 * abs(high), 1e-6)
        ax.set_ylim(low - margin, high + margin)
        if low - margin < 0 < high + margin:
            ax.axhline(0, color="0.35", lw=0.8, ls=":")


def _settled(found: Row) -> Curve:
    """All finite estimates behind the first tenth of the steps."""
    values = np.array(found["convergence"], dtype=float)
    values = values[:, values.shape[1] // 10 :]
    return np.asarray(values[np.isfinite(values)])
