"""A probe's result for a reader: a table of numbers, a table of bounds, a few sentences."""

from collections.abc import Callable, Sequence
from math import exp, isfinite, isinf

from rich.table import Table
from rich.text import Text

from ..store import Row
from ..summary import count, power_of_ten
from .summary import lowest_ceiling

Format = Callable[[float], str]
THEORIES = {"mean_field": "mean field", "gate_path": "gates at their biases, alone"}
SAYS = {"pascanu_exploding": "without it, no growth"}
KINDS = {"ceiling": "ceiling: never exceeded", "path": "one path, not the sum", "rate": "rate at long lags"}


def table(summaries: Sequence[Row]) -> Table:
    """The numbers, one column per subject."""
    made = Table(caption=Text(_caption(summaries)), caption_justify="left")
    made.add_column("")
    for own in summaries:
        made.add_column(Text(own["label"]), justify="right", overflow="fold")
    columns = [dict(_lines(own)) for own in summaries]
    for name in max(columns, key=len):  # a net of few units has fewer exponents than its neighbour
        made.add_row(name, *[Text(column.get(name, "–")) for column in columns])
    return made


def bounds_table(own: Row) -> Table:
    """What the theorems say of one subject."""
    made = Table(title=Text(f"{own['label']}: what theorems say, from the weights alone"), title_justify="left")
    layered = len({bound["layer"] for bound in own["bounds"]}) > 1
    for heading in (*(["layer"] if layered else []), "theorem", "says", "per step", "assumes", "satisfied", "vacuous"):
        made.add_column(heading, justify="right" if heading == "per step" else "left")
    for same in _alike(own["bounds"]):
        made.add_row(*map(Text, [*([str(same[0]["layer"])] if layered else []), *_bound(same, len(own["seeds"]))]))
    return made


def _alike(bounds: Sequence[Row]) -> list[list[Row]]:
    """One by one, but those of a layer that say nothing, for the same reason, together."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for bound in bounds:
        name = "" if bound["log_factor"] is None else bound["name"]
        groups.setdefault((str(bound["layer"]), name, bound["assumption"]), []).append(bound)
    return list(groups.values())


def sentences(own: Row) -> str:
    """The result in words: how it shrinks, how far it reaches, what float32 makes of it, what theory said."""
    parts = [_rate(own), _reach(own), _float32(own), _predicted(own), _guaranteed(own)]
    return f"{own['label']}: " + " ".join(part for part in parts if part)


def _seeds(own: Row) -> str:
    first, last = own["seeds"][0], own["seeds"][-1]
    return f"{first}" if first == last else f"{first} to {last}"


def _caption(summaries: Sequence[Row]) -> str:
    several = any(len(own["seeds"]) > 1 for own in summaries)
    medians = "Medians over seeds (lowest – highest). " if several else ""
    return (
        f"{medians}Gradient: root mean square over samples of |∂L/∂s| of the whole state (LSTM: h and c), lag 0 = the "
        "last step. Exponents: of small differences of the state, forward in time, natural log per step, ± standard "
        "error over samples; where the first still moves by more than that, more steps would change it."
    )


def _lines(own: Row) -> list[tuple[str, str]]:
    """Name and text of every number; the same names for all."""
    last = own["length"] - 1
    return [
        ("steps, sequences", f"{own['length']:,}, {own['batch']:,}"),
        ("seeds", _seeds(own)),
        ("gradient per step back", _ranged(own, "log_rate", _factor)),
        ("  natural log", _ranged(own, "log_rate", "{:.4f}".format)),
        ("  95 % interval, first seed", _interval(own)),
        ("  fitted lags", _fit(own)),
        ("gradient, first/last step", _ranged(own, "grad_first_over_last", power_of_ten)),
        ("first lag under 1 %", _lag(own, "horizon", last)),
        ("exact 0 in float32 from lag", _lag(own, "underflow_lag", last)),
        *[(f"exponent {k + 1}", _exponent(own, k)) for k in range(len(own["exponents"]))],
        ("  moved in the second half by", _difference(own["drift"], "+.1g")),
        ("  twins disagree by", _difference(own["twin_gap"], ".0e")),
        *_prediction(own["prediction"], last),
    ]


def _interval(own: Row) -> str:
    interval = own["rate_interval"]
    return "–" if interval is None else f"{_factor(interval[0])} – {_number(interval[1])}"


def _fit(own: Row) -> str:
    if own["log_rate"] is None:
        return "–"
    seeds, form = len(own["seeds"]), "straight"
    if own["bent"]:
        form = "bent" if own["bent"] == seeds == 1 else f"bent in {own['bent']}/{seeds}"
    return f"{own['first_lag']} – {own['last_lag']}, {form}"


def _exponent(own: Row, k: int) -> str:
    one = {end: own[end][k] for end in ("exponents", "exponents_min", "exponents_max")}
    if not isfinite(one["exponents"]):
        return "-∞"
    error = own["exponents_standard_error"][k]
    text = f"{one['exponents']:.4f}" + ("" if error is None else f" ± {error:.1g}")
    return text + _range(own, f"{one['exponents_min']:.3f}", f"{one['exponents_max']:.3f}")


def _difference(value: float, form: str) -> str:
    return format(value, form) if isfinite(value) else "–"


def _prediction(found: Row | None, last: int) -> list[tuple[str, str]]:
    if found is None:
        return [("prediction", "–"), ("  per step back", "–"), ("  first lag under 1 %", "–")]
    known = found["log_per_step"] is not None
    horizon = count(found["horizon"], last) if known else "–"
    step = _factor(found["log_per_step"]) if known else f"none: {found['note']}"
    return [("prediction", _theory(found)), ("  per step back", step), ("  first lag under 1 %", horizon)]


def _theory(found: Row) -> str:
    """Its name, of what layer if there are several, and the fixed point that it found."""
    layer = f", layer {found['layer']}" if found["layer"] else ""
    if found.get("chi_1") is None:
        return THEORIES[found["theory"]] + layer
    variance = "" if found["q_star"] is None else f", q* {found['q_star']:.3g}"
    return f"{THEORIES[found['theory']]}{layer}: χ₁ {found['chi_1']:.3g}{variance}"


def _bound(same: Sequence[Row], seeds: int) -> list[str]:
    """The cells of a line of bounds that are alike."""
    bound, factor = same[0], same[0]["log_factor"]
    return [
        "\n".join(own["name"] for own in same),
        "nothing of this net" if factor is None else SAYS.get(bound["name"], KINDS[bound["kind"]]),
        "–" if factor is None else _factor(factor),
        bound["assumption"],
        "the input decides" if bound["undecided"] == seeds else _share(bound["satisfied"], seeds),
        _share(bound["vacuous"], seeds),
    ]


def _share(hits: int, seeds: int) -> str:
    return "yes" if hits == seeds else "no" if hits == 0 else f"in {hits}/{seeds}"


def _ranged(own: Row, name: str, text: Format) -> str:
    """The median and, of several seeds, the range."""
    if own[name] is None:
        return "–"
    low, high = (text(own[f"{name}_{end}"]).removeprefix("× ") for end in ("min", "max"))
    return text(own[name]) + _range(own, low, high)


def _lag(own: Row, name: str, last: int) -> str:
    low, high = (count(own[f"{name}_{end}"], last) for end in ("min", "max"))
    return count(own[name], last) + _range(own, low, high)


def _range(own: Row, low: str, high: str) -> str:
    return "" if len(own["seeds"]) == 1 or low == high else f" ({low} – {high})"


def _factor(log_factor: float) -> str:
    return f"× {_number(log_factor)}"


def _number(log_factor: float) -> str:
    """The factor per step itself."""
    value = exp(min(log_factor, 700.0))
    return f"{value:.3f}" if 0.1 <= value < 10 else f"{value:.3g}"


def _rate(own: Row) -> str:
    if own["log_rate"] is None:
        return "there are too few lags with a gradient to fit a rate."
    if 2 * own["bent"] > len(own["seeds"]):
        near, far = (_number(end) for end in own["log_rate_at_ends"])
        return (
            f"the gradient has no single rate: one step back multiplies it by {near} at lag {own['first_lag']} and by "
            f"{far} at lag {own['last_lag']}."
        )
    return f"each step back multiplies the gradient by {_number(own['log_rate'])}."


def _reach(own: Row) -> str:
    """How much of it is left, and where."""
    if own["grad_first_over_last"] is None:
        return "It is exactly 0 from the start: the loss does not depend on the last state."
    left = power_of_ten(own["grad_first_over_last"])
    end = f"at the first of {own['length']:,} steps it is {left} of what it is at the last."
    if own["horizon"] is None:
        return f"It does not fall under 1 % of where it starts; {end}"
    return f"At lag {count(own['horizon'], None)} less than 1 % of it is left; {end}"


def _float32(own: Row) -> str:
    if own["underflow_lag"] is None or own["grad_first_over_last"] is None:
        return ""
    lag = count(own["underflow_lag"], None)
    if isinf(own["grad_first_over_last"]):
        return f"From lag {lag} on float32 training sees an exact 0."
    return f"From lag {lag} on float32 training sees an exact 0: the number format ends there, not the gradient."


def _predicted(own: Row) -> str:
    found = own["prediction"]
    if found is None or found["log_per_step"] is None:
        return ""
    step = _number(found["log_per_step"])
    if found["theory"] == "mean_field":
        return f"Mean-field theory, which knows only the variances of the weights, predicts {step} per step."
    return (
        f"The gates that carry the state, held at their biases, would alone give {step} per step; the rest is what "
        "moves them and what goes through the recurrent weights."
    )


def _guaranteed(own: Row) -> str:
    """What the lowest ceiling promises."""
    if not own["bounds"]:
        return ""
    lowest = lowest_ceiling(own["bounds"])
    if lowest is None:
        return "The classical theorems do not speak of gated cells."
    ceiling = (
        f"the lowest ceiling on it, {lowest['name']}, changes by a factor of {_number(lowest['log_factor'])} per step"
    )
    if lowest["vacuous"] == 0 and lowest["log_factor"] < 0:
        return f"A theorem guarantees that it vanishes: {ceiling}."
    return f"No theorem guarantees that it vanishes: {ceiling}."
