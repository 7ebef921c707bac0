"""Singular values of the long Jacobian against lag: one panel per probed net."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style

Row = dict[str, Any]
Curve = np.ndarray[Any, np.dtype[np.float64]]


def singular_values(lines: Mapping[str, Sequence[Row]]) -> Figure:
    """σ_1, σ_2, σ_4, … of J(T←T-lag) for one sample of the first seed's net, powers of ten, on a line per rank.

    lines: the probes' rows under each net's label. Ranks that fall far below all the others' largest leave the panel.
    """
    with style.style():
        figure, panels = style.panels(len(lines))
        found = [_tables(rows[0]) for rows in lines.values()]
        for (ax,), (lags, powers), label in zip(panels, found, lines, strict=True):
            _ranks(ax, lags, powers)
            ax.set_title(style.plain(label))
            ax.set_xlabel("lag (steps between the states)")
            style.powers_of_ten(ax)
        panels[0][0].set_ylim(*_limits([powers for _, powers in found]))
        for (ax,) in style.first_of_row(panels):
            ax.set_ylabel("singular value of ∂s(T)/∂s(T − lag), first seed")
        style.legend_below(figure, panels, columns=4)
    return figure


def _tables(row: Row) -> tuple[list[int], Curve]:
    """Lags from 0 on, where J is the identity, and powers of ten (lags, ranks); NaN for an exact 0."""
    values = np.array(row["singular_values"]["log_singular_values"], dtype=float) / log(10)
    values = np.where(np.isfinite(values), values, np.nan)
    return [0, *row["singular_values"]["lags"]], np.vstack([np.zeros(values.shape[1]), values])


def _ranks(ax: Axes, lags: list[int], powers: Curve) -> None:
    """One line for each power of two, the largest darkest."""
    ranks = [2**k for k in range(powers.shape[1].bit_length()) if 2**k <= powers.shape[1]]
    for k, rank in enumerate(ranks):
        ax.plot(lags, powers[:, rank - 1], "o-", ms=3, lw=1.4, color=style.graded(k / 8), label=f"$\\sigma_{{{rank}}}$")


def _limits(tables: list[Curve]) -> tuple[float, float]:
    """All of σ_1, and half as much again of what is below it."""
    largest = np.concatenate([powers[:, 0] for powers in tables])
    low, high = float(np.nanmin(largest)), float(np.nanmax(largest))
    span = max(high - low, 1.0)
    return low - 0.5 * span, high + 0.08 * span
