"""Hidden layers that learn at different speeds: many seeds of Nielsen's nets, and what he published."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from . import style

Row = dict[str, Any]
LAYER_STYLES = (("-", "o"), ("--", "s"), ("-.", "^"), ((0, (1, 1)), "D"))
"""Dashes and marker of each hidden layer, so that they can be told apart without colour."""


def depth_nielsen(title: str, rows: Sequence[Row]) -> Figure:
    """One column per net. Above, the norm of every hidden layer's bias gradient by epoch with its band over seeds and
    the published values; then the training loss; below, the norms before training by layer, with √chi_1 as a slope.

    rows: those of :mod:`rnngrad.findings.nielsen`.
    """
    nets = sorted({row["hidden_layers"] for row in rows})
    with style.style():
        figure = Figure(figsize=(3.0 * len(nets) + 0.6, 8.2), layout="constrained")
        grid = figure.subplots(3, len(nets), squeeze=False, sharey="row", height_ratios=(1.35, 0.75, 1.1))
        for column, hidden in enumerate(nets):
            own = [row for row in rows if row["hidden_layers"] == hidden]
            grid[0][column].set_title(f"{hidden} hidden layer" + ("s" if hidden > 1 else ""))
            _norms(grid[0][column], [row for row in own if row["event"] == "norm"])
            _loss(grid[1][column], [row for row in own if row["event"] == "loss"])
            _initial(grid[2][column], own)
        for ax, name in zip(
            grid[:, 0], ("norm of bias gradient", "training loss", "norm before training"), strict=True
        ):
            ax.set_ylabel(name)
        figure.legend(handles=_legend(rows), loc="outside lower center", ncols=4)
        figure.suptitle(style.plain(title), fontsize=12, fontweight="bold")
    return figure


def _norms(ax: Axes, rows: Sequence[Row]) -> None:
    for layer in sorted({row["layer"] for row in rows}):
        own = [row for row in rows if row["layer"] == layer]
        dashes, marker = LAYER_STYLES[layer - 1]
        _band(ax, own, lambda row: row["epoch"], style.PALETTE[layer - 1], dashes)
        known = [row for row in own if row["published"] is not None]
        ax.plot(
            [row["epoch"] for row in known],
            [row["published"] for row in known],
            ls="",
            marker=marker,
            ms=5,
            mfc=style.PALETTE[layer - 1],
            mec="black",
            mew=0.9,
            zorder=4,
        )
    ax.set_yscale("log")
    _epochs(ax)
    ax.tick_params(labelbottom=False)


def _loss(ax: Axes, rows: Sequence[Row]) -> None:
    _band(ax, rows, lambda row: row["epoch"], "0.2", "-")
    ax.axhline(rows[0]["constant"], color="0.35", lw=1.0, ls=":")
    ax.set_ylim(bottom=0)
    _epochs(ax)
    ax.set_xlabel("epoch (full-batch step)")


def _initial(ax: Axes, rows: Sequence[Row]) -> None:
    """Norms before training by layer, and the line on which they would lie in wide nets."""
    own = sorted((r for r in rows if r["event"] == "norm" and r["epoch"] == 0), key=lambda row: row["layer"])
    for row in own:
        _, marker = LAYER_STYLES[row["layer"] - 1]
        ax.plot([row["layer"]] * 2, [row["low"], row["high"]], color="0.6", lw=6, solid_capstyle="butt", alpha=0.6)
        ax.plot(row["layer"], row["median"], "_", color="0.1", ms=12, mew=1.6)
        if row["published"] is not None:
            colour = style.PALETTE[row["layer"] - 1]
            ax.plot(row["layer"], row["published"], marker, ms=6, mfc=colour, mec="black", mew=0.9, zorder=4)
    theory = next((row["theory"] for row in rows if row["event"] == "factor"), None)
    if theory is not None:
        layers = np.array([row["layer"] for row in own])
        ax.plot(layers, own[-1]["median"] * theory ** (layers[-1] - layers), color="0.1", lw=1.1, ls=(0, (5, 2)))
    ax.set_yscale("log")
    ax.set_xlim(0.5, 4.5)
    ax.xaxis.set_major_locator(FixedLocator([1, 2, 3, 4]))
    ax.set_xlabel("hidden layer, from the input")


def _band(ax: Axes, rows: Sequence[Row], x: Callable[[Row], float], colour: Any, dashes: Any) -> None:
    at = [x(row) for row in rows]
    ax.fill_between(at, [row["low"] for row in rows], [row["high"] for row in rows], color=colour, alpha=0.2, lw=0)
    ax.plot(at, [row["median"] for row in rows], color=colour, ls=dashes, lw=1.6)


def _epochs(ax: Axes) -> None:
    """Epoch 0 is on the axis, and the first ten fill as much of it as the last four hundred."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.5)
    ax.set_xlim(-0.15, 560)
    ax.xaxis.set_major_locator(FixedLocator([0, 1, 10, 100, 500]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _legend(rows: Sequence[Row]) -> list[Any]:
    handles: list[Any] = []
    for layer in sorted({row["layer"] for row in rows if row["event"] == "norm"}):
        dashes, marker = LAYER_STYLES[layer - 1]
        colour = style.PALETTE[layer - 1]
        label = f"layer {layer}, median and published"
        handles.append(Line2D([], [], color=colour, ls=dashes, marker=marker, mec="black", ms=5, label=label))
    handles.append(Patch(color="0.6", alpha=0.6, label="2.5–97.5 % of our seeds"))
    theory = next(row["theory"] for row in rows if row["event"] == "factor")
    handles.append(Line2D([], [], color="0.1", ls=(0, (5, 2)), label=f"mean field: √χ₁ = {theory:.3f} per layer"))
    handles.append(Line2D([], [], color="0.35", lw=1.0, ls=":", label="loss of the best constant answer"))
    return handles
