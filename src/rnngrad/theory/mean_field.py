"""Mean-field theory of wide random nets: how signals and gradients change from step to step, or from layer to layer."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, log, sqrt

from ..errors import UsageError
from .activations import Activation, Homogeneous, find

DIES = "q* is 0: without bias or input the activity dies out, so there is no c*"
KEEPS = "every variance q is kept as it is: there is no q* apart from what the input sets"
DIVERGES = "q grows without bound, so there is no q*; chi_1 does not depend on it and holds"


@dataclass(frozen=True)
class MeanField:
    """What becomes of a wide net with weights N(0, weight_var/n) and biases N(0, bias_var), drawn anew at each step.

    ``q_star``: variance of the pre-activations that the net settles at; None if there is none, and ``note`` says why.
    ``chi_1``: factor per step of the mean squared norm of the gradient, and of a small difference of two states.
    ``c_star``: correlation that two states settle at, 1 where chi_1 <= 1; None where q_star is None or 0.
    ``xi_q``, ``xi_c``: depth or time scales in steps, |q - q*| ~ e^(-l/xi_q) and |c - c*| ~ e^(-l/xi_c).

    References: Poole et al. 2016, arXiv:1606.05340; Schoenholz et al. 2017, arXiv:1611.01232; for recurrent nets Chen,
    Pennington & Schoenholz 2018, arXiv:1806.05394. A recurrent net has the same weights at every step, which the
    theory neglects.
    """

    activation: str
    weight_var: float
    bias_var: float
    input_var: float
    q_star: float | None
    chi_1: float
    c_star: float | None
    xi_q: float | None
    xi_c: float | None
    note: str

    @property
    def log_gradient_factor(self) -> float:
        """½ ln chi_1: the root-mean-square gradient norm changes by this natural log per step."""
        return 0.5 * log(self.chi_1)

    @property
    def gradient_factor(self) -> float:
        """√chi_1: the same as a factor per step."""
        return sqrt(self.chi_1)

    @property
    def xi_grad(self) -> float:
        """1/|ln chi_1|: steps in which the squared gradient norm falls or grows by e; infinite at criticality."""
        return inf if self.chi_1 == 1 else 1 / abs(log(self.chi_1))


def mean_field(activation: str, weight_var: float, bias_var: float = 0.0, input_var: float = 0.0) -> MeanField:
    """Fixed points, gradient factor and scales of a multi-layer perceptron or a vanilla recurrent net.

    q* = weight_var E[φ(√q* z)²] + bias_var + input_var; chi_1 = weight_var E[φ'(√q* z)²], z ~ N(0, 1).

    activation: tanh, sigmoid (logistic), relu, leaky_relu, prelu or identity. weight_var is n Var W: 2 for He's
    initialisation, 1/3 for torch's of a recurrent layer. input_var: what the input adds to the variance of a recurrent
    net's pre-activation at every step, σ_v² R; two states that are compared see the same input. Raises UsageError for
    an unknown activation, weight_var <= 0, a negative or infinite variance, or q* beyond what the quadrature resolves.
    """
    phi = find(activation)
    _check(weight_var=weight_var, bias_var=bias_var, input_var=input_var)
    if weight_var == 0:
        raise UsageError("weight_var is 0: nothing passes from step to step; give a positive variance")
    shift = bias_var + input_var
    q_star, note = _fixed_point(phi, weight_var, shift)
    chi_1 = weight_var * phi.slope_square(q_star or 0.0)
    xi_q = None if q_star is None else _scale(weight_var * phi.growth(q_star))
    c_star, xi_c = _correlation(phi, weight_var, shift, q_star, chi_1) if q_star else (None, None)
    return MeanField(activation, weight_var, bias_var, input_var, q_star, chi_1, c_star, xi_q, xi_c, note)


def critical_line(activation: str, bias_var: float) -> float:
    """The weight_var at which chi_1 = 1 for this bias_var (in a recurrent net plus input_var).

    Solved for q*, with weight_var = 1/E[φ'²]: q* - bias_var = E[φ²]/E[φ'²]. ReLU and identity nets are critical at
    bias_var 0 alone. Raises UsageError for a bias_var that has no critical point, or an unknown activation.
    """
    phi = find(activation)
    _check(bias_var=bias_var)
    if not isinstance(phi, Homogeneous):
        q_star = _root(lambda q: q - bias_var - phi.square(q) / phi.slope_square(q), 0.0, phi.widest, phi)
        return 1 / phi.slope_square(q_star)
    if bias_var > 0:
        raise UsageError(f"{phi.name} nets are critical at bias_var 0 alone, got {bias_var:g}: with a bias q diverges")
    return 1 / phi.share


def _check(**variances: float) -> None:
    for name, value in variances.items():
        if not isinstance(value, int | float) or not (isfinite(value) and value >= 0):
            raise UsageError(f"{name} is a variance: it must be a finite number, 0 or more, got {value!r}")


def _fixed_point(phi: Activation, weight_var: float, shift: float) -> tuple[float | None, str]:
    """q*, and what there is to say where it is None or 0."""

    def after(q: float) -> float:
        return weight_var * phi.square(q) + shift

    if isinstance(phi, Homogeneous):
        gain = weight_var * phi.share
        if gain >= 1:
            return None, KEEPS if gain == 1 and shift == 0 else DIVERGES
        return shift / (1 - gain), "" if shift else DIES
    # E[φ²] is concave in q: beyond 0 there is one fixed point at most, and q grows below it.
    least = 0.0 if after(0.0) > 0 else 1e-12
    if after(least) <= least:
        return 0.0, DIES
    return _root(lambda q: q - after(q), least, phi.widest, phi), ""


def _correlation(phi: Activation, weight_var: float, shift: float, q: float, chi_1: float) -> tuple[float, float]:
    """c* and xi_c. The map of c is convex, with a fixed point at 1 and slope chi_1 there: above 1 there is another."""

    def excess(c: float) -> float:
        """(map(c) - c)/(1 - c), which is positive below c* and 1 - chi_1 at c = 1."""
        return 1 - chi_1 if c == 1 else ((weight_var * phi.product(q, c) + shift) / q - c) / (1 - c)

    if chi_1 <= 1:
        return 1.0, _scale(chi_1)
    uncorrelated = excess(0.0) < 1e-15
    c_star = 0.0 if uncorrelated else _root(lambda c: -excess(c), 0.0, 1.0, phi)
    return c_star, _scale(weight_var * phi.slope_product(q, c_star))


def _scale(factor: float) -> float:
    """Steps in which what changes by ``factor`` per step falls by e."""
    if factor <= 0:
        return 0.0
    return inf if factor > 1 - 1e-12 else -1 / log(factor)


def _root(f: Callable[[float], float], low: float, high: float, phi: Activation) -> float:
    """The root of f, which is negative or 0 at ``low`` and has to be positive at ``high``."""
    from scipy.optimize import brentq  # slow to import, and no command needs it at its start

    if f(high) <= 0:
        raise UsageError(f"the variances are too large: {phi.name} is averaged exactly up to q* = {phi.widest:g} only")
    return float(brentq(f, low, high, xtol=1e-15, rtol=1e-15))
