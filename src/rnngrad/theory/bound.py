"""What a theorem says of the gradient of one layer, as an object that can be printed, plotted and put to the test."""

from dataclasses import dataclass
from math import exp
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Kind = Literal["ceiling", "path", "rate"]


@dataclass(frozen=True)
class Bound:
    """A statement about J(T←t) = ∂h_T/∂h_t of a layer at lag = T - t, in natural logs.

    ``kind``: a "ceiling" is never exceeded by any entry or by the spectral norm of J, hence neither by the norm of the
    gradient relative to lag 0; a "path" concerns one path through the net, not the sum of all; a "rate" is approached
    at long lags.
    ``log_factor``: the change per step; None where the theorem says nothing about nets of this form.
    ``log_prefactor``: what multiplies the factors of all steps.
    ``satisfied``: whether the assumption holds; None where that depends on the data and not on the weights alone.
    ``vacuous``: whether nothing follows for how this net's gradient shrinks or grows.
    ``layer``: counted from 0 at the input.
    """

    name: str
    kind: Kind
    log_factor: float | None
    assumption: str
    satisfied: bool | None
    vacuous: bool
    source: str
    log_prefactor: float = 0.0
    layer: int = 0

    @property
    def factor(self) -> float | None:
        """The change per step as a factor."""
        return None if self.log_factor is None else exp(self.log_factor)

    def log_at(self, lags: ArrayLike) -> NDArray[np.float64] | None:
        """Natural log of what the statement gives at each lag, 0 or more; None where ``log_factor`` is."""
        if self.log_factor is None:
            return None
        steps = np.asarray(lags, dtype=np.float64)
        change = np.zeros_like(steps)  # and 0 · ∞ is 0 here: no step, no change
        np.multiply(steps, self.log_factor, out=change, where=steps > 0)
        return np.asarray(self.log_prefactor + change)
