"""The grid of remedies in words and as a table: rows in, text out."""

from collections.abc import Iterable, Sequence
from math import exp, log, pi, sqrt

import numpy as np

from .remedies import REMEDIES, Row
from .trainability import BATCH, CLIP, THRESHOLD

NAMES = {"plain": "plain", "batch_norm": "batch norm", "residual": "residual"}


def sentences(rows: Sequence[Row]) -> list[str]:
    """What the rows of one protocol show, each finding with its numbers; only those that the rows can show."""
    findings = [_vanished(rows), _trained(rows), _growth(rows), _clipped(rows), _scale(rows)]
    return [sentence for sentence in findings if sentence]


def markdown_table(rows: Sequence[Row]) -> str:
    """One line for each activation and init: the gradient of the deepest net and the deepest net that trained."""
    deepest = max(row["depth"] for row in rows)
    heads = [f"{NAMES[remedy]}: first/last at {deepest} | trains to" for remedy in REMEDIES]
    lines = ["| activation | init | " + " | ".join(heads) + " |", "| --- | --- |" + " ---: | ---: |" * len(REMEDIES)]
    for pair in dict.fromkeys((row["activation"], row["init"]) for row in rows):
        own = [row for row in rows if (row["activation"], row["init"]) == pair]
        cells = [text for remedy in REMEDIES for text in _cells([r for r in own if r["remedy"] == remedy], deepest)]
        lines.append(f"| {' | '.join([*pair, *cells])} |")
    return "\n".join(lines) + "\n"


def is_trained(row: Row, kind: str = "training") -> bool:
    """Whether more than half of the seeds came under the threshold."""
    return sum(outcome["trained"] for outcome in row[kind]) * 2 > len(row[kind])


def _cells(own: Sequence[Row], deepest: int) -> tuple[str, str]:
    last = [row for row in own if row["depth"] == deepest]
    trained = [row["depth"] for row in own if is_trained(row)]
    return (_power(last[0]["mean"]) if last else "–"), (str(max(trained)) if trained else "none")


def _vanished(rows: Sequence[Row]) -> str:
    row = min((row for row in rows if row["mean"] is not None), key=lambda row: row["mean"], default=None)
    if row is None or row["mean"] > -log(10) or row["training"][0]["loss"] is None:
        return ""
    return (
        f"Smallest gradient: {_name(row)}, first/last {_power(row['mean'])} [{_power(row['low'])}, "
        f"{_power(row['high'])}], although the loss is high: {row['loss']:.3f} at initialisation and "
        f"{row['training'][0]['loss']:.3f} after {row['training'][0]['updates']} updates, where guessing costs "
        f"ln 10 = {log(10):.3f}."
    )


def _trained(rows: Sequence[Row]) -> str:
    rates = " or ".join(f"{rate:g}" for rate in rows[0]["rates"])
    deep = max(row["depth"] for row in rows)
    counts = [
        f"{NAMES[remedy]} {_share(own)} ({_share(r for r in own if r['depth'] == deep)} at {deep})"
        for remedy in REMEDIES
        if (own := [row for row in rows if row["remedy"] == remedy])
    ]
    return (
        f"Nets that train, that is, come under a loss of {THRESHOLD:.2f} within {rows[0]['epochs']} epochs of plain "
        f"descent in batches of {BATCH}, at rate {rates}: {', '.join(counts)}."
    )


def _growth(rows: Sequence[Row]) -> str:
    own = [r for r in rows if (r["activation"], r["remedy"]) == ("relu", "batch_norm") and r["low"] is not None]
    if not own:
        return ""
    row = max(own, key=lambda row: (row["depth"], row["init"] == "he"))
    rate, low, high = (exp(row[name] / (row["depth"] - 1)) for name in ("mean", "low", "high"))
    same = [r for r in own if r["depth"] == row["depth"]]
    return (
        f"Batch norm with ReLU makes gradients grow backwards at initialisation: {_name(row)}, {rate:.3f} per layer "
        f"[{low:.3f}, {high:.3f}], {_power(row['mean'])} in all; wide nets on large batches have √(π/(π - 1)) = "
        f"{sqrt(pi / (pi - 1)):.3f}, whatever the init. Of {len(same)} such nets with {row['depth']} hidden layers "
        f"{sum(map(is_trained, same))} train."
    )


def _clipped(rows: Sequence[Row]) -> str:
    own = [row for row in rows if row["clipped"] is not None]
    if not own:
        return ""
    without, with_ = (sum(is_trained(row, kind) for row in own) for kind in ("training", "clipped"))
    lost = sum(row["training"][0]["loss"] is None for row in own)
    return (
        f"Gradients that grow more than tenfold on the way back: {len(own)} nets, of which {without} train as they are "
        f"({lost} diverge to infinity) and {with_} with the gradient's norm clipped at {CLIP:g}."
    )


def _scale(rows: Sequence[Row]) -> str:
    """Over plain nets, of which some depths train and some do not: between which multiples of ξ the border lies."""
    lows, highs = [], []
    plain = [row for row in rows if row["remedy"] == "plain" and row["depth_scale"] is not None]
    for pair in dict.fromkeys((row["activation"], row["init"]) for row in plain):
        own = [row for row in plain if (row["activation"], row["init"]) == pair]
        trained = [row["depth"] for row in own if is_trained(row)]
        beyond = [row["depth"] for row in own if row["depth"] > max(trained, default=0)]
        if trained and beyond:
            lows.append(max(trained) / own[0]["depth_scale"])
            highs.append(min(beyond) / own[0]["depth_scale"])
    if not lows:
        return ""
    return (
        f"Plain nets with a finite depth scale ξ, {len(lows)} inits with a border: the deepest that trains has "
        f"{np.median(lows):.1f} ξ hidden layers (median; {min(lows):.1f} to {max(lows):.1f}), the next "
        f"{np.median(highs):.1f} ξ ({min(highs):.1f} to {max(highs):.1f})."
    )


def _share(rows: Iterable[Row]) -> str:
    own = list(rows)
    return f"{sum(map(is_trained, own))}/{len(own)}"


def _name(row: Row) -> str:
    return f"{row['activation']}, {row['init']}, {NAMES[row['remedy']]}, {row['depth']} hidden layers"


def _power(log_value: float | None) -> str:
    """A natural log as a power of ten."""
    return "none" if log_value is None else f"10^{log_value / log(10):+.1f}"
