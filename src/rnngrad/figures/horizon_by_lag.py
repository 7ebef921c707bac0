"""How far back the gradient reaches before and after training, against the lag that was to be bridged."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from . import style

Row = dict[str, Any]
Runs = Sequence[tuple[Row, Row | None]]
"""Stored runs, each with its first evaluation (a row of ``Store.history``) if it has one."""


class _Series(NamedTuple):
    """What stands left (-1) or right (1) of each lag, and how it is drawn."""

    name: str
    side: int
    colour: Any
    marker: str


class _Point(NamedTuple):
    """The horizon of one run; the whole sequence if it has none in it (``open``)."""

    height: int
    lag: int
    open: bool
    solved: bool


BEFORE = _Series("before training", -1, style.BEFORE, "s")
AFTER = _Series("after training", 1, style.AFTER, "o")
WHOLE: dict[str, Any] = {"color": "0.35", "lw": 0.9, "ls": "--", "zorder": 0, "label": "whole sequence"}
ASIDE = 1.1
SPREAD = 1.05
"""Factors by which points stand aside of their lag, and are spread so that none hides another."""


def horizon_by_lag(title: str, lines: Mapping[str, Runs]) -> Figure:
    """One panel per line, one point per run: the first lag at which the gradient is under 1 % of lag 0's.

    lines: per label its runs. Full points are of runs that solved it, hollow ones of runs that did not. A triangle on
    the dashed line is a gradient that is under 1 % nowhere in the sequence. A run without a gradient, as after it
    diverged, has no point.
    """
    with style.style():
        figure, panels = style.panels(len(lines))
        lags = sorted({run["lag"] for runs in lines.values() for run, _ in runs})
        for (ax,), (label, runs) in zip(panels, lines.items(), strict=True):
            ax.set_title(style.plain(label))
            style.over_lags(ax, lags)
            _whole(ax, [run for run, _ in runs])
            starts = [(run, first) for run, first in runs if first]
            _draw(ax, BEFORE, [_point(run, first["grad_first_over_last"], first["horizon"]) for run, first in starts])
            _draw(ax, AFTER, [_point(run, run["grad_first_over_last_end"], run["horizon"]) for run, _ in runs])
            ax.set_xlabel("lag of the task")
        for own in style.first_of_row(panels):
            style.plain_log(own[0])
            own[0].set_ylabel("horizon: lag at which the\ngradient is under 1 %")
        figure.legend(handles=_key(), loc="outside lower center", ncols=min(len(lines), 3))
        style.entitle(figure, title)
    return figure


def _point(run: Row, gradient: float | None, horizon: int | None) -> _Point | None:
    if gradient is None:
        return None
    return _Point(run["length"] - 1 if horizon is None else horizon, run["lag"], horizon is None, bool(run["solved"]))


def _draw(ax: Axes, series: _Series, points: Sequence[_Point | None]) -> None:
    known = sorted(point for point in points if point is not None)
    places = [k % 3 - 1 for k in range(len(known))]  # neighbours in height stand beside each other
    for open_, solved in [(False, False), (False, True), (True, False), (True, True)]:
        own = [(p, at) for p, at in zip(known, places, strict=True) if (p.open, p.solved) == (open_, solved)]
        across = [p.lag * ASIDE**series.side * SPREAD**at for p, at in own]
        ax.plot(across, [p.height for p, _ in own], **_look(series, "^" if open_ else series.marker, solved))


def _look(series: _Series, marker: str, solved: bool) -> dict[str, Any]:
    full = series.colour if solved else "white"
    return {"ls": "", "marker": marker, "ms": 4, "mfc": full, "mec": series.colour, "mew": 1.0, "alpha": 0.75}


def _whole(ax: Axes, runs: Sequence[Row]) -> None:
    """The longest way back that there is, by lag."""
    longest = sorted({(run["lag"], run["length"] - 1) for run in runs})
    ax.plot([lag for lag, _ in longest], [length for _, length in longest], **WHOLE)


def _key() -> list[Line2D]:
    """The legend: by column before, after, and where the gradient does not end."""
    key = [
        Line2D([], [], **_look(series, series.marker, solved), label=f"{series.name}, {'' if solved else 'not '}solved")
        for series in (BEFORE, AFTER)
        for solved in (True, False)
    ]
    return [*key, Line2D([], [], **WHOLE), Line2D([], [], **_look(AFTER, "^", True), label="under 1 % nowhere")]
