"""A measured gradient flow in words that a student understands."""

from math import isinf, log

from torch import Tensor

from .rate import Rate


def sentence(
    name: str,
    step: str,
    samples: int,
    log_rms: Tensor,
    rate: Rate | None,
    horizon: int | None,
    underflow_lag: int | None,
    cost: float,
) -> str:
    """Rate, horizon, float32's limit and cost, one sentence each. log_rms: (L,), by lag; step: what a lag counts."""
    head = f"Gradient of the last output's loss in {name}, {len(log_rms)} {step}s back, {samples} samples:"
    parts = [head, _rate(rate, step), _horizon(log_rms, horizon), _underflow(log_rms, underflow_lag)]
    text = f"Measured in float64 at {cost:.1f} times the cost of one forward and backward pass."
    return " ".join([part for part in parts if part] + [text])


def _rate(rate: Rate | None, step: str) -> str:
    if rate is None:
        return "there are too few lags with a gradient to fit a rate."
    within = f", 95 % interval {rate.interval[0]:.4f} to {rate.interval[1]:.4f}" if rate.interval else ""
    text = (
        f"each {step} back multiplies it by {rate.factor:.3g} (log rate {rate.log_per_step:.4f}{within}; straight-line "
        f"fit over lags {rate.first_lag} to {rate.last_lag})."
    )
    if rate.bent:
        first, last = rate.ends
        text += f" But it does not change at one rate: the slope goes from {first:.3g} to {last:.3g} over that range."
    return text


def _horizon(log_rms: Tensor, horizon: int | None) -> str:
    if isinf(float(log_rms[0])):
        return "It is exactly 0 from the start: the loss does not depend on the last state."
    last, end = len(log_rms) - 1, float(log_rms[-1] - log_rms[0])
    at_end = f"at lag {last} it is " + ("exactly 0." if isinf(end) else f"10^{end / log(10):.1f} of it.")
    if horizon is None:
        return f"It never falls under 1 % of what it is at lag 0; {at_end}"
    return f"At lag {horizon} it first falls under 1 % of what it is at lag 0; {at_end}"


def _underflow(log_rms: Tensor, lag: int | None) -> str:
    if lag is None:
        return "All of it is within float32's range."
    if isinf(float(log_rms[lag])):
        return f"From lag {lag} on it is a true zero, in any number format."
    return (
        f"From lag {lag} on float32 training would see an exact zero: that is underflow of the number "
        "format, not the end of the gradient."
    )
