"""The linear chain: activations and gradients of W = a · I on top of the powers of a."""

from collections.abc import Sequence
from math import log
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from . import style

Row = dict[str, Any]
MARKERS = "osD^v"
SHOWN = 20
"""Layers that are marked, about."""


def depth_chain(title: str, rows: Sequence[Row]) -> Figure:
    """Left the activations on their way forward, right the gradients on their way back; marks measured, lines exact.

    rows: those of :mod:`rnngrad.findings.chain`.
    """
    factors = list(dict.fromkeys(row["factor"] for row in rows))
    with style.style():
        figure = Figure(figsize=(8.4, 4.1), layout="constrained")
        forward, backward = figure.subplots(1, 2, sharey=True)
        for k, factor in enumerate(factors):
            own = [row for row in rows if row["event"] == "layer" and row["factor"] == factor]
            for ax, kind in ((forward, "log_activation"), (backward, "log_gradient")):
                _curve(ax, [row for row in own if kind in row], kind, k)
        forward.set_ylabel("size, relative to where it starts")
        for ax, name in ((forward, "activations |h$_l$| / |x|"), (backward, "gradients |∂C/∂h$_l$| / |∂C/∂h$_L$|")):
            ax.set_title(name)
            ax.set_xlabel("layer l")
            style.powers_of_ten(ax)
        figure.legend(handles=_legend(factors), loc="outside lower center", ncols=min(5, len(factors) + 1))
        figure.suptitle(style.plain(title), fontsize=12, fontweight="bold")
    return figure


def _curve(ax: Axes, rows: Sequence[Row], kind: str, k: int) -> None:
    colour, marker = _look(k)
    layers = [row["layer"] for row in rows]
    ax.plot(layers, [row[f"exact_{kind}"] / log(10) for row in rows], color="0.2", lw=1.0)
    every = max(1, len(rows) // SHOWN)
    powers = [row[kind] / log(10) for row in rows]
    ax.plot(layers[::every], powers[::every], ls="", marker=marker, color=colour, mec="black", mew=0.6, ms=5)


def _look(k: int) -> tuple[Any, str]:
    return style.PALETTE[k % len(style.PALETTE)], MARKERS[k % len(MARKERS)]


def _legend(factors: Sequence[float]) -> list[Line2D]:
    handles = []
    for k, factor in enumerate(factors):
        colour, marker = _look(k)
        handles.append(
            Line2D([], [], ls="", color=colour, marker=marker, mec="black", label=f"a = {factor:g}, measured")
        )
    return [*handles, Line2D([], [], color="0.2", lw=1.0, label="exact: a to the power of the distance")]
