"""Sequences of pairs (value, marker) of which two are marked: what adding and multiplication have in common."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Generator, Tensor

from .forms import LastNumber


class MarkedPairs(LastNumber):
    """Where the marks fall and what else a sequence shows; a problem says what is done with the two marked numbers.

    The protocols are those that :class:`~rnngrad.problems.adding.Adding` describes. An answer is right if its absolute
    error is below .04, as in Hochreiter & Schmidhuber 1997; under ``pascanu`` .2, since that code counts a squared
    error above .04 as wrong.
    """

    inputs: ClassVar[int] = 2
    neutral: ClassVar[float]
    """What hs97 makes of X1 if it is the first pair: the number that changes no sum, or no product."""

    @property
    def tolerance(self) -> float:
        return 0.2 if self.protocol == "pascanu" else 0.04

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

    def sample(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        device = generator.device
        first, second = self._positions(length, batch, generator)
        columns = torch.arange(batch, device=device)
        values = self._values(torch.rand(length, batch, generator=generator, device=device))
        markers = torch.zeros(length, batch, device=device)
        if self.protocol == "hs97":
            values[0].masked_fill_(first == 0, self.neutral)
            markers[0], markers[-1] = -1.0, -1.0
        markers[first, columns] = 1.0
        markers[second, columns] = 1.0
        target = self._target(values[first, columns], values[second, columns])
        return torch.stack([values, markers], dim=-1), target

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

    @abstractmethod
    def _values(self, uniform: Tensor) -> Tensor:
        """The protocol's values (T, B) from numbers that are uniform on [0, 1)."""

    @abstractmethod
    def _target(self, first: Tensor, second: Tensor) -> Tensor:
        """What is asked for, (B,), of the marked numbers X1 and X2, (B,) each."""
