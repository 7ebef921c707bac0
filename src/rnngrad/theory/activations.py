"""Activation functions φ, and the averages of φ over a Gaussian pre-activation that mean-field theory is made of."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import acos, inf, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from ..errors import unknown

Array = NDArray[np.float64]

NODES = 10_000
"""Gauss-Hermite nodes. Their spacing, π/√NODES, has to resolve the poles of tanh(√q z) at a distance π/(2√q) from the
real axis; only the 612 of them with a weight above 1e-22 are kept, so that this costs nothing. Measured relative error:
1e-12 for tanh up to q = 50, 3e-10 at q = 100, and the same for the logistic function at four times these q."""


class Activation(ABC):
    """φ of a unit. Averages are over u ~ N(0, q), or over two such with correlation c.

    ``steepest``: the largest slope |φ'|, Hochreiter's f'_max and Pascanu's γ.
    ``widest``: the largest q at which the averages are exact to 1e-9.
    """

    name: str
    steepest: float
    widest: float

    @abstractmethod
    def square(self, q: float) -> float:
        """E[φ(u)²]."""

    @abstractmethod
    def growth(self, q: float) -> float:
        """d E[φ(u)²] / dq = E[φ'(u)² + φ(u) φ''(u)]."""

    @abstractmethod
    def slope_square(self, q: float) -> float:
        """E[φ'(u)²]."""

    @abstractmethod
    def product(self, q: float, c: float) -> float:
        """E[φ(u₁) φ(u₂)]."""

    @abstractmethod
    def slope_product(self, q: float, c: float) -> float:
        """E[φ'(u₁) φ'(u₂)]."""


@dataclass(frozen=True)
class Smooth(Activation):
    """An analytic φ, by its value, slope φ' and curvature φ''; averages by Gauss-Hermite quadrature."""

    name: str
    steepest: float
    widest: float
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]

    def square(self, q: float) -> float:
        return _mean(lambda u: self.value(u) ** 2, q)

    def growth(self, q: float) -> float:
        return _mean(lambda u: self.slope(u) ** 2 + self.value(u) * self.curvature(u), q)

    def slope_square(self, q: float) -> float:
        return _mean(lambda u: self.slope(u) ** 2, q)

    def product(self, q: float, c: float) -> float:
        return _mean_of_product(self.value, q, c)

    def slope_product(self, q: float, c: float) -> float:
        return _mean_of_product(self.slope, q, c)


@dataclass(frozen=True)
class Homogeneous(Activation):
    """φ(a u) = a φ(u) for a > 0, so that E[φ(u₁) φ(u₂)] = k q κ(c) with κ(1) = 1: exact, and at every q alike.

    ``share`` is k = E[φ(u)²]/q, ``kernel`` is κ and ``kernel_slope`` κ'.
    """

    name: str
    share: float
    kernel: Callable[[float], float]
    kernel_slope: Callable[[float], float]
    steepest: float = 1.0
    widest: float = inf

    def square(self, q: float) -> float:
        return self.share * q

    def growth(self, q: float) -> float:
        return self.share

    def slope_square(self, q: float) -> float:
        return self.share

    def product(self, q: float, c: float) -> float:
        return self.share * q * self.kernel(c)

    def slope_product(self, q: float, c: float) -> float:
        return self.share * self.kernel_slope(c)


@cache
def _gauss_hermite() -> tuple[Array, Array]:
    """Nodes and weights of the average over a standard normal variable, those of no weight left out."""
    from scipy.special import roots_hermitenorm  # slow to import, and no command needs it at its start

    nodes, weights = roots_hermitenorm(NODES)
    weights = weights / weights.sum()
    heavy = weights > 1e-22
    return nodes[heavy], weights[heavy]


def _mean(f: Callable[[Array], Array], q: float) -> float:
    nodes, weights = _gauss_hermite()
    return float(weights @ f(sqrt(q) * nodes))


def _mean_of_product(f: Callable[[Array], Array], q: float, c: float) -> float:
    nodes, weights = _gauss_hermite()
    second = sqrt(q) * (c * nodes[:, None] + sqrt(1 - c**2) * nodes)
    return float((weights * f(sqrt(q) * nodes)) @ (f(second) @ weights))


def _tanh_slope(u: Array) -> Array:
    return 1 - np.tanh(u) ** 2


def _tanh_curvature(u: Array) -> Array:
    return -2 * np.tanh(u) * _tanh_slope(u)


def _arc_cosine(c: float) -> float:
    """Cho & Saul 2009, Kernel methods for deep learning: the kernel of degree 1."""
    return (sqrt(1 - c**2) + (pi - acos(c)) * c) / pi


def _kinked(name: str, slope: float) -> Homogeneous:
    """u where it is positive, slope · u elsewhere, which is slope · u + (1 - slope) relu(u)."""
    share, bend = (1 + slope**2) / 2, (1 - slope) ** 2
    return Homogeneous(
        name,
        share,
        lambda c: (2 * slope * c + bend * _arc_cosine(c)) / (2 * share),
        lambda c: (2 * slope + bend * (pi - acos(c)) / pi) / (2 * share),
    )


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Smooth("tanh", 1.0, 100.0, np.tanh, _tanh_slope, _tanh_curvature),
    "sigmoid": Smooth(
        "sigmoid",
        0.25,
        400.0,
        lambda u: (1 + np.tanh(u / 2)) / 2,
        lambda u: _tanh_slope(u / 2) / 4,
        lambda u: _tanh_curvature(u / 2) / 8,
    ),
    "relu": _kinked("relu", 0.0),
    "leaky_relu": _kinked("leaky_relu", 0.01),
    "prelu": _kinked("prelu", 0.25),
    "identity": Homogeneous("identity", 1.0, lambda c: c, lambda c: 1.0),
}
"""By name. The sigmoid is the logistic function, not centred: E[φ(u)²] is its second moment, not its variance. PReLU
has the slope with which it starts to learn."""


def find(name: str) -> Activation:
    """The activation of that name. Raises UsageError for an unknown one."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
