"""Chapter 5 of Nielsen 2015 beside many seeds of the same nets."""

from collections.abc import Sequence
from math import exp

import numpy as np

from ..data import nielsen_norms
from ..measurement import Measurement
from ..theory import mean_field
from .base import Row, Settings, interval, percentile, ranged, short

Cell = tuple[int, int, int]
"""Hidden layers, epoch, layer."""


def title(settings: Settings) -> str:
    """One line."""
    return f"Bias gradients of sigmoid nets 784-(k × 30)-10, {settings['seeds']} seeds (Nielsen 2015, chapter 5)"


def rows(settings: Settings, numbers: Sequence[Measurement]) -> list[Row]:
    """``norm``: norm of the mean bias gradient of a layer before an epoch's update, in our seeds and as published.
    ``ratio``: that of the first hidden layer over that of the last. ``factor``: rms gradient of a layer over that of
    the next at initialisation, beside √chi_1; its ``mean_square`` is the root of the ratio of mean squares over seeds.
    ``loss``: the unregularised training loss, beside that of the best answer that does not look at the image.
    """
    norms = _by_cell(numbers, "log_norm_of_mean")
    rms = {cell: own for cell, own in _by_cell(numbers, "log_rms_per_sample").items() if cell[1] == 0}
    losses = _by_cell(numbers, "loss")
    found = [*_norm_rows(norms), *_ratio_rows(norms), *_factor_rows(rms)]
    constant = next(number.value for number in numbers if number.quantity == "constant_loss")
    return found + [
        {"event": "loss", "hidden_layers": k, "epoch": epoch, **interval(list(own.values())), "constant": constant}
        for (k, epoch, _), own in losses.items()
    ]


def printed(rows: Sequence[Row]) -> list[Row]:
    """Those at epochs with published numbers; the figure shows the others too."""
    epochs = {epoch for _, epoch, _ in nielsen_norms()}
    return [row for row in rows if row["event"] == "factor" or row["epoch"] in epochs]


def table(rows: Sequence[Row]) -> list[list[str]]:
    """One line per net, epoch and layer."""
    lines = [["hidden layers", "epoch", "layer", "seeds", "norm: median [2.5 %, 97.5 %]", "published", "percentile"]]
    for row in printed(rows):
        if row["event"] == "norm":
            place = "–" if row["percentile"] is None else f"{row['percentile']:.0f}"
            where = [str(row[name]) for name in ("hidden_layers", "epoch", "layer", "seeds")]
            lines.append([*where, ranged(row), short(row["published"]), place])
    return lines


def sentences(rows: Sequence[Row]) -> list[str]:
    """How many published values lie in our band, how fast the gradient falls from layer to layer, and the theory."""
    return [*_inside(rows), *_ratios(rows), *_factors(rows)]


def _by_cell(numbers: Sequence[Measurement], quantity: str) -> dict[Cell, dict[int, float]]:
    """Value by seed, for every net, epoch and layer."""
    cells: dict[Cell, dict[int, float]] = {}
    for n in numbers:
        if n.quantity == quantity:
            cells.setdefault((n.hidden_layers or 0, n.epoch or 0, n.layer or 0), {})[n.seed or 0] = n.value
    return dict(sorted(cells.items()))


def _norm_rows(norms: dict[Cell, dict[int, float]]) -> list[Row]:
    published = nielsen_norms()
    found = []
    for cell, logs in norms.items():
        own, known = np.exp(list(logs.values())).tolist(), published.get(cell)
        place = None if known is None else percentile(own, known)
        where = dict(zip(("hidden_layers", "epoch", "layer"), cell, strict=True))
        found.append(
            {"event": "norm", **where, **interval(own), "published": known, "percentile": place, "seeds": len(own)}
        )
    return found


def _ratio_rows(norms: dict[Cell, dict[int, float]]) -> list[Row]:
    published = nielsen_norms()
    found = []
    for k, epoch in sorted({(k, epoch) for k, epoch, _ in norms if k > 1}):
        first, last = norms[k, epoch, 1], norms[k, epoch, k]
        own = [exp(first[seed] - last[seed]) for seed in first]
        ends = [published.get((k, epoch, layer)) for layer in (1, k)]
        known = ends[0] / ends[1] if ends[0] and ends[1] else None
        place = None if known is None else percentile(own, known)
        found.append(
            {
                "event": "ratio",
                "hidden_layers": k,
                "epoch": epoch,
                **interval(own),
                "published": known,
                "percentile": place,
            }
        )
    return found


def _factor_rows(rms: dict[Cell, dict[int, float]]) -> list[Row]:
    factor = mean_field("sigmoid", weight_var=1.0, bias_var=1.0).gradient_factor
    found = []
    for k, epoch, layer in rms:
        if layer < k:
            own, after = rms[k, epoch, layer], rms[k, epoch, layer + 1]
            squares = [np.mean(np.exp(2 * np.array(list(logs.values())))) for logs in (own, after)]
            where = {"hidden_layers": k, "layer": layer}
            ratios = interval([exp(own[seed] - after[seed]) for seed in own])
            found.append(
                {
                    "event": "factor",
                    **where,
                    **ratios,
                    "mean_square": float((squares[0] / squares[1]) ** 0.5),
                    "theory": factor,
                }
            )
    return found


def _inside(rows: Sequence[Row]) -> list[str]:
    known = [row for row in rows if row["event"] == "norm" and row["published"] is not None]
    told = []
    for when, own in (
        ("before training", [row for row in known if row["epoch"] == 0]),
        ("in training", [row for row in known if row["epoch"] > 0]),
    ):
        inside = sum(row["low"] <= row["published"] <= row["high"] for row in own)
        told.append(f"{inside} of the {len(own)} published norms {when} lie inside our 2.5-97.5 % band.")
    return told


def _ratios(rows: Sequence[Row]) -> list[str]:
    deepest = max((r["hidden_layers"] for r in rows if r["event"] == "ratio"), default=0)
    own = [r for r in printed(rows) if r["event"] == "ratio" and r["hidden_layers"] == deepest]
    if not own:
        return []
    text = "; ".join(
        f"epoch {r['epoch']} 1/{1 / r['median']:.0f} [1/{1 / r['low']:.0f}, 1/{1 / r['high']:.0f}]"
        + (f", published 1/{1 / r['published']:.0f}" if r["published"] else "")
        for r in own
    )
    return [f"First over last of {deepest} hidden layers: {text}."]


def _factors(rows: Sequence[Row]) -> list[str]:
    own = [r for r in rows if r["event"] == "factor"]
    if not own:
        return []
    parts = [f"{r['layer']} over {r['layer'] + 1} of {r['hidden_layers']} {r['mean_square']:.3f}" for r in own]
    return [
        f"Mean-field theory multiplies the rms gradient by √chi_1 = {own[0]['theory']:.4f} per layer back; measured at "
        f"epoch 0, over all seeds: layer {', '.join(parts)}."
    ]
