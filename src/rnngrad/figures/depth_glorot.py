"""Jacobians, gradients and weight gradients by layer, for two variances of the weights."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from . import style

Row = dict[str, Any]
LOOKS = {"standard": (style.PALETTE[1], "s"), "normalised": (style.PALETTE[0], "o")}
"""Colour and marker of an initialisation."""
DASHED = (0, (5, 2))


def depth_glorot(title: str, rows: Sequence[Row]) -> Figure:
    """Mean singular value of each Jacobian between hidden layers beside theory and the published one; variance of the
    gradient beside its prediction; variance of the weight gradient. Bands over seeds.

    rows: those of :mod:`rnngrad.findings.glorot`.
    """
    with style.style():
        figure = Figure(figsize=(11.4, 4.5), layout="constrained")
        jacobians, gradients, weights = figure.subplots(1, 3)
        for variant, look in LOOKS.items():
            own = [row for row in rows if row["variant"] == variant]
            _jacobians(jacobians, [row for row in own if row["event"] == "jacobian"], *look)
            hidden = [row for row in own if row["event"] == "layer" and row["predicted"] is not None]
            _variances(gradients, hidden, "gradient_variance", *look)
            _line(gradients, hidden, "predicted")
            _line(gradients, hidden, "with_slopes", "-")
            _variances(weights, hidden, "weight_gradient_variance", *look)
        _finish(jacobians, "Jacobians", "mean singular value of ∂z$_{l+1}$/∂z$_l$")
        jacobians.set_ylim(0, 1)
        _finish(gradients, "back-propagated gradients", "variance of ∂C/∂z$_l$")
        _finish(weights, "weight gradients", "variance of ∂C/∂W$_l$")
        for ax in (gradients, weights):
            ax.set_yscale("log")
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
        figure.suptitle(style.plain(title), fontsize=12, fontweight="bold")
    return figure


def _jacobians(ax: Axes, rows: Sequence[Row], colour: Any, marker: str) -> None:
    layers = [row["layer"] for row in rows]
    ax.axhline(rows[0]["published"], color=colour, lw=1.0, ls=":")
    ax.fill_between(layers, [r["low"] for r in rows], [r["high"] for r in rows], color=colour, alpha=0.25, lw=0)
    ax.plot(layers, [row["median"] for row in rows], ls="", marker=marker, color=colour, mec="black", mew=0.7, ms=6)
    _line(ax, rows, "theory")


def _variances(ax: Axes, rows: Sequence[Row], name: str, colour: Any, marker: str) -> None:
    layers = [row["layer"] for row in rows]
    low, high = ([row[f"{name}_{end}"] for row in rows] for end in ("low", "high"))
    ax.fill_between(layers, low, high, color=colour, alpha=0.25, lw=0)
    ax.plot(layers, [row[name] for row in rows], ls="", marker=marker, color=colour, mec="black", mew=0.7, ms=6)


def _line(ax: Axes, rows: Sequence[Row], name: str, dashes: Any = DASHED) -> None:
    ax.plot([row["layer"] for row in rows], [row[name] for row in rows], color="0.1", lw=1.1, ls=dashes, zorder=1)


def _finish(ax: Axes, title: str, name: str) -> None:
    ax.set_title(title)
    ax.set_xlabel("hidden layer l, from the input")
    ax.set_ylabel(name)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend() -> list[Any]:
    bounds = {"standard": "standard, U[±1/√n]", "normalised": "normalised, U[±√(6/(n+n'))]"}
    handles: list[Any] = [
        Line2D([], [], ls="", color=colour, marker=marker, mec="black", ms=6, label=bounds[variant])
        for variant, (colour, marker) in LOOKS.items()
    ]
    handles.append(Line2D([], [], color="0.1", lw=1.1, ls=DASHED, label="theory: quarter circle; eq. 13"))
    handles.append(Line2D([], [], color="0.1", lw=1.1, label="the same with E[tanh'²] at every layer"))
    handles.append(Line2D([], [], color="0.35", lw=1.0, ls=":", label="published"))
    handles.append(Patch(color="0.6", alpha=0.4, label="2.5–97.5 % of seeds"))
    return handles
