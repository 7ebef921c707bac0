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


Curves = tuple[Row, Sequence[Row], Sequence[Row]]
"""A stored run, its history, and its gradients."""


def learning_curves(title: str, lines: Mapping[str, Sequence[Curves]], loss_name: str) -> Figure:
    """One column per cell: the test loss of every seed on a log axis with the baselines, below it the scores, below
    them the gradient at the first step over that at the last.

    lines: per label its runs. Scores are drawn where guessing has a known level. A dot marks the first hit of the stop
    rule, a cross the step at which a run diverged.
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
        figure.suptitle(style.plain(title), fontsize=12, fontweight="bold")
    return figure


def _losses(ax: Axes, runs: Sequence[Curves], colour: Any) -> None:
    ax.set_yscale("log")
    for run, history, _ in runs:
        steps = [h["step"] for h in history]
        losses = [np.nan if h["test_loss"] is None else h["test_loss"] for h in history]
        ax.plot(steps, losses, color=colour, lw=1.1, alpha=0.8)
        if run["solved"]:
            at = steps.index(run["steps_to_solve"])
            ax.plot(steps[at], losses[at], "o", color=colour, ms=5, mec="white", zorder=3)
        if run["diverged_at"] is not None:
            ax.axvline(run["diverged_at"], color=colour, lw=0.8, ls=":")
            ax.plot(run["diverged_at"], 0.97, "x", color=colour, ms=6, transform=ax.get_xaxis_transform())


def _score(ax: Axes, runs: Sequence[Curves], score: str, colour: Any) -> None:
    ax.set_ylim(-0.03, 1.03)
    for _, history, _ in runs:
        values = [np.nan if h["scores"].get(score) is None else h["scores"][score] for h in history]
        ax.plot([h["step"] for h in history], values, color=colour, lw=1.1, alpha=0.8)
    if score in CHANCE:
        ax.axhline(CHANCE[score], color="0.35", lw=1, ls="--")


def _gradients(ax: Axes, runs: Sequence[Curves], colour: Any) -> None:
    style.powers_of_ten(ax)
    for _, _, gradients in runs:
        logs = np.array([np.nan if g["grad_first_over_last"] is None else g["grad_first_over_last"] for g in gradients])
        logs[np.isneginf(logs)] = np.nan  # exactly 0 has no place on a logarithmic axis
        ax.plot([g["step"] for g in gradients], logs / log(10), color=colour, lw=1.1, alpha=0.8)


def _levels(panels: list[list[Axes]], levels: Mapping[str, float], dashes: Sequence[str]) -> None:
    """Lines in every panel of the loss, named at the right edge."""
    for dash, (name, value) in zip(dashes, levels.items(), strict=False):
        for own in panels:
            own[0].axhline(value, color="0.35", lw=0.8, ls=dash, zorder=1)
        for own in style.last_of_row(panels):
            style.name_level(own[0], value, f"{name} {value:.3g}")
