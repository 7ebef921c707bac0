"""The factors |w σ'(z)|: their distribution, the interval in which one exceeds 1, and chains where all do or none."""

from collections.abc import Sequence
from math import log
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from . import style

Row = dict[str, Any]
DASHES = ("-", "--", "-.", (0, (1, 1)))
LOOKS = (
    ("o", style.PALETTE[0], "full"),
    ("s", style.PALETTE[7], "full"),
    ("^", style.PALETTE[1], "full"),
    ("D", style.PALETTE[3], "full"),
    ("^", style.PALETTE[1], "none"),
)
"""Marker, colour and filling of a chain, in the order of the experiment."""
LEAST = 1e-6
"""Factors below it are off the axis."""


def depth_factors(title: str, rows: Sequence[Row]) -> Figure:
    """Left: share of the factors below a value, by initialisation and layer. Middle: width of the interval of inputs in
    which a factor is 1 or more, by weight. Right: the gradient by layer in chains of single units.

    rows: those of :mod:`rnngrad.findings.factors`.
    """
    with style.style():
        figure = Figure(figsize=(12.6, 4.6), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
        _distribution(axes[0], [row for row in rows if row["event"] == "quantile"])
        _interval(axes[1], rows)
        _chains(axes[2], [row for row in rows if row["event"] == "gradient"])
        for ax in axes[[0, 2]]:
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
        figure.suptitle(style.plain(title), fontsize=12, fontweight="bold")
    return figure


def _distribution(ax: Axes, rows: Sequence[Row]) -> None:
    for k, variant in enumerate(dict.fromkeys(row["variant"] for row in rows)):
        for layer in sorted({row["layer"] for row in rows}):
            own = [row for row in rows if (row["variant"], row["layer"]) == (variant, layer)]
            shown = [row for row in own if row["factor"] > LEAST]
            ax.plot(
                [row["factor"] for row in shown],
                [row["share"] for row in shown],
                color=style.PALETTE[k],
                ls=DASHES[(layer - 1) % len(DASHES)],
                lw=1.3,
                label=f"{variant}, layer {layer}",
            )
    ax.axvline(1, color="0.35", lw=0.8, ls=":")
    ax.set_xscale("log")
    ax.set_xlim(LEAST, 3)
    ax.set_xlabel("factor |w σ'(z)|")
    ax.set_ylabel("share of factors below")
    ax.set_title("before training, all weights and digits")


def _interval(ax: Axes, rows: Sequence[Row]) -> None:
    own = [row for row in rows if row["event"] == "interval"]
    (widest,) = (row for row in rows if row["event"] == "widest")
    ax.plot([row["weight"] for row in own], [row["width"] for row in own], color="0.1", lw=1.6)
    ax.plot(widest["weight"], widest["width"], "o", color=style.PALETTE[1], mec="black", ms=7, zorder=3)
    name = f"widest: {widest['width']:.4f}\nat |w| = {widest['weight']:.3f}"
    ax.annotate(name, (widest["weight"], widest["width"]), (14, -4), textcoords="offset points", fontsize=9)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator([4, 10, 30, 100]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_ylim(0, 0.5)
    ax.set_xlabel("weight |w|")
    ax.set_ylabel("width of the interval of inputs")
    ax.set_title("where |w σ'(wa + b)| ≥ 1")


def _chains(ax: Axes, rows: Sequence[Row]) -> None:
    for k, variant in enumerate(dict.fromkeys(row["variant"] for row in rows)):
        own = [row for row in rows if row["variant"] == variant]
        marker, colour, fill = LOOKS[k]
        powers = [row["log_gradient"] / log(10) for row in own]
        layers = [row["layer"] for row in own]
        ax.plot(layers, powers, color=colour, fillstyle=fill, marker=marker, ms=5, markevery=3, label=variant)
    ax.set_xlabel("layer")
    ax.set_ylabel("gradient, relative to the last layer")
    ax.set_title("chains of single units, b = -w/2")
    style.powers_of_ten(ax)
