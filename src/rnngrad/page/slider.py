"""The gradient flow at every stored snapshot, for a slider over training: medians and bands over seeds."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ..figures.gradient_flow import Curve, relative
from ..store import Row, Store
from ..summary import Comparison, Line

STEPS = 60
"""Snapshots of a film, at most."""
LAGS = 64
"""Lags of a stored profile, at most."""
PROFILES = 100_000
"""Profiles that are read for all films together, at most: a few seconds."""
NUMBERS = 250_000
"""Numbers that all films together put into the page, at most: about 2 MB."""
ZERO = -9999
"""What stands in a film for the power of ten of a gradient that is exactly 0."""

Film = dict[str, Any]
"""A comparison's flow, ready for JSON: ``title``, ``lags``, ``steps``, and per line its ``label``, ``seeds`` and
``frames``, one a step: seeds with a gradient ``n``, seeds ``solved`` by then, and ``median``, ``low``, ``high`` by lag
in powers of ten relative to lag 0 (nothing if n is 0)."""


def films(found: Sequence[Comparison], store: Store) -> list[Film]:
    """One film for each comparison that has profiles; the more runs there are, the fewer snapshots each shows."""
    lines = sum(len(comparison.lines) for comparison in found)
    runs = sum(len(line.runs) for comparison in found for line in comparison.lines)
    most = max(2, min(STEPS, PROFILES // max(1, runs), NUMBERS // max(1, 3 * LAGS * lines)))
    return [film for comparison in found if (film := _film(comparison, store, most))]


def _film(comparison: Comparison, store: Store, most: int) -> Film | None:
    stored = {run["id"]: store.flow_steps(run["id"]) for line in comparison.lines for run in line.runs}
    steps = thinned(common_steps(list(stored.values())), most)
    if not steps:
        return None
    reels = [_reel(line, steps, stored, store) for line in comparison.lines]
    lags = next(lags for lags, _ in reels if lags)
    return {"title": comparison.title, "lags": lags, "steps": steps, "lines": [line for _, line in reels]}


def common_steps(stored: Sequence[Collection[int]]) -> list[int]:
    """The steps at which every run has a profile, except those that have had their last: no seed may be missing from a
    median only because its profile was not kept."""
    kept = [(set(own), max(own)) for own in stored if own]
    union = sorted(set().union(*(own for own, _ in kept)))
    return [step for step in union if all(step in own or step > last for own, last in kept)]


def thinned(steps: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of the steps, evenly spread, both ends included."""
    if len(steps) <= most:
        return list(steps)
    return [steps[k] for k in np.linspace(0, len(steps) - 1, most).round().astype(int)]


def _reel(line: Line, steps: Sequence[int], stored: dict[int, list[int]], store: Store) -> tuple[list[int], Row]:
    """The lags, and the line of the film."""
    lags: list[int] = []
    curves: list[dict[int, Curve]] = []
    for run in line.runs:
        profiles = store.flows(run["id"], _wanted(run, steps, stored[run["id"]]))
        lags = lags or (profiles[0]["flow"]["lags"] if profiles else [])
        curves.append({profile["step"]: relative(profile) for profile in profiles})
    frames = [_frame([_at(step, run, own) for run, own in zip(line.runs, curves, strict=True)]) for step in steps]
    for step, frame in zip(steps, frames, strict=True):
        frame["solved"] = sum(run["steps_to_solve"] is not None and run["steps_to_solve"] <= step for run in line.runs)
    return lags, {"label": line.label, "seeds": len(line.runs), "frames": frames}


def _wanted(run: Row, steps: Sequence[int], own: Sequence[int]) -> list[int]:
    """The run's steps of the film, and its last, which stands for those after it."""
    last = own[-1:] if run["status"] == "finished" else []
    return sorted({step for step in steps if step in own} | set(last))


def _at(step: int, run: Row, own: dict[int, Curve]) -> Curve | None:
    """Its curve: a run that finished keeps its weights, and so its last; one that diverged or was cut off has none."""
    last = max(own, default=step)
    return own.get(last if run["status"] == "finished" and step > last else step)


def _frame(curves: Sequence[Curve | None]) -> Row:
    """Of one line at one step. A run whose curve is not a number at some lag is as good as diverged."""
    usable = [curve for curve in curves if curve is not None and not np.isnan(curve).any()]
    if not usable:
        return {"n": 0}
    ends = {"median": np.median(usable, axis=0), "low": np.min(usable, axis=0), "high": np.max(usable, axis=0)}
    return {"n": len(usable), **{name: _ready(curve) for name, curve in ends.items()}}


def _ready(curve: Curve) -> list[float]:
    """A hundredth of a power of ten is less than a pixel."""
    return [ZERO if np.isneginf(v) else round(float(v), 2) for v in curve]
