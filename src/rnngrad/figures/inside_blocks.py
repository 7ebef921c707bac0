"""Memory blocks at work: gates and cell states over one sequence, as in the 1997 paper's figures 9 and 10."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style

NAME = 1.5


def inside_blocks(title: str, seen: Mapping[str, Mapping[str, Sequence[Any]]]) -> Figure:
    """Gates above, cell states below, a column for each trained net.

    seen: by name, ``input_gates`` and ``output_gates`` (steps, blocks), ``states`` (steps, cells), ``inputs``. Real
    inputs with a marker show where it is 1, by a vertical line.
    """
    with style.style():
        figure, panels = style.panels(len(seen), kinds=2, share=False)
        for (gates, states), (name, own) in zip(panels, seen.items(), strict=True):
            gates.set_title(style.plain(name))
            at_work(gates, states, own)
            states.set_xlabel("time step")
            for ax in (gates, states):
                _marks(ax, own["inputs"])
        for own_axes in style.first_of_row(panels):
            own_axes[0].set_ylabel("gate activation")
            own_axes[1].set_ylabel("cell state")
        style.legend_below(figure, panels, max(1, int(figure.get_figwidth() // NAME)))
        style.entitle(figure, title)
    return figure


def at_work(gates: Axes, states: Axes, own: Mapping[str, Any]) -> None:
    """``input_gates`` and ``output_gates`` into one panel, ``states`` into the other, by time step from 1."""
    _lines(gates, own["input_gates"], "input gate", 0)
    _lines(gates, own["output_gates"], "output gate", 3)
    _lines(states, own["states"], "cell state", 6)
    gates.set_ylim(-0.04, 1.04)


def _lines(ax: Axes, values: Sequence[Any], name: str, first: int) -> None:
    array = np.array(values, dtype=np.float64)
    for k in range(array.shape[1] if array.ndim == 2 else 0):
        look = style.line_of(first + k)
        steps = np.arange(1, len(array) + 1)
        ax.plot(steps, array[:, k], color=look["color"], ls=look["ls"], lw=1.4, label=f"{name} {k + 1}")


def _marks(ax: Axes, inputs: Sequence[Any]) -> None:
    """Where a sequence of pairs (value, marker) is marked."""
    array = np.array(inputs, dtype=np.float64)
    if array.ndim == 2 and array.shape[1] == 2:
        for step in np.flatnonzero(array[:, 1] == 1):
            ax.axvline(float(step + 1), color="0.6", lw=0.8, zorder=0)
