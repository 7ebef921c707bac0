"""Noise-free long lags: the first symbol comes again at the end, behind p - 1 others."""

from math import log
from typing import ClassVar

import torch
from torch import Generator, Tensor

from .forms import EverySymbol
from .symbols import one_hot


class NoiselessRecall(EverySymbol):
    """Predict every next symbol; the last is the first again, x or y with equal chance.

    ::

        input    x   a1  a2 … a99            codes: a1, a2, … 0, 1, …, then x and y
        target   a1  a2  a3 … x

    With p = T, p - 1 symbols stand between the two: a1, a2, … in this order (``hs97-2a``), or drawn anew from the same
    p - 1 (``hs97-2b``). One-hot inputs and as many outputs, p + 1, so the net grows with the lag. Experiment 2c has no
    place here: its lengths have no longest one.

    Loss: cross entropy averaged over all steps. Score: ``accuracy``, the share of sequences whose last symbol has the
    largest output; the 1997 nets have logistic outputs, and are right if each is within .25. Baseline: all is known but
    the first symbol, so the last is a guess between x and y. Under 2b nobody can predict what is drawn, which costs
    ln(p - 1) at every step but the last; remembering gains (ln 2)/p there too.

    References: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), experiments 2a and 2b.
    """

    name: ClassVar[str] = "noiseless_recall"
    protocols: ClassVar[dict[str, int]] = {"hs97-2a": 2, "hs97-2b": 2}
    score_names: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    @property
    def inputs(self) -> int:
        return self.lag + 1

    @property
    def outputs(self) -> int:
        return self.lag + 1

    @property
    def lengths(self) -> range:
        return range(self.lag, self.lag + 1)

    @property
    def minimal_lags(self) -> tuple[int, ...]:
        return (self.lag - 1,)

    @property
    def baselines(self) -> dict[str, float]:
        drawn = (self.lag - 1) * log(self.lag - 1) if self.protocol == "hs97-2b" else 0.0
        return {"guess at the end": (drawn + log(2)) / self.lag}

    def sample(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        device, others = generator.device, length - 1
        first = torch.randint(others, others + 2, (1, batch), generator=generator, device=device)
        if self.protocol == "hs97-2a":
            between = torch.arange(others, device=device).unsqueeze(1).expand(others, batch)
        else:
            between = torch.randint(0, others, (others, batch), generator=generator, device=device)
        codes = torch.cat([first, between, first])
        return one_hot(codes[:-1], self.inputs), codes[1:]

    def scores(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        right = outputs[:, -1].argmax(dim=-1) == target[:, -1]
        return {"accuracy": right.float().mean(dim=1)}
