"""What a layer multiplies the gradient by, against depth, with intervals over seeds, beside what theory has."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from . import style

Row = dict[str, Any]
LOOKS = {
    "plain": ("plain", style.PALETTE[0], "o", "-"),
    "batch_norm": ("batch norm", style.PALETTE[1], "s", "--"),
    "residual": ("residual", style.PALETTE[2], "^", "-."),
}
"""Name, colour, marker and dashes of a remedy."""
FACTORS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.2, 1.5, 2, 3)
"""Ticks of the vertical axis."""
USUAL = {"sigmoid": "glorot", "tanh": "glorot"}
"""The initialisation that is made for an activation; ``he`` for the others."""


def remedies_growth(title: str, rows: Sequence[Row]) -> Figure:
    """What a layer multiplies the gradient by on the way back before training, by depth: one panel for each activation
    with the initialisation made for it.

    rows: those of :mod:`rnngrad.findings.remedies`. Bars are 95 % intervals over seeds; dotted lines are the factors
    of mean-field theory, which in a residual net fall with its depth.
    """
    nets = [row for row in rows if row["event"] == "net"]
    shown = [pair for pair in dict.fromkeys((row["activation"], row["init"]) for row in nets) if _is_usual(*pair)]
    shown = shown or [(nets[0]["activation"], nets[0]["init"])]
    with style.style():
        figure, panels = style.panels(len(shown))
        for (ax,), pair in zip(panels, shown, strict=True):
            own = [row for row in nets if (row["activation"], row["init"]) == pair]
            for remedy in LOOKS:
                _line(ax, sorted((r for r in own if r["remedy"] == remedy), key=lambda r: r["depth"]), remedy)
            _axes(ax, sorted({row["depth"] for row in nets}))
            ax.set_title(f"{pair[0]}, {pair[1]}")
        for (ax,) in style.first_of_row(panels):
            ax.set_ylabel("gradient factor per layer back")
        named = {n: h for (ax,) in panels for h, n in zip(*ax.get_legend_handles_labels(), strict=True)}
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=4)
        figure.suptitle(style.plain(title), fontsize=12, fontweight="bold")
    return figure


def _is_usual(activation: str, init: str) -> bool:
    return init == USUAL.get(activation, "he")


def _line(ax: Axes, rows: Sequence[Row], remedy: str) -> None:
    if not rows:
        return
    name, colour, marker, dashes = LOOKS[remedy]
    depths = [row["depth"] for row in rows]
    mean, low, high = (np.array([row[f"per_layer{end}"] for row in rows]) for end in ("", "_low", "_high"))
    bars = np.stack([mean - low, high - mean])
    ax.errorbar(depths, mean, bars, color=colour, marker=marker, ls=dashes, ms=5, lw=1.4, capsize=2.5, label=name)
    if all(row["gradient_factor"] is not None for row in rows):  # a store of an older version has none of residual nets
        ax.plot(depths, [row["gradient_factor"] for row in rows], color=colour, lw=1.2, ls=":", zorder=1)
        ax.plot([], [], color="0.3", lw=1.2, ls=":", label="theory, in the colour of its nets")


def _axes(ax: Axes, depths: Sequence[int]) -> None:
    ax.axhline(1, color="0.8", lw=0.8, zorder=0)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("hidden layers")
    for axis, ticks in ((ax.xaxis, depths), (ax.yaxis, FACTORS)):
        axis.set_major_locator(FixedLocator(list(ticks)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
