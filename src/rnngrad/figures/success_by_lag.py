"""How often each cell solves the problem, by lag, and the lag at which that falls to half."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit

from . import style

Row = dict[str, Any]
APART = 1.05
"""Factor between neighbouring points of one lag, at most, so that none hides another."""
INSIDE = 1.06
"""By how much an arrow's head stays inside the panel."""
KEY = np.array([-0.105, -0.065, -0.025])
"""Where the key's piece of line stands, left of the lower panel, in widths of it."""


def success_by_lag(title: str, outcomes: Sequence[Row], halves: Sequence[Row]) -> Figure:
    """Above, success rates with Wilson's 95 % intervals and the logistic curve through them; where none can be fitted a
    thin line joins the rates.

    Below, of each line the lag at which success falls to half: a point with its 95 % interval, or a thin line between
    the lags that enclose it; an arrow leads beyond the lags that were tried.

    outcomes, halves: rows of :mod:`rnngrad.sweeps`. What stands left of the lower panel is the key of both.
    """
    lags = sorted({row["lag"] for row in outcomes})
    labels = list(dict.fromkeys(row["label"] for row in outcomes))
    with style.style():
        figure = Figure(figsize=(6.4, 4.1 + 0.24 * len(labels)), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.7, 0.35 + 0.24 * len(labels)])
        style.over_lags(above, lags)
        for k, label in enumerate(labels):
            look, shift = style.line_of(k), _apart(lags, len(labels)) ** (k - (len(labels) - 1) / 2)
            fits = [row for row in halves if row["label"] == label]
            rows = [row for row in outcomes if row["label"] == label and row["n"]]
            _rates(above, rows, shift, look, joined=not any(half["fitted"] for half in fits))
            below.plot(KEY, [k] * 3, **look, markevery=[1], transform=below.get_yaxis_transform(), clip_on=False)
            for half in fits:
                _curve(above, half, look)
                _half(below, half, k, look)
        _finish(above, below, labels, sorted({row["n"] for row in outcomes if row["n"]}))
        style.entitle(figure, title)
    return figure


def _apart(lags: Sequence[float], lines: int) -> float:
    """As much as leaves half of the narrowest gap between lags empty."""
    narrowest = min((b / a for a, b in pairwise(lags)), default=APART**lines)
    return float(min(APART, narrowest ** (0.5 / lines)))


def _rates(ax: Axes, rows: Sequence[Row], shift: float, look: dict[str, Any], joined: bool) -> None:
    rate = np.array([row["solved"] / row["n"] for row in rows])
    ends = np.array([[row["solved_low"], row["solved_high"]] for row in rows]).reshape(-1, 2).T
    lags = [row["lag"] * shift for row in rows]
    ax.errorbar(lags, rate, abs(ends - rate), color=look["color"], fmt=look["marker"], ms=5, lw=1.1, capsize=2)
    if joined:
        ax.plot(lags, rate, color=look["color"], ls=look["ls"], lw=0.7, zorder=1)


def _curve(ax: Axes, half: Row, look: dict[str, Any]) -> None:
    if half["fitted"]:
        lags = np.geomspace(half["lags"][0], half["lags"][-1], 200)
        rate = expit(half["intercept"] + half["slope"] * np.log(lags))
        ax.plot(lags, rate, color=look["color"], ls=look["ls"], lw=1.5, zorder=1)


def _half(ax: Axes, half: Row, k: int, look: dict[str, Any]) -> None:
    """One line of the lower panel: what is known of the lag, if anything is."""
    first, last = ax.get_xlim()
    low, high = half["half_low"], half["half_high"]
    if half["half"] is not None:
        ax.plot(half["half"], k, marker=look["marker"], color=look["color"], ms=8, mec="white", zorder=3)
    elif low is None and high is None:
        ax.text(np.sqrt(first * last), k, "cannot be told", ha="center", va="center", fontsize=8, color="0.35")
        return
    ends = (first * INSIDE if low is None else low, last / INSIDE if high is None else high)
    ax.plot(ends, (k, k), color=look["color"], lw=2.2 if half["fitted"] else 0.9, solid_capstyle="butt")
    for end, known, arrow in ((ends[0], low, "<"), (ends[1], high, ">")):
        ax.plot(end, k, marker="|" if known is not None else arrow, color=look["color"], ms=7)


def _finish(above: Axes, below: Axes, labels: Sequence[str], trials: Sequence[int]) -> None:
    """Axes, the level of one half, and the names."""
    above.axhline(0.5, color="0.35", lw=0.8, ls=":", zorder=0)
    above.set_ylim(-0.04, 1.04)
    runs = f"n = {trials[0]}" + f" – {trials[-1]}" * (len(trials) > 1) if trials else "none has ended yet"
    above.set_ylabel(f"share of runs that solved it\n({runs})")
    above.tick_params(labelbottom=True)
    above.set_xlabel("lag of the task")
    below.set_yticks(range(len(labels)), [style.plain(label) for label in labels])
    below.set_ylim(len(labels) - 0.5, -0.5)
    below.tick_params(axis="y", length=0, pad=46)
    below.spines["left"].set_visible(False)
    below.set_xlabel("lag at which success falls to half")
