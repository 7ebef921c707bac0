"""Test loss, scores where there are any, and the gradient that arrives, against updates: every seed of every cell."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style

Row = dict[str, Any]
GRADIENT = "gradient, first/last step"
CHANCE = {"recall": 1 / 8}
"""What guessing gives, for the scores that have such a level."""
SINGLE = 30
"""Seeds of which each has its own line, at most; of more, what they have in common is drawn."""

Curves = tuple[Row, Sequence[Row], Sequence[Row]]
"""A stored run, its history, and its gradients."""
Curve = tuple[style.Floats, style.Floats]
"""Steps and values of one seed."""


def learning_curves(title: str, lines: Mapping[str, Sequence[Curves]], loss_name: str) -> Figure:
    """One column per cell: the test loss of every seed on a log axis with the baselines, below it the scores, below
    them the gradient at the first step over that at the last.

    lines: per label its runs. Scores are drawn where guessing has a known level. A dot marks the first hit of the stop
    rule, a cross the step at which a run diverged. Of more than 30 seeds the median, middle half and range stand for
    the lines and marks.
    """
    scores = [name for name in next(iter(lines.values()))[0][0]["scores"] if name in CHANCE]
    with style.style():
        figure, panels = style.panels(len(lines), 2 + len(scores))
        for k, (label, runs) in enumerate(lines.items()):
            colour = style.PALETTE[k % style.COLUMNS]
            solved = sum(run["solved"] for run, *_ in runs)
            diverged = sum(run["diverged_at"] is not None for run, *_ in runs)
            ends = f", {diverged} diverged" if diverged else ""
            panels[k][0].set_title(f"{label}\n{solved} of {len(runs)} solved{ends}")
            _losses(panels[k][0], runs, colour)
            for score, ax in zip(scores, panels[k][1:-1], strict=True):
                _score(ax, runs, score, colour)
            _gradients(panels[k][-1], runs, colour)
            panels[k][-1].set_xlabel("updates")
        for own in style.first_of_row(panels):
            for ax, name in zip(own, [f"test loss ({loss_name})", *scores, GRADIENT], strict=True):
                ax.set_ylabel(name)
        first = next(iter(lines.values()))[0][0]
        _levels(panels, first["baselines"], ("--", ":", "-."))
        stop = first["card"]["stop"]
        if stop["rule"] == "loss_below" and stop["value"] > 0:  # at 0 it is nowhere on a logarithmic axis
            _levels(panels, {"solved under": stop["value"]}, ("-",))
        style.entitle(figure, title)
    return figure


def _losses(ax: Axes, runs: Sequence[Curves], colour: Any) -> None:
    ax.set_yscale("log")
    curves = [_curve(history, [h["test_loss"] for h in history]) for _, history, _ in runs]
    _seeds(ax, curves, colour)
    if len(runs) > SINGLE:
        return
    for (run, *_), (steps, losses) in zip(runs, curves, strict=True):
        if run["solved"]:
            at = list(steps).index(run["steps_to_solve"])
            ax.plot(steps[at], losses[at], "o", color=colour, ms=5, mec="white", zorder=3)
        if run["diverged_at"] is not None:
            ax.axvline(run["diverged_at"], color=colour, lw=0.8, ls=":")
            ax.plot(run["diverged_at"], 0.97, "x", color=colour, ms=6, transform=ax.get_xaxis_transform())


def _score(ax: Axes, runs: Sequence[Curves], score: str, colour: Any) -> None:
    ax.set_ylim(-0.03, 1.03)
    _seeds(ax, [_curve(history, [h["scores"].get(score) for h in history]) for _, history, _ in runs], colour)
    if score in CHANCE:
        ax.axhline(CHANCE[score], color="0.35", lw=1, ls="--")


def _gradients(ax: Axes, runs: Sequence[Curves], colour: Any) -> None:
    style.powers_of_ten(ax)
    curves = []
    for _, _, gradients in runs:
        steps, logs = _curve(gradients, [g["grad_first_over_last"] for g in gradients])
        logs[np.isneginf(logs)] = np.nan  # exactly 0 has no place on a logarithmic axis
        curves.append((steps, logs / log(10)))
    _seeds(ax, curves, colour)


def _curve(rows: Sequence[Row], values: Sequence[float | None]) -> Curve:
    return np.array([row["step"] for row in rows]), np.array([np.nan if v is None else v for v in values])


def _seeds(ax: Axes, curves: Sequence[Curve], colour: Any) -> None:
    """Each seed, or, of very many, the median, the middle half and the range of those that have a value."""
    if len(curves) <= SINGLE:
        for steps, values in curves:
            ax.plot(steps, values, color=colour, lw=1.1, alpha=0.8)
        return
    shown = np.unique(np.concatenate([steps for steps, _ in curves]))
    held = np.array([style.held(shown, *curve) for curve in curves])
    shown, held = (values[..., ~np.isnan(held).all(axis=0)] for values in (shown, held))
    low, quarter, median, three, high = np.nanpercentile(held, [0, 25, 50, 75, 100], axis=0)
    ax.fill_between(shown, low, high, color=colour, alpha=0.12, lw=0)
    ax.fill_between(shown, quarter, three, color=colour, alpha=0.3, lw=0)
    ax.plot(shown, median, color=colour, lw=1.6)


def _levels(panels: list[list[Axes]], levels: Mapping[str, float], dashes: Sequence[str]) -> None:
    """Lines in every panel of the loss, named at the right edge."""
    for dash, (name, value) in zip(dashes, levels.items(), strict=False):
        for own in panels:
            own[0].axhline(value, color="0.35", lw=0.8, ls=dash, zorder=1)
        for own in style.last_of_row(panels):
            style.name_level(own[0], value, f"{name} {value:.3g}")
