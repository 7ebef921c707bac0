"""The two-sequence problem: one of two classes, told by the first inputs, under noise."""

from math import sqrt
from typing import ClassVar

import torch
from torch import Generator, Tensor

from .forms import LastNumber

NOISE, TARGET_NOISE = 0.2, 0.1
"""Variances of the noise on the inputs and, in 3c, on the targets."""


class TwoSequence(LastNumber):
    """Say at the end whether the first inputs were positive.

    The first N of the real inputs are 1.0 in class 1 and -1.0 in class 2; all later ones are N(0, variance .2) and tell
    nothing. N = 3, or N = 1 in the protocols that end in ``single``. ::

        input   1.0  1.0  1.0  -.31  .52  .08 …  -.44       (hs97-3a, class 1)

    =========  =============================  ====================================  =========
    protocol   the first N inputs             target, class 1 and class 2           tolerance
    =========  =============================  ====================================  =========
    hs97-3a    as they are                    1.0 and 0.0                           .2
    hs97-3b    with N(0, variance .2) added   1.0 and 0.0                           .2
    hs97-3c    as they are                    .2 and .8, N(0, variance .1) added    .1
    =========  =============================  ====================================  =========

    The length is U{T..1.1T}, one per batch. Targets are (2, B): what is taught above what is right, which differ by
    the noise of 3c. Loss: squared error at the last step against what is taught, so 3c cannot fall below the noise, .1.
    Score: ``accuracy``, the share of answers whose distance from what is right is below the tolerance. Under 3b nobody
    gets all: a share Φ(-√(N/.2)) of sequences, 1.3 % for N = 1, looks more like the other class. Baseline: the constant
    mean, the best answer without the first N inputs.

    References: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), experiments 3a, 3b and 3c; the problem is that
    of Bengio, Simard & Frasconi 1994.
    """

    name: ClassVar[str] = "two_sequence"
    protocols: ClassVar[dict[str, int]] = {
        "hs97-3a": 4,
        "hs97-3a-single": 2,
        "hs97-3b": 4,
        "hs97-3b-single": 2,
        "hs97-3c": 4,
        "hs97-3c-single": 2,
    }
    inputs: ClassVar[int] = 1

    @property
    def informative(self) -> int:
        """N, how many of the first inputs tell the class."""
        return 1 if self.protocol.endswith("single") else 3

    @property
    def _task(self) -> str:
        return self.protocol.removesuffix("-single")

    @property
    def tolerance(self) -> float:
        return 0.1 if self._task == "hs97-3c" else 0.2

    @property
    def lengths(self) -> range:
        return range(self.lag, self.lag + self.lag // 10 + 1)

    @property
    def minimal_lags(self) -> tuple[int, ...]:
        return (self.lag - self.informative,)

    @property
    def baselines(self) -> dict[str, float]:
        return {"constant": 0.3**2 + TARGET_NOISE if self._task == "hs97-3c" else 0.5**2}

    def sample(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        device = generator.device
        sign = 1 - 2 * torch.randint(0, 2, (batch,), generator=generator, device=device)
        values = sqrt(NOISE) * torch.randn(length, batch, generator=generator, device=device)
        if self._task == "hs97-3b":
            values[: self.informative] += sign
        else:
            values[: self.informative] = sign.float()
        return values.unsqueeze(-1), self._targets(sign, generator)

    def _targets(self, sign: Tensor, generator: Generator) -> Tensor:
        """Taught and right, (2, B), of classes 1 (sign 1) and 2 (sign -1)."""
        if self._task != "hs97-3c":
            right = 0.5 + 0.5 * sign
            return torch.stack([right, right])
        right = 0.5 - 0.3 * sign
        noise = torch.randn(len(sign), generator=generator, device=generator.device)
        return torch.stack([right + sqrt(TARGET_NOISE) * noise, right])

    def scores(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        return super().scores(outputs, target[:, 1])

    def last_step_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return super().last_step_loss(output, target[:, 0])
