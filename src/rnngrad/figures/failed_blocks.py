"""Memory blocks of a net that failed over a sequence that it gets wrong: gates, states, outputs beside targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from . import style
from .inside_blocks import NAME, at_work, most_blocks

Seen = Mapping[str, Any]
HEIGHT = 1.9
"""Of a panel in inches."""
WRONG = style.PALETTE[3]
FEW = 2
"""Outputs that are lines; more are a map."""
LOOKS = (("black", "o"), ("0.55", "s"))
"""Of these lines and their targets."""


def failed_blocks(title: str, seen: Mapping[str, Seen]) -> Figure:
    """Gates above, cell states below them, then outputs, a column for each net.

    seen: by name what :class:`rnngrad.hs97.failing.Failing` has of the sequence. What matters of its elements stands
    above the gates.
    """
    most = most_blocks(seen)
    with style.style():
        figure, panels = style.panels(len(seen), kinds=3, share=False, height=HEIGHT, same_steps=False)
        for (gates, states, outputs), (name, own) in zip(panels, seen.items(), strict=True):
            at_work(gates, states, own, most)
            _outputs(outputs, own)
            outputs.set_xlabel("time step")
            outputs.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            gates.set_title(style.broken(name), pad=_name_elements(gates, own["names"]))
            for ax in (gates, states, outputs):
                ax.set_xlim(0.5, len(own["states"]) + 0.5)
        for gates, states, outputs in style.first_of_row(panels):
            gates.set_ylabel("gate activation")
            states.set_ylabel("cell state")
            outputs.set_ylabel("output")
        style.legend_below(figure, panels, max(1, int(figure.get_figwidth() // NAME)))
        style.entitle(figure, title)
    return figure


def _outputs(ax: Axes, own: Seen) -> None:
    outputs, targets = np.array(own["outputs"], dtype=np.float64), np.array(own["targets"], dtype=np.float64)
    scored, wrong = np.array(own["scored"]), np.array(own["wrong"])
    if outputs.shape[1] > FEW:
        _map(ax, outputs, targets, scored, own["units"])
    else:
        _lines(ax, own, outputs, targets)
    above: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    ax.plot(wrong, np.full(len(wrong), 1.03), "v", ms=4, color=WRONG, label="wrong here", **above)


def _lines(ax: Axes, own: Seen, outputs: style.Floats, targets: style.Floats) -> None:
    steps = np.arange(1, len(outputs) + 1)
    for k, (name, (colour, marker)) in enumerate(zip(own["units"], LOOKS, strict=False)):
        word = f" {style.plain(name)}" if len(own["units"]) > 1 else ""
        ax.plot(steps, outputs[:, k], color=colour, ls=style.DASHES[k], lw=1.4, label=f"output{word}")
        look: dict[str, Any] = {"color": colour, "mfc": "white", "ms": 6, "clip_on": False}
        ax.plot(own["scored"], targets[:, k], marker, label=f"target{word}", **look)
    ax.margins(y=0.08)


def _map(ax: Axes, outputs: style.Floats, targets: style.Floats, scored: style.Floats, units: Sequence[str]) -> None:
    """A row an output, from white at 0 to black at 1."""
    extent = (0.5, len(outputs) + 0.5, len(units) - 0.5, -0.5)
    ax.imshow(outputs.T, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=extent)
    places, rows = np.nonzero(targets == 1)
    ax.plot(scored[places], rows, "o", mfc="none", color=style.PALETTE[1], ms=6, mew=1.5, clip_on=False, label="target")
    ax.fill_between([], [], [], color="black", label="output of 1")
    ax.set_yticks(range(len(units)), [style.plain(unit) for unit in units])
    ax.tick_params(axis="y", labelleft=True, labelsize=8, length=0)


def _name_elements(ax: Axes, names: Sequence[str]) -> float:
    """Names above the panel, with a line through it where they are few; returns the room that the title keeps free."""
    longest = max(map(len, names), default=0)
    upright = longest <= FEW
    for step, name in enumerate(names, 1):
        if not name:
            continue
        look: dict[str, Any] = {
            "rotation": 0 if upright else 90,
            "ha": "center",
            "va": "bottom",
            "fontsize": 8,
            "color": "0.25",
        }
        ax.text(step, 1.02, style.plain(name), transform=ax.get_xaxis_transform(), **look)
        if not all(names):
            ax.axvline(step, color="0.6", lw=0.8, zorder=0)
    return 6.0 + 10.0 * bool(longest) if upright else 8.0 + 4.5 * longest
