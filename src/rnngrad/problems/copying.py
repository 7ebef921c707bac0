"""Copy memory: hold ten letters over a blank stretch and give them back in order."""

from math import log
from typing import ClassVar

import torch
from torch import Generator, Tensor

from .forms import EverySymbol
from .symbols import one_hot

LETTERS, SYMBOLS, GO = 8, 10, 9


class Copy(EverySymbol):
    """Recall ten letters, drawn from eight, after the go-signal.

    ::

        input    3 1 7 … 5 | 0 0 … 0 | 9 | 0 0 0 … 0        codes: blank 0, letters 1..8, go-signal 9
        target   0 0 0 … 0 | 0 0 … 0 | 0 | 3 1 7 … 5

    Protocol ``arjovsky``: T-1 blanks before the signal, length T + 20. Protocol ``variable``: 1..T blanks, drawn
    once per batch, length (blanks) + 21. Inputs one-hot over 10 codes, outputs over 9 (no go-signal).

    Loss: cross entropy averaged over all steps. Baseline: blanks until the signal, then guessing, 10 ln 8 / length.
    Scores: ``recall``, the share of right letters among the ten recalled positions only (guessing gives 1/8), and
    ``exact``, the share of sequences with all ten right.

    References: Arjovsky, Shah & Bengio 2016, arXiv:1511.06464 (layout); Henaff, Szlam & LeCun 2016, arXiv:1602.06662
    (variable lag); Hochreiter & Schmidhuber 1997 (the task's ancestor).
    """

    name: ClassVar[str] = "copy"
    protocols: ClassVar[dict[str, int]] = {"arjovsky": 1, "variable": 1}
    inputs: ClassVar[int] = GO + 1
    outputs: ClassVar[int] = LETTERS + 1
    score_names: ClassVar[tuple[str, ...]] = ("loss", "recall", "exact")

    @property
    def lengths(self) -> range:
        longest = self.lag + 2 * SYMBOLS
        return range(longest, longest + 1) if self.protocol == "arjovsky" else range(2 * SYMBOLS + 2, longest + 2)

    @property
    def minimal_lags(self) -> tuple[int, ...]:
        return (self.lengths[0] - SYMBOLS,) * SYMBOLS

    @property
    def baselines(self) -> dict[str, float]:
        per_length = [SYMBOLS * log(LETTERS) / length for length in self.lengths]
        return {"memoryless": sum(per_length) / len(per_length)}

    def sample(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        device = generator.device
        letters = torch.randint(1, LETTERS + 1, (SYMBOLS, batch), generator=generator, device=device)
        codes = torch.zeros(length, batch, dtype=torch.long, device=device)
        target = torch.zeros_like(codes)
        codes[:SYMBOLS] = letters
        codes[-SYMBOLS - 1] = GO
        target[-SYMBOLS:] = letters
        return one_hot(codes, self.inputs), target

    def scores(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        right = outputs[:, -SYMBOLS:].argmax(dim=-1) == target[:, -SYMBOLS:]
        return {
            "recall": right.float().mean(dim=(1, 2)),
            "exact": right.all(dim=1).float().mean(dim=1),
        }
