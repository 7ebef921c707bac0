"""Memory blocks at work: gates and cell states over one sequence, as in the 1997 paper's figures 9 and 10."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from . import style

NAME = 1.5
LOOKS = [k for k in range(60) if k % len(style.PALETTE) != 8]
"""Of lines: all but those in the palette's yellow, which is faint on white."""


def inside_blocks(title: str, seen: Mapping[str, Mapping[str, Sequence[Any]]]) -> Figure:
    """Gates above, cell states below, a column for each trained net.

    seen: by name, ``input_gates`` and ``output_gates`` (steps, blocks), ``states`` (steps, cells), ``inputs``. Real
    inputs with a marker show where it is 1, by a vertical line.
    """
    most = most_blocks(seen)
    with style.style():
        figure, panels = style.panels(len(seen), kinds=2, share=False, same_steps=False)
        for (gates, states), (name, own) in zip(panels, seen.items(), strict=True):
            gates.set_title(style.broken(name))
            at_work(gates, states, own, most)
            states.set_xlabel("time step")
            states.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            for ax in (gates, states):
                _marks(ax, own["inputs"])
        for own_axes in style.first_of_row(panels):
            own_axes[0].set_ylabel("gate activation")
            own_axes[1].set_ylabel("cell state")
        style.legend_below(figure, panels, max(1, int(figure.get_figwidth() // NAME)))
        style.entitle(figure, title)
    return figure


def most_blocks(seen: Mapping[str, Mapping[str, Any]]) -> int:
    """Of any of the nets, so that a line looks the same in all their panels, and like no other."""
    return max(len(own[gates][0]) for own in seen.values() for gates in ("input_gates", "output_gates"))


def at_work(gates: Axes, states: Axes, own: Mapping[str, Any], most: int) -> None:
    """``input_gates`` and ``output_gates`` into one panel, ``states`` into the other, by time step from 1."""
    _lines(gates, own["input_gates"], "input gate", 0)
    _lines(gates, own["output_gates"], "output gate", most)
    _lines(states, own["states"], "cell state", 2 * most)
    gates.set_ylim(-0.04, 1.04)


def _lines(ax: Axes, values: Sequence[Any], name: str, first: int) -> None:
    array = np.array(values, dtype=np.float64)
    for k in range(array.shape[1] if array.ndim == 2 else 0):
        look = style.line_of(LOOKS[first + k])
        steps = np.arange(1, len(array) + 1)
        ax.plot(steps, array[:, k], color=look["color"], ls=look["ls"], lw=1.4, label=f"{name} {k + 1}")


def _marks(ax: Axes, inputs: Sequence[Any]) -> None:
    """Where a sequence of pairs (value, marker) is marked."""
    array = np.array(inputs, dtype=np.float64)
    if array.ndim == 2 and array.shape[1] == 2:
        for step in np.flatnonzero(array[:, 1] == 1):
            ax.axvline(float(step + 1), color="0.6", lw=0.8, zorder=0)
