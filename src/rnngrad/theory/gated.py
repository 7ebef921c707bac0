"""Gated units: what is exact about the LSTM and the GRU, and which classical theorems do not speak of them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .bound import Bound
from .error_flow import HOCHREITER, LINEAR, PASCANU

Array = NDArray[np.float64]

GATE_PATHS = {
    "lstm": ("carousel", "forget", "Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000"),
    "gru": ("leak", "update", "Cho et al. 2014, arXiv:1406.1078"),
}
"""The path that bypasses the squashing functions: its name, the gate that it goes through, and the source."""

CONVENTIONAL = {
    "hochreiter_local": HOCHREITER,
    "hochreiter_global": HOCHREITER,
    "pascanu_vanishing": PASCANU,
    "pascanu_exploding": PASCANU,
    "spectral_radius": LINEAR,
}
"""Theorems about h_t = φ(W h_{t-1} + …), and their sources."""


def gated_bounds(cell: str, gate_bias: Array, weight_hh: Array, gate_weight_ih: Array) -> list[Bound]:
    """The path through the gate of an ``lstm`` or ``gru``, then the theorems that do not apply, each saying why.

    gate_bias: (H,), all biases of the forget or update gate added up; weight_hh: the recurrent weights of all gates;
    gate_weight_ih: (H, I), the input weights of that gate. Without recurrent weights the path is all there is, and
    exact: J = diag(f) from c to c, or diag(z) from h to h. The slowest unit sets the factor, σ(b).
    """
    name, gate, source = GATE_PATHS[cell]
    isolated = not weight_hh.any()
    satisfied = isolated and (None if gate_weight_ih.any() else True)
    path = Bound(
        name=name,
        kind="path",
        log_factor=float(log_gate(gate_bias).max()),
        assumption=f"no recurrent weights, and no input that moves the {gate} gate from σ(b)",
        satisfied=satisfied,
        vacuous=satisfied is False,
        source=source,
    )
    return [path, *(_silent(cell, name, source) for name, source in CONVENTIONAL.items())]


def log_gate(gate_bias: ArrayLike) -> Array:
    """ln σ(b): change per step along the path through a gate that is held at its bias."""
    return np.asarray(-np.logaddexp(0.0, -np.asarray(gate_bias, dtype=np.float64)))


def lstm_exponents(forget_bias: ArrayLike) -> Array:
    """The Lyapunov spectrum of an LSTM without recurrent and input weights, exact, largest first, (2H,).

    The state is (h, c): ln σ(b_f) of each unit, as c_t = f c_{t-1} + …, and -∞ H times, as nothing depends on h_{t-1}.
    """
    kept = np.sort(log_gate(forget_bias))[::-1]
    return np.concatenate([kept, np.full(len(kept), -np.inf)])


def gate_path_log_rms(gate_bias: ArrayLike, lags: ArrayLike) -> Array:
    """½ ln mean_i σ(b_i)^(2 lag), (len(lags),): the gradient along the gates' paths by lag, 0 at lag 0.

    Of H units with equal gradients at lag 0. It is not a straight line where the units differ: the slowest take over,
    as in chrono-initialised nets.
    """
    logs = 2 * np.multiply.outer(np.asarray(lags, dtype=np.float64), log_gate(gate_bias))
    return np.asarray(0.5 * (np.logaddexp.reduce(logs, axis=-1) - np.log(logs.shape[-1])))


def time_scales(gate_bias: ArrayLike) -> Array:
    """-1/ln σ(b): steps in which the path through each gate falls by e; about e^b + ½ for large b."""
    return -1 / log_gate(gate_bias)


def chrono_time_scales(length: int, quantiles: ArrayLike) -> Array:
    """Quantiles of the units' time scales under chrono initialisation, b_f = ln U[1, length - 1].

    Raises UsageError for a length below 3, where that interval is empty.

    Reference: Tallec & Ollivier 2018, arXiv:1804.11188.
    """
    if length < 3:
        raise UsageError(f"chrono initialisation needs a length of at least 3, got {length}")
    return time_scales(np.log(1 + np.asarray(quantiles, dtype=np.float64) * (length - 2)))


def _silent(cell: str, name: str, source: str) -> Bound:
    """A theorem about conventional units, which a gated net does not consist of."""
    return Bound(
        name=name,
        kind="rate" if name == "spectral_radius" else "path" if name == "hochreiter_local" else "ceiling",
        log_factor=None,
        assumption=f"conventional units, h_t = φ(W h_(t-1) + V x_t + b): the gates of the {cell} multiply its state",
        satisfied=False,
        vacuous=True,
        source=source,
    )
