"""Mean-field theory of residual nets: how gradients change from layer to layer where each adds to the one before."""

from math import log1p, sqrt

from .activations import Activation, find


def residual_log_factors(
    activation: str, weight_var: float, bias_var: float, first_var: float, layers: int
) -> list[float]:
    """½ ln(1 + χ(q_l)) for l = 1 … layers: natural log of what the gradient norm grows by from z_{l+1} back to z_l.

    Of z_{l+1} = z_l + W φ(z_l) + b, wide, weights N(0, weight_var/n) and biases N(0, bias_var): weights with mean 0
    add variances, q_{l+1} = q_l + weight_var E[φ²] + bias_var from q_1 = ``first_var``, and squared gradients,
    χ(q) = weight_var E[φ'(u)²], u ~ N(0, q). There is no fixed point: q only grows, so that saturating units have ever
    flatter slopes and a factor that tends to 1, a growth by a power of the depth or slower than exponential; ReLUs keep
    theirs, √(1 + weight_var/2).

    Reference: Yang & Schoenholz 2017, Mean field residual networks: on the edge of chaos, arXiv:1712.08969, the reduced
    residual network. Raises UsageError for an unknown activation.
    """
    phi, q, found = find(activation), first_var, []
    for _ in range(layers):
        found.append(0.5 * log1p(weight_var * _slope_square(phi, q)))
        q += weight_var * phi.square(q) + bias_var
    return found


def _slope_square(phi: Activation, q: float) -> float:
    """E[φ'²]. Where the quadrature is too coarse φ'² is a spike under a flat density, which falls as 1/√q."""
    if q <= phi.widest:
        return phi.slope_square(q)
    return phi.slope_square(phi.widest) * sqrt(phi.widest / q)
