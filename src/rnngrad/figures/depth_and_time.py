"""Gradient against layers and steps back on one axis: depth beside time, tied beside redrawn, remedies in pairs."""

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ..side_by_side import Array, Row, by_width, chosen, learners, relative, theory
from . import style

Look = dict[str, Any]
DEPTH: Look = {"color": style.PALETTE[1], "ls": "-", "marker": "s"}
REDRAWN: Look = {"color": style.PALETTE[2], "ls": "--", "marker": "^"}
TIED: Look = {"color": style.PALETTE[0], "ls": "-", "marker": "o"}
THEORY: Look = {"color": "black", "lw": 1.3}
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
ONE_PERCENT = -2.0
SHADE = 0.15
"""Of a band: several lie over each other."""
HEADROOM = 1.2
"""Powers of ten above the data that a ceiling has to show where it goes."""


def depth_and_time(title: str, rows: Sequence[Row]) -> Figure:
    """The rows of a comparison as five panels: at initialisation, after training, the rates by width, the remedies.

    Lines are medians over seeds, bands run from the lowest seed to the highest.
    """
    with style.style():
        figure = Figure(figsize=(12.5, 9.6), layout="constrained")
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.1, 1), hspace=0.04)[:, 0]
        before, after, widths = above.subplots(1, 3)
        _before(before, rows)
        _after(after, rows)
        _widths(widths, rows)
        _legend(above, (before, after, widths), 4)
        sides = below.subplots(1, 2, sharey=True)
        for ax, over in zip(sides, ("depth", "time"), strict=True):
            _remedies(ax, chosen(rows, event="remedy", over=over), over)
        sides[0].set_ylabel("gradient, relative to lag 0")
        _pairs(below, rows)
        for ax, letter in zip((before, after, widths, *sides), "abcde", strict=True):
            ax.set_title(f"{letter}   {ax.get_title()}", loc="left", fontweight="bold")
            ax.set_title("")
        figure.suptitle(style.plain(title), fontsize=11)
    return figure


def _before(ax: Axes, rows: Sequence[Row]) -> None:
    curves = [_powers(chosen(rows, event="flow", net=net, moment="init")) for net in ("mlp", "redrawn", "rnn")]
    names = ("MLP, by layers", "RNN, weights redrawn at every step", "RNN, by steps")
    for own, name, look in zip(curves, names, (DEPTH, REDRAWN, TIED), strict=True):
        _band(ax, own, name, look)
    shown = np.concatenate([own.ravel() for own in curves] + [np.zeros(1)])
    low, high = np.nanmin(shown), np.nanmax(shown)
    lags = np.arange(curves[0].shape[1], dtype=np.float64)
    for over, dashes in (("depth", (0, (1, 1))), ("time", (0, (4, 1, 1, 1)))):
        rate = theory(rows, f"sqrt_chi_1 over {over}")
        ax.plot(lags, lags * rate / log(10), ls=dashes, zorder=4, label=f"mean field, √χ₁ over {over}", **THEORY)
    _ceiling(ax, rows, lags)
    ax.set_ylim(low - 0.2, high + HEADROOM)
    _dress(ax, "at initialisation")
    ax.set_ylabel("gradient, relative to lag 0")


def _ceiling(ax: Axes, rows: Sequence[Row], lags: Array) -> None:
    """Pascanu's, which is Hochreiter's with the tighter norm; it soon leaves the panel."""
    ceiling = chosen(rows, event="ceiling", name="pascanu_vanishing")[0]
    label = "ceiling: largest singular value (Pascanu)"
    ax.plot(lags, lags * ceiling["log_factor"] / log(10), color="0.45", lw=1.3, ls=(0, (6, 2)), label=label)


def _after(ax: Axes, rows: Sequence[Row]) -> None:
    """Those that learned the bit, and those that did not."""
    for net, look in (("mlp", DEPTH), ("rnn", TIED)):
        flows, learned = chosen(rows, event="flow", net=net, moment="trained"), learners(rows, net)
        for did, word, face in ((True, "learned the bit", look["color"]), (False, "did not", "white")):
            own = [row for row in flows if (row["seed"] in learned) == did]
            if own:
                dashes = look["ls"] if did else ":"
                _band(ax, _powers(own), "", {**look, "ls": dashes, "mfc": face})
                name = f"{net.upper()}, {len(own)} of {len(flows)} {word}"
                ax.plot([], [], **{**look, "ls": dashes, "mfc": face}, lw=1.8, ms=5, label=f"(b) {name}")
    _dress(ax, "after training")


def _widths(ax: Axes, rows: Sequence[Row]) -> None:
    """The rate of every seed at each width; a bar at the mean."""
    kinds: tuple[tuple[str, Look, str | None], ...] = (
        ("redrawn", REDRAWN, None),
        ("tied", TIED, None),
        ("log_jacobian_radius", {"color": "black", "marker": "x"}, "(c) spectral radius of the mean step"),
    )
    widths = by_width(rows)
    for k, own in enumerate(widths.values()):
        for offset, (name, look, label) in zip((-0.25, 0.0, 0.25), kinds, strict=True):
            factors = np.exp(own[name][np.isfinite(own[name])])
            x = np.full(len(factors), k + offset)
            ax.plot(x, factors, look["marker"], color=look["color"], ms=4, alpha=0.75, label=label if k == 0 else None)
            if len(factors):
                ax.plot(k + offset + np.array([-0.1, 0.1]), [factors.mean()] * 2, color="black", lw=1.6)
    ax.axhline(np.exp(theory(rows, "sqrt_chi_1 over time")), ls=(0, (4, 1, 1, 1)), zorder=1, **THEORY)
    ax.set_xticks(range(len(widths)), [str(width) for width in widths])
    ax.set_xlabel("width")
    ax.set_ylabel("factor per step back")
    ax.set_title("the rate of every seed; bar: mean")


def _remedies(ax: Axes, rows: Sequence[Row], over: str) -> None:
    for k, pair in enumerate(dict.fromkeys(row["pair"] for row in rows)):
        _band(ax, _powers([row for row in rows if row["pair"] == pair]), "", _look(k))
    _dress(ax, f"remedies over {over}, at initialisation")
    ax.set_xlabel("layers back from the last" if over == "depth" else "steps back from the last")


def _pairs(figure: SubFigure, rows: Sequence[Row]) -> None:
    """One legend for both sides of every pair."""
    names: dict[str, dict[str, str]] = {}
    for row in chosen(rows, event="remedy"):
        names.setdefault(row["pair"], {})[row["over"]] = row["net"]
    ax = figure.axes[0]
    handles = [ax.plot([], [], lw=1.8, ms=5, **_look(k))[0] for k in range(len(names))]
    labels = [f"{own['depth']}  |  {own['time']}" for own in names.values()]
    figure.legend(handles, labels, loc="outside lower center", ncols=3, title="(d) over depth  |  (e) over time")


def _look(k: int) -> Look:
    return {"color": style.PALETTE[(7, 0, 1, 2, 3, 4)[k]], "ls": DASHES[k], "marker": MARKERS[k]}


def _powers(rows: Sequence[Row]) -> Array:
    """Powers of ten relative to lag 0, (seeds, lags); NaN for an exact 0, which a logarithmic axis cannot show."""
    curves = np.array([relative(row) for row in rows]) / log(10)
    return np.where(np.isfinite(curves), curves, np.nan)


def _band(ax: Axes, curves: Array, name: str, look: Look) -> None:
    lags = np.arange(curves.shape[1])
    ax.fill_between(lags, curves.min(axis=0), curves.max(axis=0), color=look["color"], alpha=SHADE, lw=0)
    for edge in (curves.min(axis=0), curves.max(axis=0)):  # which a grey print needs
        ax.plot(lags, edge, color=look["color"], lw=0.6, ls=look["ls"], alpha=0.7)
    label = name or None
    ax.plot(lags, np.median(curves, axis=0), lw=1.8, ms=5, markevery=max(1, len(lags) // 8), label=label, **look)


def _dress(ax: Axes, title: str) -> None:
    style.powers_of_ten(ax)
    ax.axhline(ONE_PERCENT, color="0.35", lw=0.8, ls=":")
    if ax.get_ylim()[0] < ONE_PERCENT:
        style.name_level(ax, ONE_PERCENT, "1 %")
    ax.set_title(title)
    ax.set_xlabel("lag: layers, or steps, back from the last")


def _legend(figure: SubFigure, panels: Sequence[Axes], columns: int) -> None:
    named = {n: h for ax in panels for h, n in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=columns)
