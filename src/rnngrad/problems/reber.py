"""The embedded Reber grammar: predict the next symbol, and at the end the one that was second."""

from functools import cache
from math import inf, log
from typing import ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from .forms import EverySymbol
from .symbols import one_hot

SYMBOLS = "BTSXVPE"
REBER = ({"B": 1}, {"T": 2, "P": 3}, {"S": 2, "X": 4}, {"T": 3, "V": 5}, {"X": 3, "S": 6}, {"P": 4, "V": 6}, {"E": 7})
"""Reber's automaton: the edges out of each state; 7 is the end."""
SHORTEST = 9


def _embedded() -> tuple[Tensor, Tensor]:
    """The automaton around two copies of Reber's, one for each second symbol, so that its state remembers that symbol.

    Returns the next states (S, 7) and which symbols are legal (S, 7); the last state is the end and keeps itself.
    """
    size = len(REBER) + 1
    close = 2 + 2 * size
    edges: list[dict[str, int]] = [{"B": 1}, {"T": 2, "P": 2 + size}]
    for start, second in ((2, "T"), (2 + size, "P")):
        edges += [{symbol: start + state for symbol, state in own.items()} for own in REBER]
        edges.append({second: close})
    edges += [{"E": close + 1}, {}]
    table = torch.tensor([[own.get(symbol, -1) for symbol in SYMBOLS] for own in edges])
    return table.where(table >= 0, close + 1), table >= 0


NEXT, LEGAL = _embedded()


@cache
def _walks(longest: int) -> tuple[Tensor, Tensor]:
    """How many ways lead from a state to the end, by the number k of symbols that are left, up to ``longest``.

    Returns (longest + 1, S) ways, of which each row has a scale of its own that leaves its largest at 1, and the
    logarithms of the scales. Counts grow like 1.6^k and would overflow.
    """
    ways, scales = [np.eye(len(NEXT))[-1]], [0.0]
    for _ in range(longest):
        counts = (ways[-1][NEXT.numpy()] * LEGAL.numpy()).sum(axis=1)
        ways.append(counts / counts.max())
        scales.append(scales[-1] + log(counts.max()))
    return torch.tensor(np.array(ways)), torch.tensor(scales, dtype=torch.float64)


class Reber(EverySymbol):
    """Predict every next symbol of B (T|P) [a Reber string] (T|P) E, whose last but one repeats the second.

    ::

        string   B T B P T T V V E T E
        input    B T B P T T V V E          codes: B T S X V P E, 0..6
        target   T B P T T V V E T

    A string has N = lag symbols or fewer, but at least 9, uniform and one N per batch; at two branches both are equally
    likely, so all strings of one length are, and they are drawn by counting the automaton's walks. The paper draws
    lengths freely instead: every branch is a fair coin. Input ends before the last two symbols, since the closing E
    follows from the one before it: the last step is the one that needs the memory, and the flow is measured from there.

    Loss: cross entropy averaged over all N - 2 steps. Scores: ``exact``, the share of strings at whose every step the
    legal symbols have the largest outputs, and ``crucial``, the share with the right second T or P on top. Baselines of
    nets that know the grammar and have forgotten the second symbol: one tosses a coin at every branch, one knows in
    addition when the string will end, and below that loss no net gets without that memory.

    References: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), experiment 1; the embedded grammar is that of
    Smith & Zipser 1989 and Fahlman 1991, the inner one Reber's, 1967.
    """

    name: ClassVar[str] = "reber"
    protocols: ClassVar[dict[str, int]] = {"variable": SHORTEST}
    inputs: ClassVar[int] = len(SYMBOLS)
    outputs: ClassVar[int] = len(SYMBOLS)
    score_names: ClassVar[tuple[str, ...]] = ("loss", "exact", "crucial")

    @property
    def lengths(self) -> range:
        return range(SHORTEST - 2, self.lag - 1)

    @property
    def minimal_lags(self) -> tuple[int, ...]:
        return (self.lengths[0] - 2,)

    @property
    def baselines(self) -> dict[str, float]:
        ways, scales = _walks(self.lag)
        strings = ways[:, 0].log() + scales  # of each length, all equally likely
        coins = [(length - 2) * log(2) / length for length in self.lengths]
        known = [(float(strings[length + 2]) + log(2)) / length for length in self.lengths]
        return {"coins": sum(coins) / len(coins), "coins, length known": sum(known) / len(known)}

    def sample(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        device = generator.device
        ways = _walks(self.lag)[0][: length + 2].flip(0)
        upto = (ways[:, NEXT] * LEGAL).cumsum(dim=-1).to(device)
        uniform = torch.rand(length + 1, batch, 1, generator=generator, device=device, dtype=torch.float64)
        following, state = NEXT.to(device), torch.zeros(batch, dtype=torch.long, device=device)
        codes = []
        for step in range(length + 1):
            own = upto[step, state]
            codes.append((own <= uniform[step] * own[:, -1:]).sum(dim=1))
            state = following[state, codes[-1]]
        string = torch.stack(codes)
        return one_hot(string[:-1], self.inputs), string[1:]

    def scores(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        legal = self._legal(target)
        least, most = outputs.masked_fill(~legal, inf).amin(dim=-1), outputs.masked_fill(legal, -inf).amax(dim=-1)
        right = least > most
        return {"exact": right.all(dim=1).float().mean(dim=1), "crucial": right[:, -1].float().mean(dim=1)}

    @staticmethod
    def _legal(target: Tensor) -> Tensor:
        """Which symbols the grammar allows at each step of target (R, K, B), as (R, K, B, 7)."""
        following, allowed = NEXT.to(target.device), LEGAL.to(target.device)
        state, legal = torch.ones_like(target[:, 0]), []  # 1: the B has been seen
        for step in range(target.shape[1]):
            legal.append(allowed[state])
            state = following[state, target[:, step]]
        return torch.stack(legal, dim=1)
