"""From the rows of a subject's seeds to one: medians, and the range from the lowest seed to the highest."""

from collections.abc import Sequence
from math import isinf, isnan
from typing import Any

import numpy as np

from ..stats import censored_median
from ..store import Row


def summary(label: str, rows: Sequence[Row]) -> Row:
    """Medians over seeds, each with ``_min`` and ``_max``; natural logs, per step.

    ``horizon`` and ``underflow_lag`` are None where the median, or the end of the range, lies beyond the longest lag.
    ``rate_interval``, ``first_lag`` and ``last_lag`` are those of the first seed; ``bent`` counts seeds.
    """
    first = rows[0]
    return {
        "label": label,
        "seeds": [row["seed"] for row in rows],
        **{name: first[name] for name in ("length", "batch", "width")},
        **_rate(rows),
        **_spread("grad_first_over_last", [row["grad_first_over_last"] for row in rows]),
        **_censored("horizon", [row["horizon"] for row in rows]),
        **_censored("underflow_lag", [row["underflow_lag"] for row in rows]),
        **_exponents([row["exponents"] for row in rows]),
        "prediction": _prediction([row["prediction"] for row in rows]),
        "bounds": _bounds([row["bounds"] for row in rows]),
        "seconds": sum(row["seconds"] for row in rows),
    }


def lowest_ceiling(bounds: Sequence[Row]) -> Row | None:
    """Of the last layer's ceilings, summed up or not, the one with the least factor per step; None if there is none."""
    last = max((bound["layer"] for bound in bounds), default=0)
    own = [b for b in bounds if b["layer"] == last and b["kind"] == "ceiling" and b["log_factor"] is not None]
    return min(own, key=lambda bound: bound["log_factor"], default=None)


def _rate(rows: Sequence[Row]) -> Row:
    rates = [row["rate"] for row in rows if row["rate"] is not None]
    first = rates[0] if rates else dict.fromkeys(("interval", "first_lag", "last_lag"))
    ends = [_median([rate["ends"][k] for rate in rates]) for k in (0, 1)]
    return {
        **_spread("log_rate", [rate["log_per_step"] for rate in rates]),
        "rate_interval": first["interval"],
        "first_lag": first["first_lag"],
        "last_lag": first["last_lag"],
        "bent": sum(rate["bent"] for rate in rates),
        "log_rate_at_ends": ends,
    }


def _exponents(found: Sequence[Row]) -> Row:
    columns = list(zip(*(own["mean"] for own in found), strict=True))
    errors = zip(*(own["standard_error"] for own in found), strict=True)
    return {
        "warmup": found[0]["warmup"],
        "exponents": [_median(column) for column in columns],
        "exponents_min": [min(column) for column in columns],
        "exponents_max": [max(column) for column in columns],
        "exponents_standard_error": [_median(column) for column in errors],
        "drift": max((own["drift"] for own in found), key=abs),
        "twin_gap": max(own["twin_gap"] for own in found),
    }


def _prediction(found: Sequence[Row | None]) -> Row | None:
    """The same of every seed's prediction; ``note`` is the first one's that has any."""
    known = [own for own in found if own is not None]
    if not known:
        return None
    shared = {name: known[0][name] for name in ("theory", "layer")}
    numbers = ("weight_var", "bias_var", "input_var", "q_star", "chi_1", "log_per_step")
    return {
        **shared,
        **{name: _median([own.get(name) for own in known]) for name in numbers if name in known[0]},
        **_censored("horizon", [own["horizon"] for own in known if own["log_by_lag"] is not None]),
        "note": next((own["note"] for own in known if own["note"]), ""),
    }


def _bounds(found: Sequence[list[Row]]) -> list[Row]:
    """One row per layer and bound; ``satisfied``, ``undecided`` and ``vacuous`` count seeds."""
    return [_bound(same) for same in zip(*found, strict=True)]


def _bound(same: Sequence[Row]) -> Row:
    shared = {name: same[0][name] for name in ("layer", "name", "kind", "assumption", "source")}
    return {
        **shared,
        **_spread("log_factor", [bound["log_factor"] for bound in same]),
        "log_prefactor": _median([bound["log_prefactor"] for bound in same]),
        "satisfied": sum(bound["satisfied"] is True for bound in same),
        "undecided": sum(bound["satisfied"] is None for bound in same),
        "vacuous": sum(bound["vacuous"] for bound in same),
    }


def _spread(name: str, values: Sequence[float | None]) -> dict[str, Any]:
    """Median and range of what is there."""
    there = [value for value in values if value is not None and not isnan(value)]
    low, high = min(there, default=None), max(there, default=None)
    return {name: _median(there), f"{name}_min": low, f"{name}_max": high}


def _censored(name: str, lags: Sequence[int | None]) -> dict[str, Any]:
    """Median and range of lags, None for one that lies beyond the longest."""
    median = censored_median(lags) if lags else float("inf")
    low = min((lag for lag in lags if lag is not None), default=None)
    high = None if None in lags else max((lag for lag in lags if lag is not None), default=None)
    return {name: None if isinf(median) else median, f"{name}_min": low, f"{name}_max": high}


def _median(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None and not isnan(value)]
    if not there:
        return None
    middle = sorted(there)[(len(there) - 1) // 2 : len(there) // 2 + 1]  # not np.median, for which -∞ + -∞ is a warning
    return float(np.mean(middle)) if all(map(np.isfinite, middle)) else middle[0]
