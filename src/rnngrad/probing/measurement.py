"""Everything that is measured of one case, as one row: numbers, texts and lists, no tensors."""

from dataclasses import asdict
from time import perf_counter
from typing import Any

import numpy as np
from torch import nn

from ..flow.bounds import bounds
from ..flow.chain import Chain
from ..flow.convert import as_chain
from ..flow.long_jacobian import long_jacobian_of
from ..flow.lyapunov import spectrum_of
from ..flow.measure import gradient_flow
from ..flow.result import UNDERFLOW, GradientFlow
from ..memory import require
from ..models import Recurrent
from ..store import Row
from ..theory import Bound
from .prediction import prediction
from .subjects import SMALLER, Case

EXPONENTS = 3
"""How many of the first exponents are measured."""
SAMPLES = 8
"""Samples of the batch whose trajectories the exponents are averaged over."""
WHOLE_WIDTH, LEADING = 128, 8
"""Up to this width of the state all singular values are measured, of wider ones the leading few, matrix-free."""
SPREAD = (0.0, 0.05, 0.15, 0.35, 0.65, 1.0)
"""Lags of the singular values, as shares of the longest."""


def measured(case: Case, with_spectrum: bool) -> Row:
    """The row of one case. All logs are natural, None is what does not exist.

    ``rate``, ``horizon``, ``underflow_lag``, ``grad_first_over_last``: see :class:`~rnngrad.flow.result.GradientFlow`.
    ``flow``: log rms per sample of the whole state by lag, ``flow_last_layer``: of the last layer's state alone, None
    where there is but one; ``log_float32_zero``: below it float32 has an exact zero.
    ``exponents``: the first few, their standard errors over samples, the first one's ``drift`` over the second half of
    the steps, how far the twin trajectories are off, and how they converged.
    ``bounds``: of every layer, none of a module of unknown cells; ``ceiling``: the lowest of the last layer's ceilings
    by lag, natural log relative to lag 0, None where no theorem speaks. ``prediction``: see :func:`prediction`.
    ``singular_values``: of J(T←T-lag) for the first sample, only ``with_spectrum``, which takes most of the time.
    """
    begin = perf_counter()
    _require_memory(case)
    known = _bounds(case.module)
    flow = gradient_flow(case.module, case.x, case.loss, seed=case.seed)
    chain = as_chain(case.module, case.on(SAMPLES))
    row = {
        "seed": case.seed,
        "length": chain.length,
        "batch": flow.norms.per_sample.shape[1],
        "width": chain.states[0].shape[1],
        **_flow(flow),
        "exponents": _exponents(chain, case.warmup, case.seed),
        "bounds": [asdict(bound) for bound in known],
        "ceiling": _lowest_ceiling(known, chain.length),
        "prediction": prediction(chain),
        "singular_values": _singular_values(as_chain(case.module, case.on(1)), case.seed) if with_spectrum else None,
    }
    return {**row, "seconds": perf_counter() - begin}


def _require_memory(case: Case) -> None:
    """Raises UsageError, with the number, where the states of all steps do not fit into memory.

    They are kept for the samples of the exponents and, of nets without an engine of their own, for all samples.
    """
    width = as_chain(case.module, case.x[:1, :1]).states[0].shape[1]
    states = case.on(SAMPLES).numel() + (0 if isinstance(case.module, Recurrent) else case.x.numel())
    copies_in_float64 = 2
    require(8 * copies_in_float64 * width * states // case.x.shape[-1], case.x.device, SMALLER)


def _flow(flow: GradientFlow) -> Row:
    rate = flow.rate
    return {
        "rate": None if rate is None else {**asdict(rate), "bent": rate.bent, "ends": rate.ends},
        "horizon": flow.horizon(),
        "underflow_lag": flow.underflow_lag,
        "grad_first_over_last": float(flow.log_rms[-1] - flow.log_rms[0]),
        "log_float32_zero": UNDERFLOW,
        "flow": flow.log_rms.tolist(),
        "flow_last_layer": _last_layer(flow) if flow.layers else None,
    }


def _last_layer(flow: GradientFlow) -> list[float]:
    own = [k for k, part in enumerate(flow.parts) if part.layer == flow.layers[-1]]
    logs: list[float] = flow.norms.of(own).whole().log_rms()[:, 0].tolist()
    return logs


def _exponents(chain: Chain, warmup: int, seed: int) -> Row:
    k = min(EXPONENTS, chain.states[0].shape[1])
    spectrum = spectrum_of(chain, k, warmup, seed=seed)
    convergence = spectrum.convergence.mean(dim=1)
    return {
        "warmup": warmup,
        "mean": spectrum.mean.tolist(),
        "standard_error": spectrum.mean_standard_error.tolist(),
        "twin": float(spectrum.twin.mean()),
        "twin_gap": float(spectrum.twin_gap.abs().max()),
        "drift": float(convergence[-1, 0] - convergence[(len(convergence) - 1) // 2, 0]),
        "convergence": convergence.T.tolist(),
    }


def _bounds(module: Any) -> list[Bound]:
    return bounds(module) if isinstance(module, Recurrent | nn.RNN | nn.LSTM | nn.GRU) else []


def _lowest_ceiling(known: list[Bound], length: int) -> list[float] | None:
    """At every lag, of all that is known of the last layer: the lowest of several ceilings is one too."""
    last = max((bound.layer for bound in known), default=0)
    own = [bound.log_at(np.arange(length)) for bound in known if (bound.kind, bound.layer) == ("ceiling", last)]
    curves = [curve for curve in own if curve is not None]
    lowest: list[float] | None = np.minimum.reduce(curves).tolist() if curves else None
    return lowest


def _singular_values(chain: Chain, seed: int) -> Row:
    """At a few lags, each descending."""
    width, end = chain.states[0].shape[1], chain.length
    lags = sorted({max(1, round(share * end)) for share in SPREAD})
    k = None if width <= WHOLE_WIDTH else LEADING
    found = [long_jacobian_of(chain, end - lag, end, k, seed).log_singular_values[0].tolist() for lag in lags]
    return {"lags": lags, "log_singular_values": found}
