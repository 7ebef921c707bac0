"""What a measurement of the gradient flow found: a table, a rate, a horizon, a figure, a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError
from .chain import Part
from .norms import Norms, joined
from .profile import whole_first
from .rate import Rate, fitted_rate
from .words import sentence

if TYPE_CHECKING:  # pandas and matplotlib take a second to import, and are not needed to measure
    import pandas as pd
    from matplotlib.axes import Axes

UNDERFLOW = -149 * log(2.0)
"""ln(1.4e-45), the smallest number that float32 has: a training gradient below it is an exact zero."""


@dataclass(frozen=True, eq=False, repr=False)
class GradientFlow:
    """The gradient of the last output's loss with respect to every state, at lags 0 … L-1 (lag = L - t).

    ``norms``: (L, B, P), of the parts ``parts`` of the state; ``steps``: "step" or "layer"; ``seconds``: what the
    measurement took, ``seed``: of the random loss and the bootstrap. All logs are natural; printing gives a sentence.
    """

    name: str
    steps: str
    parts: tuple[Part, ...]
    norms: Norms
    seed: int
    seconds: float
    plain_seconds: Callable[[], float]

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per layer, state and lag.

        Columns: ``layer`` ("all" for the whole stack, then, if there are several, each by its number from 0 at the
        input), ``lag``, ``state`` ("hc" for the whole state, then "h" and "c"; only "h" or "z" where that is all),
        ``log_rms_per_sample``, ``log_norm_of_mean`` (see docs of :func:`gradient_flow`), and ``underflow``: whether the
        former is below ln(1.4e-45), so that float32 training sees an exact zero.
        """
        import pandas as pd

        frames = []
        layers: list[str | int] = ["all", *self.layers]
        for layer in layers:
            states, norms = self._states(layer)
            rms, of_mean = norms.log_rms().numpy(), norms.of_mean.numpy()
            for k, state in enumerate(states):
                columns = {"layer": layer, "lag": np.arange(len(rms)), "state": state}
                logs = {"log_rms_per_sample": rms[:, k], "log_norm_of_mean": of_mean[:, k]}
                frames.append(pd.DataFrame({**columns, **logs, "underflow": rms[:, k] < UNDERFLOW}))
        return pd.concat(frames, ignore_index=True)

    @property
    def layers(self) -> list[int]:
        """The numbers of the layers, if there are several."""
        layers = sorted({part.layer for part in self.parts})
        return layers if len(layers) > 1 else []

    @cached_property
    def log_rms(self) -> Tensor:
        """The headline: log rms per sample of the whole state of all layers, (L,)."""
        return self.norms.whole().log_rms()[:, 0]

    @cached_property
    def rate(self) -> Rate | None:
        """Log decay per step of the headline, with fit range, curvature and interval; None for fewer than 3 lags."""
        return fitted_rate(self.norms.whole().per_sample[..., 0].numpy(), self.seed)

    def horizon(self, threshold: float = 0.01) -> int | None:
        """The first lag at which the headline is under ``threshold`` of lag 0; None if it never is.

        Raises UsageError unless the threshold is above 0.
        """
        if not threshold > 0:
            raise UsageError(f"threshold must be above 0, got {threshold}: an exact 0 has no first lag in log space")
        return _first(self.log_rms - self.log_rms[0] < log(threshold))

    @property
    def underflow_lag(self) -> int | None:
        """The first lag at which float32 training sees an exact zero, whatever the true gradient is; None if never."""
        return _first(self.log_rms < UNDERFLOW)

    @cached_property
    def cost(self) -> float:
        """Seconds of the measurement over those of one plain forward and backward pass, in float64 as well.

        The plain pass is run and timed when this is first asked for.
        """
        return self.seconds / self.plain_seconds()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Gradient by lag, relative to lag 0: the states of one layer, or the whole state of each of several."""
        from ..figures import flow_by_lag

        return flow_by_lag(self.table, ax)

    @cached_property
    def sentence(self) -> str:
        """The result in words."""
        found = (self.log_rms, self.rate, self.horizon(), self.underflow_lag, self.cost)
        return sentence(self.name, self.steps, self.norms.per_sample.shape[1], *found)

    def __repr__(self) -> str:
        return self.sentence

    def _states(self, layer: str | int) -> tuple[tuple[str, ...], Norms]:
        """The states of a layer, the whole first, and their norms; of "all" layers, each taken over the stack."""
        own = [k for k, part in enumerate(self.parts) if layer in ("all", part.layer)]
        names = list(dict.fromkeys(self.parts[k].name for k in own))
        groups = [[k for k in own if self.parts[k].name == name] for name in names]
        if len(names) > 1:
            groups.insert(0, own)
        return whole_first(names), joined([self.norms.of(group).whole() for group in groups], dim=-1)


def _first(hits: Tensor) -> int | None:
    found = torch.nonzero(hits)
    return int(found[0]) if len(found) else None
