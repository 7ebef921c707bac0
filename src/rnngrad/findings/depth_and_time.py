"""Time beside depth: from the rows of a comparison to its tables and its words."""

from collections.abc import Sequence
from math import exp, inf, log, sqrt

import numpy as np

from ..measurement import Measurement
from ..side_by_side import (
    FEWEST,
    LEARNED,
    ONE_PERCENT,
    Array,
    Row,
    by_width,
    chosen,
    correlation,
    horizon,
    learners,
    relative,
    rows_of,
    setting_of,
    theory,
)
from .base import Settings


def title(settings: Settings) -> str:
    """One line."""
    s = settings
    return (
        f"Depth beside time: {s['activation']}, σ_w² = {s['weight_var']:g}, σ_b² = {s['bias_var']:g}, input variance "
        f"{s['input_var']:g}, width {s['width']}, {s['length']} layers or steps, {len(s['seeds'])} seeds"
    )


def rows(settings: Settings, numbers: Sequence[Measurement]) -> list[Row]:
    """A row of event "setting", then those that were measured."""
    return [{"event": "setting", **settings}, *rows_of(numbers)]


def printed(rows: Sequence[Row]) -> list[Row]:
    """All."""
    return list(rows)


def table(rows: Sequence[Row]) -> list[list[str]]:
    """Headings, then a line for each pair: how far the gradient reaches in layers, and in steps."""
    last = setting_of(rows)["length"] - 1
    lines = [
        [
            "",
            "over depth",
            "state",
            "horizon, layers",
            "factor a layer",
            "over time",
            "state",
            "horizon, steps",
            "factor a step",
        ]
    ]
    for name in dict.fromkeys(row["pair"] for row in chosen(rows, event="remedy")):
        sides = [chosen(rows, event="remedy", pair=name, over=over) for over in ("depth", "time")]
        lines.append([name, *(cell for side in sides for cell in (side[0]["net"], *_cells(side, last)))])
    redrawn = chosen(rows, event="flow", net="redrawn")
    lines.append(["weights redrawn", "–", "–", "–", "–", "each step anew", *_cells(redrawn, last)])
    after = [chosen(rows, event="flow", net=net, moment="trained") for net in ("mlp", "rnn")]
    lines.append(["plain, trained", "MLP", *_cells(after[0], last), "RNN", *_cells(after[1], last)])
    return [*lines, _theory_line(rows)]


def _cells(side: Sequence[Row], last: int) -> list[str]:
    horizons = sorted(horizon(row) for row in side)
    middle, low, high = float(np.median(horizons)), horizons[0], horizons[-1]
    spread = "" if low == high else f" ({_lag(low, last)} – {_lag(high, last)})"
    rates = _known([row["log_rate"] for row in side])
    factor = f"{exp(float(np.median(rates))):.3f}" if len(rates) else "–"
    return [side[0]["state"], _lag(middle, last) + spread, factor]


def _lag(lag: float, last: int) -> str:
    return f"> {last}" if lag == inf else f"{lag:g}"


def _theory_line(rows: Sequence[Row]) -> list[str]:
    cells = ["mean field, √χ_1"]
    for over in ("depth", "time"):
        rate = theory(rows, f"sqrt_chi_1 over {over}")
        cells += [
            "MLP" if over == "depth" else "RNN",
            "h",
            f"{ONE_PERCENT / rate:.0f}" if rate < 0 else "none",
            f"{exp(rate):.3f}",
        ]
    return cells


def width_table(rows: Sequence[Row]) -> list[list[str]]:
    """Headings, then a line for each width: log rates per step tied and redrawn, mean ± s.d. over seeds."""
    lines = [
        [
            "width",
            "tied: rate",
            "redrawn: rate",
            "ln √χ_1",
            "ln ρ of the mean step",
            "ln ρ(W)",
            "ln σ_max(W)",
            "correlation",
        ]
    ]
    for width, own in by_width(rows).items():
        columns = [_mean_and_spread(own[name]) for name in ("log_jacobian_radius", "log_radius", "log_sigma_max")]
        measured = [_mean_and_spread(own[name]) for name in ("tied", "redrawn")]
        found = correlation(own)
        middle = f"{theory(rows, 'sqrt_chi_1 over time'):.4f}"
        lines.append([str(width), *measured, middle, *columns, "–" if found is None else f"{found:.2f}"])
    return lines


def sentences(rows: Sequence[Row]) -> list[str]:
    """The outcome in words, with the numbers of the rows."""
    widths = by_width(rows)
    parts = [_untied(rows, *next(iter(widths.items())))] if widths else []
    parts += [_tied(rows, width, own) for width, own in widths.items()]
    return [*parts, WHY, _spread(rows), _ceilings(rows), *(_training(rows, net) for net in ("mlp", "rnn"))]


WHY = (
    "Why: a product of fresh matrices averages over all their singular values, and the root mean square of those is "
    "√χ_1; a typical seed lies below it, by 1/(2 width) a step where all slopes are alike and by more where many units "
    "are flat. A power of one matrix comes to follow its largest eigenvalue, one number that a seed has drawn for all "
    "steps. The wider the net, the less that number varies, the more eigenvalues lie near the largest and the more "
    "steps it takes to lead: at a fixed lag both tend to √χ_1."
)


def _spread(rows: Sequence[Row]) -> str:
    """How the seeds part with the lag: in proportion to it, or to its square root."""
    s = setting_of(rows)
    half, last = (s["length"] - 1) // 2, s["length"] - 1
    said = []
    for net, name in (("rnn", "tied"), ("redrawn", "redrawn"), ("mlp", "MLP")):
        curves = np.array([relative(row) for row in chosen(rows, event="flow", net=net, moment="init")])
        curves = curves[np.isfinite(curves).all(axis=1)]
        if len(curves) < FEWEST:
            return f"How the seeds part takes {FEWEST} seeds or more to see."
        near, far = (float(curves[:, lag].std(ddof=1)) for lag in (half, last))
        said.append(f"{name} {near:.2f} to {far:.2f} ({far / near:.2f} times)")
    return (
        f"From lag {half} to {last} the s.d. over seeds of the log gradient goes, at width {s['width']}: "
        f"{', '.join(said)}; one factor for all steps gives {last / half:.2f} times, a factor of its own at each step "
        f"{sqrt(last / half):.2f}. The s.d. of {len(s['seeds'])} seeds is itself known to about "
        f"{sqrt(1 / (2 * (len(s['seeds']) - 1))):.0%}."
    )


def _untied(rows: Sequence[Row], width: int, own: dict[str, Array]) -> str:
    rate, expected = float(np.nanmean(own["redrawn"])), theory(rows, "sqrt_chi_1 over time")
    return (
        f"Weights redrawn at every step, width {width}: log rate {_mean_and_spread(own['redrawn'])} a step over seeds, "
        f"factor {exp(rate):.3f}; mean field says {expected:.4f}, √χ_1 = {exp(expected):.3f}, for the mean "
        f"square over seeds, and 1/(2 width) = {1 / (2 * width):.4f} or more below it for a typical one."
    )


def _tied(rows: Sequence[Row], width: int, own: dict[str, Array]) -> str:
    apart = float(np.nanmean(own["tied"]) - np.nanmean(own["redrawn"]))
    text = (
        f"Width {width}: tied weights have log rate {_mean_and_spread(own['tied'])}, {apart:+.4f} from that of redrawn "
        f"ones, {_mean_and_spread(own['redrawn'])}"
    )
    if len(own["tied"]) > 1:
        times = np.nanstd(own["tied"], ddof=1) / np.nanstd(own["redrawn"], ddof=1)
        text += f"; their seeds spread {times:.1f} times as far"
    found = correlation(own)
    follows = "" if found is None else f" (correlation over seeds {found:.2f})"
    radius = _mean_and_spread(own["log_jacobian_radius"])
    return f"{text}. The spectral radius of the mean step has ln ρ = {radius}{follows}."


def _ceilings(rows: Sequence[Row]) -> str:
    """Pascanu's and Hochreiter's, beside the measured rate."""
    said = [
        f"{row['name']} {exp(row['log_factor']):.3g} (vacuous in {row['vacuous']} of {row['of']})"
        for row in chosen(rows, event="ceiling")
    ]
    rates = _known([row["log_rate"] for row in chosen(rows, event="flow", net="rnn", moment="init")])
    measured = f"; measured: {exp(float(np.median(rates))):.3f}" if len(rates) else ""
    return f"Ceilings on the factor a step, from the tied weights: {', '.join(said)}{measured}."


def _training(rows: Sequence[Row], net: str) -> str:
    """Who learned, and how small the gradient is where the loss is still high."""
    own, learned = chosen(rows, event="training", net=net), learners(rows, net)
    text = f"After training {net.upper()}s: {len(learned)} of {len(own)} answer {LEARNED:.0%} or more rightly."
    flows = chosen(rows, event="flow", net=net, moment="trained")
    for name, seeds in (("learned it", learned), ("did not", {row["seed"] for row in own} - learned)):
        ends = [relative(row)[-1] for row in flows if row["seed"] in seeds]
        losses = [row["loss"] for row in own if row["seed"] in seeds]
        if ends:
            text += (
                f" In those that {name} the gradient at the first {'layer' if net == 'mlp' else 'step'} is "
                f"{power(float(np.median(ends)))} of that at the last, at a loss of {np.median(losses):.3f}"
                f" (guessing {log(2):.3f})."
            )
    return text


def power(value: float) -> str:
    """A natural log as a power of ten."""
    return "exactly 0" if value == -inf else f"10^{value / log(10):.1f}"


def _mean_and_spread(values: Array) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "–"
    return f"{known.mean():.4f}" + (f" ± {known.std(ddof=1):.4f}" if len(known) > 1 else "")


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
