"""Temporal order: which letters came, and which of them first."""

from math import log
from typing import ClassVar

import torch
from torch import Generator, Tensor

from .forms import LastClass
from .symbols import one_hot

DISTRACTORS, MARKS, START, TRIGGER = 4, 2, 6, 7
PERCENT = {"hs97-6a": (10, 50), "hs97-6b": (10, 33, 66), "pascanu": (10, 50), "pascanu-3bit": (10, 30, 60)}
"""Where in the sequence the stretches begin that hold one mark each, in per cent of T; each is T/10 long."""


class TemporalOrder(LastClass):
    """Name the order of two or three marks, X or Y each, that are scattered among random letters.

    ::

        input   E b d a X c … a b Y c … d a B        (hs97-6a; class: X, then Y)

    ============  ===================================================  ============  =======
    protocol      marks at (1-based; pascanu 0-based), one in each     length        classes
    ============  ===================================================  ============  =======
    hs97-6a       .1T to .2T, .5T to .6T                               U{T..1.1T}    4
    hs97-6b       .1T to .2T, .33T to .43T, .66T to .76T               U{T..1.1T}    8
    pascanu       [.1T, .2T), [.5T, .6T)                               T             4
    pascanu-3bit  [.1T, .2T), [.3T, .4T), [.6T, .7T)                   T             8
    ============  ===================================================  ============  =======

    The paper has T = 100 alone; its positions are scaled to T. All other letters are drawn from a, b, c, d; hs97 begins
    with E and ends with the trigger B. Inputs one-hot, codes: a..d 0..3, X 4, Y 5, E 6, B 7; pascanu has the first six.
    The class is the sum of 2^k over the marks k that are Y.

    Loss: cross entropy at the last step. Baselines: guessing what is not remembered, ln 2 a mark. Score: ``accuracy``,
    by the largest output; the 1997 net has logistic outputs and is right if every one of them is within .3.

    References: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), experiments 6a and 6b; Pascanu, Mikolov & Bengio
    2013, arXiv:1211.5063, and their code.
    """

    name: ClassVar[str] = "temporal_order"
    protocols: ClassVar[dict[str, int]] = {"hs97-6a": 20, "hs97-6b": 20, "pascanu": 10, "pascanu-3bit": 10}

    @property
    def _framed(self) -> bool:
        """Do E and B stand at the ends?"""
        return self.protocol.startswith("hs97")

    @property
    def inputs(self) -> int:
        return DISTRACTORS + MARKS + 2 * self._framed

    @property
    def outputs(self) -> int:
        return int(MARKS ** len(PERCENT[self.protocol]))

    @property
    def stretches(self) -> list[range]:
        """The 0-based positions of which each holds one mark."""
        starts = [self.lag * percent // 100 for percent in PERCENT[self.protocol]]
        if not self._framed:
            return [range(start, start + self.lag // 10) for start in starts]
        ends = [self.lag * (percent + 10) // 100 for percent in PERCENT[self.protocol]]
        return [range(start - 1, end) for start, end in zip(starts, ends, strict=True)]

    @property
    def lengths(self) -> range:
        return range(self.lag, self.lag + self.lag // 10 * self._framed + 1)

    @property
    def minimal_lags(self) -> tuple[int, ...]:
        return tuple(self.lag - 1 - stretch[-1] for stretch in self.stretches)

    @property
    def baselines(self) -> dict[str, float]:
        marks = len(self.stretches)
        return {name: (marks - k) * log(MARKS) for k, name in enumerate(["guess", "one mark", "two marks"][:marks])}

    def sample(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        def draw(low: int, high: int, rows: int) -> Tensor:
            return torch.randint(low, high, (rows, batch), generator=generator, device=generator.device)

        positions = torch.cat([draw(stretch.start, stretch.stop, 1) for stretch in self.stretches])
        marks = draw(0, MARKS, len(positions))
        codes = draw(0, DISTRACTORS, length).scatter_(0, positions, DISTRACTORS + marks)
        if self._framed:
            codes[0], codes[-1] = START, TRIGGER
        worth = MARKS ** torch.arange(len(marks), device=generator.device)
        return one_hot(codes, self.inputs), (marks * worth.unsqueeze(1)).sum(dim=0)
