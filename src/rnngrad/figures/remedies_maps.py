"""The grid of remedies as heat maps: activation and initialisation by depth, one panel for each remedy."""

from collections.abc import Callable, Sequence
from math import exp, isfinite, isnan, log, sqrt
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from . import style

Row = dict[str, Any]
REMEDIES = {"plain": "plain", "batch_norm": "batch norm", "residual": "residual"}
POWERS = 100
"""Powers of ten at which the colours of the gradient end."""
SCALE = "#d55e00"
"""Of the line of the depth scale: a colour of the palette that neither map has."""
INITS = {
    "gaussian_0.25": "0.25/n (too small)",
    "xavier": "1/n (Xavier)",
    "glorot": "1/n (Glorot)",
    "he": "2/n (He)",
    "gaussian_4": "4/n (too large)",
    "orthogonal": "1/n (orthogonal)",
}
"""Variances of a weight between hidden layers, for names that do not say it."""
NAMES = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "prelu": "PReLU"}

Look = tuple[float, str]
"""Value of a cell on the colour map, and its text."""


def remedies_gradient(title: str, rows: Sequence[Row]) -> Figure:
    """Powers of ten of the gradient at the first hidden layer over that at the last, before training.

    rows: those of :mod:`rnngrad.findings.remedies`.
    """

    def look(row: Row) -> Look:
        if isnan(row["mean"]):
            return -POWERS, "dead"
        power = row["mean"] / log(10)
        text = f"{power:+.1f}" if abs(power) < 99.5 else f"{power:+.0f}"
        return power, "0.0" if abs(power) < 0.05 else text

    norm = SymLogNorm(1, vmin=-POWERS, vmax=POWERS)
    label = "gradient before training, first hidden layer over last, power of ten"
    return _figure(title, rows, look, colormaps["PuOr"], norm, label)


def remedies_training(title: str, rows: Sequence[Row]) -> Figure:
    """The training loss at the end of the budget, median over seeds; nets that train are framed, a c marks those that
    do with clipping alone, and ∞ those that diverge."""
    guess = log(10)

    def look(row: Row) -> Look:
        loss = row["training_loss"]
        text = "∞" if not isfinite(loss) else f"{loss:.1f}" if loss < 99.5 else ">99"
        rescued = row["clipped"] is not None and row["clipped"] * 2 > row["seeds"] and not _trains(row)
        return min(loss, 2 * guess), f"{text} c" if rescued else text

    label = "training loss at the end of the budget, nats"
    figure = _figure(title, rows, look, colormaps["cividis_r"], Normalize(0, guess), label, framed=True)
    note = "framed: trains; c: trains with clipping alone; ∞: diverges at every rate; guessing costs 2.3 nats"
    figure.supxlabel(f"{figure.get_supxlabel()}\n{note}", fontsize=10)
    return figure


def _figure(
    title: str,
    rows: Sequence[Row],
    look: Callable[[Row], Look],
    colours: Colormap,
    norm: Normalize,
    label: str,
    framed: bool = False,
) -> Figure:
    nets = [row for row in rows if row["event"] == "net"]
    pairs = list(dict.fromkeys((row["activation"], row["init"]) for row in nets))
    remedies = [remedy for remedy in REMEDIES if any(row["remedy"] == remedy for row in nets)]
    with style.style():
        size = (2.6 + 3.5 * len(remedies), 2.2 + 0.27 * len(pairs))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(1, len(remedies), squeeze=False, sharey=True)[0]
        for ax, remedy in zip(axes, remedies, strict=True):
            own = [row for row in nets if row["remedy"] == remedy]
            _panel(ax, own, pairs, look, colours, norm, framed)
            ax.set_title(REMEDIES[remedy])
        _name_rows(axes[0], pairs)
        mappable = ScalarMappable(norm, colours)
        bar = figure.colorbar(mappable, ax=list(axes), extend="max" if framed else "neither", shrink=0.7, pad=0.02)
        bar.set_label(label)
        if not framed:
            bar.set_ticks([-100, -10, -1, 0, 1, 10, 100], labels=["−100", "−10", "−1", "0", "+1", "+10", "+100"])
        figure.suptitle(style.plain(title), fontsize=12, fontweight="bold")
        note = "orange: depth scale ξ of mean-field theory (◂ under, ▸ beyond the axis); none for residual nets"
        known = {(row["activation"], row["init"], row["remedy"]) for row in nets}
        note += "; blank: not tried" if len(known) < len(pairs) * len(remedies) else ""
        figure.supxlabel(f"hidden layers\n{note}", fontsize=10)
    return figure


def _panel(
    ax: Axes,
    rows: Sequence[Row],
    pairs: Sequence[tuple[str, str]],
    look: Callable[[Row], Look],
    colours: Colormap,
    norm: Normalize,
    framed: bool,
) -> None:
    depths = sorted({row["depth"] for row in rows})
    edges = _edges(depths)
    for row in rows:
        k, line = depths.index(row["depth"]), pairs.index((row["activation"], row["init"]))
        value, text = look(row)
        colour = colours(norm(value))
        left, width = edges[k], edges[k + 1] - edges[k]
        ax.add_patch(Rectangle((left, line - 0.5), width, 1, fc=colour, ec="white", lw=0.6))
        middle = sqrt(edges[k] * edges[k + 1])
        ink = "white" if style.luminance(colour) < 0.45 else "black"
        written = ax.text(middle, line, text, ha="center", va="center", fontsize=7, color=ink, zorder=6)
        if row["depth_scale"] is not None and left < row["depth_scale"] < left + width:
            written.set_path_effects([withStroke(linewidth=2.5, foreground=colour)])  # the line of ξ runs behind it
    if framed:
        _frame(ax, rows, pairs, depths, edges)
    _scales(ax, rows, pairs, edges)
    _axes(ax, pairs, depths, edges)


def _frame(
    ax: Axes, rows: Sequence[Row], pairs: Sequence[tuple[str, str]], depths: Sequence[int], edges: Sequence[float]
) -> None:
    """A border around the cells that train, drawn where their neighbour does not."""
    cells = {(depths.index(r["depth"]), pairs.index((r["activation"], r["init"]))) for r in rows if _trains(r)}
    for k, line in cells:
        left, right, low, high = edges[k], edges[k + 1], line - 0.5, line + 0.5
        sides = {
            (k - 1, line): ((left, left), (low, high)),
            (k + 1, line): ((right, right), (low, high)),
            (k, line - 1): ((left, right), (low, low)),
            (k, line + 1): ((left, right), (high, high)),
        }
        for neighbour, (x, y) in sides.items():
            if neighbour not in cells:
                ax.plot(x, y, color="black", lw=2, solid_capstyle="round", zorder=3, clip_on=False)


def _scales(ax: Axes, rows: Sequence[Row], pairs: Sequence[tuple[str, str]], edges: Sequence[float]) -> None:
    """ξ of every line: a bar where it is on the axis, an arrow head at the end beyond which it is."""
    for line, pair in enumerate(pairs):
        scale = next((row["depth_scale"] for row in rows if (row["activation"], row["init"]) == pair), None)
        if scale is None:
            continue
        if edges[0] < scale < edges[-1]:
            for colour, width in (("white", 4.0), (SCALE, 2.2)):
                ends = [line - 0.5, line + 0.5]
                ax.plot([scale] * 2, ends, color=colour, lw=width, zorder=4, solid_capstyle="butt")
        else:
            end, marker = (edges[0], "<") if scale <= edges[0] else (edges[-1], ">")
            ax.plot(end, line, marker, color=SCALE, mec="white", mew=0.6, ms=6, zorder=5, clip_on=False)


def _axes(ax: Axes, pairs: Sequence[tuple[str, str]], depths: Sequence[int], edges: Sequence[float]) -> None:
    ax.set_xscale("log")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.xaxis.set_major_locator(FixedLocator(list(depths)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.tick_params(length=0, labelsize=8)
    for spine in ax.spines.values():
        spine.set_visible(False)
    for line in range(1, len(pairs)):
        if pairs[line][0] != pairs[line - 1][0]:
            ax.axhline(line - 0.5, color="white", lw=4, zorder=2)


def _name_rows(ax: Axes, pairs: Sequence[tuple[str, str]]) -> None:
    """Initialisations at the ticks, activations beside them, once for each block."""
    ax.set_yticks(range(len(pairs)), [INITS.get(init, init) for _, init in pairs])
    for activation in dict.fromkeys(activation for activation, _ in pairs):
        lines = [line for line, pair in enumerate(pairs) if pair[0] == activation]
        where = (-0.46, float(np.mean(lines)))
        ax.annotate(
            NAMES.get(activation, activation),
            where,
            xycoords=("axes fraction", "data"),
            rotation=90,
            ha="center",
            va="center",
            fontsize=10,
            fontweight="bold",
        )


def _edges(depths: Sequence[int]) -> list[float]:
    """Of the cells on a logarithmic axis: half-way between depths, and as far beyond the first and the last."""
    logs = np.log(depths)
    if len(logs) == 1:
        return [exp(logs[0] - 0.3), exp(logs[0] + 0.3)]
    inner = (logs[1:] + logs[:-1]) / 2
    outer = logs[0] - (inner[0] - logs[0]), logs[-1] + (logs[-1] - inner[-1])
    return [float(edge) for edge in np.exp([outer[0], *inner, outer[1]])]


def _trains(row: Row) -> bool:
    return bool(row["trained"] * 2 > row["seeds"])
