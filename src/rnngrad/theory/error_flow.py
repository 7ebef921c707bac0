"""The classical bounds on the error that flows back through conventional units, h_t = φ(W h_{t-1} + V x_t + b)."""

from math import log

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .activations import Activation, find
from .bound import Bound
from .latch import latch

HOCHREITER = "Hochreiter 1991; Hochreiter, Bengio, Frasconi & Schmidhuber 2001"
PASCANU = "Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063"
LINEAR = "the linear chain: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120"

AT_ZERO = {"tanh": 0.0, "sigmoid": 0.5}
"""φ(0), where the slope φ' is largest."""

Array = NDArray[np.float64]


def error_flow_bounds(weight: Array, bias: Array, activation: str) -> list[Bound]:
    """Every statement that applies to a layer of conventional units.

    weight: (H, H), row i feeds unit i; bias: (H,), all biases of a unit added up; activation: tanh, sigmoid (logistic),
    relu or identity. Raises UsageError for other shapes, weights that are not finite, or an unknown activation.
    """
    phi = find(activation)
    weight, bias = np.asarray(weight, dtype=np.float64), np.asarray(bias, dtype=np.float64)
    if weight.ndim != 2 or weight.shape != (len(bias), len(bias)) or bias.ndim != 1 or not len(bias):
        raise UsageError(f"weight must be (H, H) and bias (H,), got {weight.shape} and {bias.shape}")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise UsageError("weight and bias must be finite, got NaN or infinity")
    found = [*hochreiter(weight, phi), *pascanu(weight, phi), spectral_radius(weight, bias, phi)]
    return [*found, latch(float(weight[0, 0]), float(bias[0]))] if _may_latch(weight, phi) else found


def hochreiter(weight: Array, phi: Activation) -> list[Bound]:
    """Hochreiter's local and global conditions for a vanishing error.

    Local: along one path the error changes by φ' w per step, so it vanishes if every |φ' w| < 1 (logistic: |w| < 4).
    That settles one unit; of n units there are n^(q-1) paths of length q. Global: every entry of J is below
    n (f'_max ||W||_A)^q at lag q, ||W||_A the largest row sum of |W|; and so below n τ^q, τ = n f'_max w_max, which
    vanishes for w_max < 1/(n f'_max) (logistic: 4/n). As ||J||_2 <= √n ||J||_A, n bounds the spectral norm too.
    """
    n = len(weight)
    largest = phi.steepest * float(np.abs(weight).max())
    row_sum = phi.steepest * float(np.abs(weight).sum(axis=1).max())
    limit = 1 / phi.steepest
    return [
        Bound(
            name="hochreiter_local",
            kind="path",
            log_factor=_log(largest),
            assumption=f"every |w| < 1/f'_max = {limit:g}",
            satisfied=largest < 1,
            vacuous=not largest < 1 or n > 1,
            source=HOCHREITER,
        ),
        _ceiling("hochreiter_global", row_sum, f"largest row sum of |W| < 1/f'_max = {limit:g}", HOCHREITER, log(n)),
        _ceiling("hochreiter_weights", n * largest, f"every |w| < 1/(n f'_max) = {limit / n:g}", HOCHREITER, log(n)),
    ]


def pascanu(weight: Array, phi: Activation) -> list[Bound]:
    """Pascanu's two conditions, both on σ_max(W) against 1/γ: sufficient to vanish and necessary to explode.

    ||J(T←t)|| <= (γ σ_max)^lag. The gradient vanishes if γ σ_max < 1. It can explode only if γ σ_max > 1, which is
    not sufficient: where that assumption holds nothing follows, and where it fails explosion is ruled out.
    """
    factor = phi.steepest * float(np.linalg.norm(weight, 2))
    limit = f"largest singular value of W {{}} 1/γ = {1 / phi.steepest:g}"
    explodes = Bound(
        name="pascanu_exploding",
        kind="ceiling",
        log_factor=_log(factor),
        assumption=limit.format(">"),
        satisfied=factor > 1,
        vacuous=factor > 1,
        source=PASCANU,
    )
    return [_ceiling("pascanu_vanishing", factor, limit.format("<"), PASCANU), explodes]


def spectral_radius(weight: Array, bias: Array, phi: Activation) -> Bound:
    """The rate at which J changes at long lags where the net is linear: ln(φ' ρ(W)), φ' the slope there.

    No ceiling: until then a matrix that is not normal can do anything that its singular values allow.
    """
    factor = phi.steepest * float(np.abs(np.linalg.eigvals(weight)).max())
    assumption, satisfied = _linear_point(weight, bias, phi, factor)
    return Bound(
        name="spectral_radius",
        kind="rate",
        log_factor=_log(factor),
        assumption=assumption,
        satisfied=satisfied,
        vacuous=satisfied is False,
        source=LINEAR,
    )


def _linear_point(weight: Array, bias: Array, phi: Activation, factor: float) -> tuple[str, bool | None]:
    """Where a net of these units is linear, and whether it stays there; None if the input decides."""
    if phi.name == "identity":
        return "none: the net is linear", True
    if phi.name == "relu":
        return "every unit is active at every step", None
    drift = weight.sum(axis=1) * AT_ZERO[phi.name] + bias
    holds = not drift.any() and factor < 1
    return "every pre-activation is 0: no input, W φ(0) + b = 0, and a factor below 1", None if holds else False


def _ceiling(name: str, factor: float, assumption: str, source: str, log_prefactor: float = 0.0) -> Bound:
    """A ceiling on J whose assumption is that it falls."""
    holds = factor < 1
    return Bound(name, "ceiling", _log(factor), assumption, holds, not holds, source, log_prefactor)


def _may_latch(weight: Array, phi: Activation) -> bool:
    return len(weight) == 1 and phi.name == "tanh"


def _log(factor: float) -> float:
    return log(factor) if factor > 0 else -np.inf
