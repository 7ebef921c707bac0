"""The grid of remedies: gradients at initialisation, what trains, and how both compare with theory."""

from collections.abc import Iterable, Sequence
from math import exp, inf, isfinite, isnan, log, nan
from statistics import median

import numpy as np

from ..measurement import Measurement
from ..stats import t_interval
from ..summary import power_of_ten
from .base import Row, Settings

NAMES = {"plain": "plain", "batch_norm": "batch norm", "residual": "residual"}
"""Of the remedies, in words."""


def title(settings: Settings) -> str:
    """One line."""
    seeds = f"{settings['seeds']} seed{'s' if settings['seeds'] > 1 else ''}"
    return f"Depth and its remedies: nets of {settings['width']} units a layer, {seeds} trained on 1,000 digits"


def rows(settings: Settings, numbers: Sequence[Measurement]) -> list[Row]:
    """One row a net, then one of ``settings``. Of a net

    ``mean`` of ln(first/last) over seeds, with its 95 % ``low`` and ``high``, a t-interval of the log, and as a factor
    ``per_layer``; NaN for too few seeds. ``dead`` counts seeds apart whose gradient is exactly 0, as that of ReLUs that
    are all off. ``log_first`` and ``loss``: ln of the gradient at the first hidden layer and the loss, medians before
    training; ``gradient_factor`` per layer and ``depth_scale``, of theory, the latter
    None of a residual net; ``trained`` of ``seeds``, and ``training_loss``, the median at the best rate, infinite where
    it diverged; ``clipped`` of them train with clipping, None where it was not tried.
    """
    nets: dict[tuple[str, int], dict[str, list[float]]] = {}
    for n in numbers:
        nets.setdefault((n.variant, n.hidden_layers or 0), {}).setdefault(n.quantity, []).append(n.value)
    found = [_net(variant, depth, own, settings["threshold"]) for (variant, depth), own in nets.items()]
    return [*found, {"event": "settings", **settings}]


def printed(rows: Sequence[Row]) -> list[Row]:
    """All."""
    return list(rows)


def table(rows: Sequence[Row]) -> list[list[str]]:
    """One line for each activation and init: the gradient of the deepest net, and how deep a net still trains."""
    nets = _nets(rows)
    deepest = max(row["depth"] for row in nets)
    remedies = [remedy for remedy in NAMES if any(row["remedy"] == remedy for row in nets)]
    heads = [text for r in remedies for text in (f"{NAMES[r]}: first/last at {deepest} layers", "trains to")]
    lines = [["activation", "init", *heads]]
    for activation, init in dict.fromkeys((row["activation"], row["init"]) for row in nets):
        own = [row for row in nets if (row["activation"], row["init"]) == (activation, init)]
        cells = [text for r in remedies for text in _cells([row for row in own if row["remedy"] == r], deepest)]
        lines.append([activation, init, *cells])
    return lines


def sentences(rows: Sequence[Row]) -> list[str]:
    """What trains; the gradient that vanishes most; batch norm with ReLU; clipping; depth scales."""
    nets, settings = _nets(rows), next(row for row in rows if row["event"] == "settings")
    found = [_trained(nets, settings), _vanished(nets), *_growth(nets), _clipped(nets, settings), _scale(nets)]
    return [sentence for sentence in found if sentence]


def is_trained(row: Row) -> bool:
    """Whether more than half of a net's seeds came under the threshold."""
    return bool(row["trained"] * 2 > row["seeds"])


def _net(variant: str, depth: int, own: dict[str, list[float]], threshold: float) -> Row:
    activation, init, remedy = variant.split()
    logs = [value for value in own["log_first_over_last"] if value is not None and isfinite(value)]
    mean, (low, high) = float(np.mean(logs)) if logs else nan, t_interval(logs)
    losses = own["training_loss"]
    clipped = own.get("clipped_loss")
    return {
        "event": "net",
        **{"activation": activation, "init": init, "remedy": remedy, "depth": depth},
        **{"mean": mean, "low": low, "high": high, "per_layer": _per_layer(mean, depth)},
        "per_layer_low": _per_layer(low, depth),
        "per_layer_high": _per_layer(high, depth),
        **{"dead": len(own["log_first_over_last"]) - len(logs), "loss": median(own["loss"])},
        "log_first": median(own["log_first"]),
        "gradient_factor": own["chi_1"][0] ** 0.5 if "chi_1" in own else None,
        "depth_scale": own["depth_scale"][0] if "depth_scale" in own else None,
        "seeds": len(losses),
        "trained": sum(loss < threshold for loss in losses),
        "training_loss": median(losses),
        "clipped": None if clipped is None else sum(loss < threshold for loss in clipped),
    }


def _per_layer(log_ratio: float, depth: int) -> float:
    return exp(log_ratio / (depth - 1))


def _nets(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["event"] == "net"]


def _cells(own: Sequence[Row], deepest: int) -> tuple[str, str]:
    if not own:  # the default grid has not all inits with all remedies
        return "–", "–"
    last = [row for row in own if row["depth"] == deepest]
    trained = [row["depth"] for row in own if is_trained(row)]
    return (power_of_ten(last[0]["mean"]) if last else "–"), (str(max(trained)) if trained else "none")


def _trained(nets: Sequence[Row], settings: Row) -> str:
    deep = max(row["depth"] for row in nets)
    counts = [
        f"{name} {_share(own)} ({_share(row for row in own if row['depth'] == deep)} at {deep} layers)"
        for remedy, name in NAMES.items()
        if (own := [row for row in nets if row["remedy"] == remedy])
    ]
    rates = " or ".join(f"{rate:g}" for rate in settings["rates"])
    who = "one seed comes" if settings["seeds"] == 1 else f"most of {settings['seeds']} seeds come"
    return (
        f"Nets that train: {', '.join(counts)}. That is, {who} under a training loss of {settings['threshold']:.2f} "
        f"within {settings['epochs']} epochs of plain descent in batches of {settings['batch']}, at rate {rates}."
    )


def _vanished(nets: Sequence[Row]) -> str:
    row = min((row for row in nets if not isnan(row["mean"])), key=lambda row: row["mean"], default=None)
    if row is None or row["mean"] > -log(10):
        return ""
    first = power_of_ten(row["log_first"])
    return (
        f"The gradient vanishes most in {_name(row)}: first/last {power_of_ten(row['mean'])} "
        f"[{power_of_ten(row['low'])}, {power_of_ten(row['high'])}]. At the first it is {first} although the loss is "
        f"high, {row['loss']:.2f} before training and {row['training_loss']:.2f} after, where guessing costs "
        f"{log(10):.2f}."
    )


def _growth(nets: Sequence[Row]) -> list[str]:
    own = [row for row in nets if (row["activation"], row["remedy"]) == ("relu", "batch_norm") and row["depth"] >= 20]
    if not own:
        return []
    deep = max(row["depth"] for row in own)
    same = [row for row in own if row["depth"] == deep]
    row = next((row for row in same if row["init"] == "he"), same[0])
    return [
        f"Batch norm with ReLU makes the gradient grow backwards at initialisation: {_name(row)}, "
        f"{row['per_layer']:.3f} per layer [{row['per_layer_low']:.3f}, {row['per_layer_high']:.3f}], "
        f"{power_of_ten(row['mean'])} in all, where wide nets on large batches have {row['gradient_factor']:.3f} "
        f"whatever the init. Of {len(same)} such nets at {deep} layers {sum(map(is_trained, same))} train."
    ]


def _clipped(nets: Sequence[Row], settings: Row) -> str:
    own = [row for row in nets if row["clipped"] is not None]
    if not own:
        return ""
    clipped = [row for row in own if row["clipped"] * 2 > row["seeds"]]
    rescued = sum(not is_trained(row) for row in clipped)
    return (
        f"{len(own)} nets have a gradient that grows more than tenfold on the way back: {sum(map(is_trained, own))} "
        f"train as they are, {sum(not isfinite(row['training_loss']) for row in own)} diverge at every rate. With the "
        f"gradient's norm clipped at {settings['clip']:g}, {len(clipped)} train, {rescued} of them only so."
    )


def _scale(nets: Sequence[Row]) -> str:
    """Over plain nets of which some depths train and some do not: at how many ξ the border lies."""
    plain = [row for row in nets if row["remedy"] == "plain" and isfinite(row["depth_scale"])]
    spans = []
    for pair in dict.fromkeys((row["activation"], row["init"]) for row in plain):
        own = [row for row in plain if (row["activation"], row["init"]) == pair]
        deepest = max((row["depth"] for row in own if is_trained(row)), default=0)
        next_ = min((row["depth"] for row in own if row["depth"] > deepest), default=inf)
        if deepest and isfinite(next_):
            spans.append((deepest / own[0]["depth_scale"], next_ / own[0]["depth_scale"]))
    if not spans:
        return ""
    low, high = ([span[k] for span in spans] for k in (0, 1))
    return (
        f"Plain nets with a finite depth scale ξ: the deepest that trains has {median(low):.1f} ξ layers (median of "
        f"{len(spans)} inits; {min(low):.1f} to {max(low):.1f}), the next depth tried {median(high):.1f} ξ "
        f"({min(high):.1f} to {max(high):.1f})."
    )


def _share(rows: Iterable[Row]) -> str:
    own = list(rows)
    return f"{sum(map(is_trained, own))}/{len(own)}"


def _name(row: Row) -> str:
    return f"{row['activation']}, {row['init']}, {NAMES[row['remedy']]}, {row['depth']} hidden layers"
