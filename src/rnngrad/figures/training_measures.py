"""What happened in the net while it learned: spectra of its weights, Ω, saturation and top exponent against updates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from . import style

Row = dict[str, Any]
Runs = Sequence[Sequence[Row]]
"""For every seed its evaluations: rows with ``step`` and ``measures``."""

NAMES = (
    "spectrum of $W_{hh}$",
    r"Pascanu's $\Omega$ (norms)",
    "share of saturated units",
    "top exponent, per step",
)


def training_measures(title: str, lines: Mapping[str, Runs]) -> Figure:
    """One column per cell. From the top: spectral radius (solid) and largest singular value (dashed) of each gate's
    block of the recurrent weights, Ω, the share of saturated units of each gate, the top finite-time exponent.

    lines: per label its seeds. Lines are medians over seeds, bands run from the lowest to the highest; a seed that has
    ended keeps its weights, and so its last values.
    """
    with style.style():
        figure, panels = style.panels(len(lines), len(NAMES))
        for (label, runs), own in zip(lines.items(), panels, strict=True):
            own[0].set_title(label)
            spectra, omega, saturation, exponent = own
            for k, gate in enumerate(_gates(runs, "rho_")):
                _band(spectra, runs, f"rho_{gate}", k, f"$\\rho$, {gate}")
                _band(spectra, runs, f"sigma_max_{gate}", k, f"$\\sigma_{{max}}$, {gate}", "--")
            _band(omega, runs, "omega_norms", 0)
            for k, gate in enumerate(_gates(runs, "saturated_")):
                _band(saturation, runs, f"saturated_{gate}", k, gate)
            _band(exponent, runs, "exponent", 0)
            own[-1].set_xlabel("updates")
        for own in panels:
            _levels(own)
        for own in style.first_of_row(panels):
            for ax, name in zip(own, NAMES, strict=True):
                ax.set_ylabel(name)
        figure.align_ylabels()
        style.entitle(figure, title)
    return figure


def _gates(runs: Runs, prefix: str) -> list[str]:
    names = dict.fromkeys(name for rows in runs for row in rows for name in row["measures"])
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _band(ax: Axes, runs: Runs, name: str, k: int, label: str | None = None, dashes: str = "-") -> None:
    """The median over seeds at every step, and from the lowest to the highest."""
    own = [(np.array([row["step"] for row in rows]), _values(rows, name)) for rows in runs if rows]
    if not own:
        return
    steps = np.unique(np.concatenate([steps for steps, _ in own]))
    curves = np.array([style.held(steps, *curve) for curve in own])
    known = ~np.isnan(curves).all(axis=0)
    low, median, high = (f(curves[:, known], axis=0) for f in (np.nanmin, np.nanmedian, np.nanmax))
    shown = steps[known]
    ax.fill_between(shown, low, high, color=style.PALETTE[k], alpha=0.15, lw=0)
    ax.plot(shown, median, color=style.PALETTE[k], lw=1.4, ls=dashes, label=label)


def _values(rows: Sequence[Row], name: str) -> style.Floats:
    """One seed's measure at its evaluations, NaN where it has none."""
    values = np.array([row["measures"].get(name) for row in rows], dtype=float)
    values[~np.isfinite(values)] = np.nan  # an exact 0 has no logarithm, and no place here
    return values


def _levels(own: Sequence[Axes]) -> None:
    """Scales, where an error neither shrinks nor grows, and the legends of what has several lines."""
    spectra, omega, saturation, exponent = own
    spectra.set_yscale("log")
    spectra.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    spectra.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    spectra.yaxis.set_minor_locator(NullLocator())
    for ax, level in ((spectra, 1.0), (exponent, 0.0)):
        ax.axhline(level, color="0.35", lw=0.8, ls=":", zorder=1)
    omega.set_ylim(bottom=0)
    saturation.set_ylim(-0.03, 1.03)
    for ax in (spectra, saturation):
        if ax.lines[1:]:  # not where every run failed before its first evaluation
            ax.legend(ncols=2, fontsize=7, handlelength=1.6, columnspacing=1.0)
