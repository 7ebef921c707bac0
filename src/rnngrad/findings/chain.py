"""The linear chain, W = a · I, beside the powers of a."""

from collections.abc import Sequence
from math import exp

from ..measurement import Measurement
from .base import Row, Settings

KINDS = ("log_activation", "log_gradient")


def title(settings: Settings) -> str:
    """One line."""
    return f"The linear chain W = a · I, {settings['depth']:,} layers"


def rows(settings: Settings, numbers: Sequence[Measurement]) -> list[Row]:
    """``layer``: natural logs of |h_l| over |x| and of |∂C/∂h_l| over that at the last layer, measured and exact.
    ``chain``: per factor the last activation, the first gradient and the largest error of any log.
    """
    found: dict[tuple[str, int], Row] = {}
    for n in numbers:
        key = n.variant, n.layer or 0
        found.setdefault(key, {"event": "layer", "factor": float(n.variant), "layer": key[1]})[n.quantity] = n.value
    return [
        *found.values(),
        *(_chain(factor, list(found.values())) for factor in dict.fromkeys(_factors(list(found.values())))),
    ]


def printed(rows: Sequence[Row]) -> list[Row]:
    """All."""
    return list(rows)


def table(rows: Sequence[Row]) -> list[list[str]]:
    """One line per factor."""
    lines = [["a", "layers", "|h_L| / |x|", "|∂C/∂h_1| / |∂C/∂h_L|", "largest error of a log"]]
    for row in _chains(rows):
        ends = [f"{exp(row[kind]):.4g}" for kind in KINDS]
        lines.append([f"{row['factor']:g}", f"{row['layers']:,}", *ends, f"{row['error']:.0e}"])
    return lines


def sentences(rows: Sequence[Row]) -> list[str]:
    """What a factor a little off 1 comes to."""
    return [
        f"a = {row['factor']:g}: {row['layers']:,} layers multiply the activations by {exp(row['log_activation']):.4g} "
        f"and the gradient, on its way back to the first layer, by {exp(row['log_gradient']):.4g}."
        for row in _chains(rows)
    ]


def _factors(rows: Sequence[Row]) -> list[float]:
    return [row["factor"] for row in rows]


def _chains(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["event"] == "chain"]


def _chain(factor: float, rows: Sequence[Row]) -> Row:
    own = [row for row in rows if row["factor"] == factor]
    errors = [abs(row[kind] - row[f"exact_{kind}"]) for row in own for kind in KINDS if kind in row]
    ends = {"log_activation": own[-1]["log_activation"], "log_gradient": own[1]["log_gradient"]}
    return {"event": "chain", "factor": factor, "layers": own[-1]["layer"], **ends, "error": max(errors)}
