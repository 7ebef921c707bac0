"""The adding problem, in four of the variants that the literature gives the one name."""

from typing import ClassVar

import torch
from torch import Generator, Tensor

from .base import Problem


class Adding(Problem):
    """Remember two marked real numbers and give their (scaled) sum at the last step.

    Each step shows a pair (value, marker); two pairs carry the marker 1. ::

        value   .31  .92  .07  .55  .48  .80        (arjovsky: target .92 + .48 = 1.40)
        marker   0    1    0    0    1    0

    ========  ========  =======================================  ============  ==============
    protocol  values    marked positions (0-based)               length        target
    ========  ========  =======================================  ============  ==============
    arjovsky  U[0,1]    one in [0, T/2), one in [T/2, T)         T             X1 + X2
    hs97      U[-1,1]   one of the first 10, then one of the     U{T..1.1T}    .5+(X1+X2)/4
                        first T/2-1 still unmarked; the others
                        carry 0, the first and last pair -1;
                        X1 = 0 if it is the first pair
    pascanu   U[0,1]    one in [0, .1L), one in [.1L, .5L)       L=U{T..1.1T}  (X1 + X2)/2
    uniform   U[0,1]    two distinct positions anywhere          T             X1 + X2
    ========  ========  =======================================  ============  ==============

    Loss: squared error at the last step. Baselines: the constant mean, and the best that one remembered number
    allows. The often printed constant 0.1767 is wrong: Var(U1 + U2) = 1/6.

    References: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), experiment 4; Pascanu, Mikolov & Bengio 2013,
    arXiv:1211.5063, and their code; Arjovsky, Shah & Bengio 2016, arXiv:1511.06464; Bai, Kolter & Koltun 2018,
    arXiv:1803.01271 (uniform).
    """

    name: ClassVar[str] = "adding"
    protocols: ClassVar[dict[str, int]] = {"arjovsky": 2, "hs97": 22, "pascanu": 10, "uniform": 2}
    inputs: ClassVar[int] = 2
    outputs: ClassVar[int] = 1
    loss_name: ClassVar[str] = "mean squared error"

    @property
    def lengths(self) -> range:
        longest = self.lag + self.lag // 10 if self.protocol in ("hs97", "pascanu") else self.lag
        return range(self.lag, longest + 1)

    @property
    def minimal_lags(self) -> tuple[int, ...]:
        half, last = self.lag // 2, self.lag - 1
        return {
            "arjovsky": (last - (half - 1), 0),
            "hs97": (last - 9, last - (half - 1)),
            "pascanu": (last - (self.lag // 10 - 1), last - (half - 1)),
            "uniform": (1, 0),
        }[self.protocol]

    @property
    def baselines(self) -> dict[str, float]:
        # hs97: Var X1 = 9/10 · 1/3, since X1 = 0 in one case of ten, and Var X2 = 1/3, both over 4² = 16.
        constant, one_marker = {
            "arjovsky": (1 / 6, 1 / 12),
            "hs97": (19 / 480, 3 / 160),
            "pascanu": (1 / 24, 1 / 48),
            "uniform": (1 / 6, 1 / 12),
        }[self.protocol]
        return {"constant": constant, "one marker": one_marker}

    def scored_steps(self, length: int) -> int:
        return 1

    def sample(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        device = generator.device
        first, second = self._positions(length, batch, generator)
        columns = torch.arange(batch, device=device)
        values = torch.rand(length, batch, generator=generator, device=device)
        markers = torch.zeros(length, batch, device=device)
        if self.protocol == "hs97":
            values = 2 * values - 1
            values[0].masked_fill_(first == 0, 0.0)
            markers[0], markers[-1] = -1.0, -1.0
        markers[first, columns] = 1.0
        markers[second, columns] = 1.0
        total = values[first, columns] + values[second, columns]
        return torch.stack([values, markers], dim=-1), self._target(total)

    def _positions(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        def draw(low: int, high: int) -> Tensor:
            return torch.randint(low, high, (batch,), generator=generator, device=generator.device)

        half, tenth = length // 2, length // 10
        match self.protocol:
            case "arjovsky":
                return draw(0, half), draw(half, length)
            case "pascanu":
                return draw(0, tenth), draw(tenth, half)
            case "hs97":  # counted among the unmarked pairs of the nominal T, so from the first mark on shift by one
                first, second = draw(0, 10), draw(0, self.lag // 2 - 1)
            case _:
                first, second = draw(0, length), draw(0, length - 1)
        return first, second + (second >= first)

    def _target(self, total: Tensor) -> Tensor:
        match self.protocol:
            case "hs97":
                return 0.5 + total / 4
            case "pascanu":
                return total / 2
            case _:
                return total

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self.last_step_loss(outputs[:, -1], target).mean(dim=1)

    def scores(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {}

    def last_step_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return (output.squeeze(-1) - target).square()
