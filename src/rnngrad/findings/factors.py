"""The factors |w σ'(z)|: how large they are, when one exceeds 1, and the nets that make all of them do so."""

from collections.abc import Sequence
from math import exp, isclose
from typing import Any

from ..measurement import Measurement
from ..summary import power_of_ten
from .base import Row, Settings, short

PRINTED = {"median": 0.5, "p99": 0.99, "largest": 1.0}


def title(settings: Settings) -> str:
    """One line."""
    return f"Factors |w σ'(z)| of sigmoid nets 784-(4 × 30)-10 before training, {settings['seeds']} seeds"


def rows(settings: Settings, numbers: Sequence[Measurement]) -> list[Row]:
    """``factor``: quantiles of the factors that lead back to a hidden layer, and the share that is 1 or more.
    ``widest``: the weight with the widest interval of inputs in which a factor is 1 or more, and that width.
    ``chain``: a chain of single units, its factor per layer back and the first gradient over the last.
    ``quantile``, ``interval`` and ``gradient`` are the curves behind them.
    """
    found = [_row(n) for n in numbers]
    layers = dict.fromkeys((n.variant, n.layer) for n in numbers if n.quantity == "quantile")
    chains = dict.fromkeys(n.variant for n in numbers if n.quantity == "log_gradient")
    found += [_factor(numbers, *key) for key in layers]
    return found + [_chain([n for n in numbers if (n.variant, n.quantity) == (v, "log_gradient")]) for v in chains]


def printed(rows: Sequence[Row]) -> list[Row]:
    """All but the curves."""
    return [row for row in rows if row["event"] in ("factor", "widest", "chain")]


def table(rows: Sequence[Row]) -> list[list[str]]:
    """One line per initialisation and layer."""
    lines = [["weights", "back to hidden layer", "median", "99 %", "largest", "share ≥ 1"]]
    for row in rows:
        if row["event"] == "factor":
            values = [short(row[name]) for name in PRINTED]
            lines.append([row["variant"], str(row["layer"]), *values, f"{100 * row['growing']:.2g} %"])
    return lines


def sentences(rows: Sequence[Row]) -> list[str]:
    """The widest interval, and what the chains come to."""
    (widest,) = (row for row in rows if row["event"] == "widest")
    told = [
        f"A factor of 1 or more needs |w| ≥ 4 and an input in an interval that is at most {widest['width']:.4f} wide, "
        f"at |w| = {widest['weight']:.3f}."
    ]
    for row in rows:
        if row["event"] == "chain":
            told.append(
                f"Chain of {row['layers']} units, {row['variant']}: each layer back multiplies the gradient by "
                f"{row['factor']:.4g}, all together by {power_of_ten(row['log_first_over_last'])}{_begins(row)}."
            )
    return told


def _begins(row: Row) -> str:
    """Where the first factor is another than the rest: it is that of the input, the rest are of where that leads."""
    if isclose(row["first_factor"], row["factor"], rel_tol=0.01):
        return ""
    return (
        f"; the first unit's own factor is still {row['first_factor']:.3g}, since the input is just outside the "
        "interval, and only what it puts out saturates the units behind it"
    )


def _row(n: Measurement) -> Row:
    """A number by itself, named after what it is."""
    shapes: dict[str, Row] = {
        "quantile": {"event": "quantile", "variant": n.variant, "layer": n.layer, "share": n.x, "factor": n.value},
        "growing": {"event": "growing", "variant": n.variant, "layer": n.layer, "share": n.value},
        "growth_interval": {"event": "interval", "weight": n.x, "width": n.value},
        "widest_growth_interval": {"event": "widest", "weight": n.x, "width": n.value},
        "log_gradient": {"event": "gradient", "variant": n.variant, "layer": n.layer, "log_gradient": n.value},
    }
    return shapes[n.quantity]


def _factor(numbers: Sequence[Measurement], variant: str, layer: Any) -> Row:
    own = [n for n in numbers if (n.variant, n.layer) == (variant, layer)]
    quantiles = {n.x: n.value for n in own if n.quantity == "quantile"}
    growing = next(n.value for n in own if n.quantity == "growing")
    values = {name: quantiles[share] for name, share in PRINTED.items()}
    return {"event": "factor", "variant": variant, "layer": layer, **values, "growing": growing}


def _chain(own: Sequence[Measurement]) -> Row:
    """The factor is that half-way, where a chain off its point has come to rest."""
    return {
        "event": "chain",
        "variant": own[0].variant,
        "layers": len(own),
        "factor": exp(own[len(own) // 2].value - own[len(own) // 2 + 1].value),
        "first_factor": exp(own[0].value - own[1].value),
        "log_first_over_last": own[0].value - own[-1].value,
    }
