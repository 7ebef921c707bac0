"""Experiment 6: classify by the order of widely separated symbols."""

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.random import Generator

from ..sequences import Sequences
from .base import Kinds, Problem97, last_only, starts_of

SYMBOLS = "EBabcdXY"
E, B, A, X = (SYMBOLS.index(symbol) for symbol in "EBaX")
DISTRACTORS = 4
LENGTHS = (100, 110)
POSITIONS = {2: ((10, 20), (50, 60)), 3: ((10, 20), (33, 43), (66, 76))}
"""For two or three relevant symbols: the first and last position, counted from 1, that each may have."""


@dataclass(frozen=True)
class TemporalOrder(Problem97):
    """``E … B`` over the distractors a, b, c, d, with X or Y at two (6a) or three (6b) positions; which ones, in order?

    Length uniform in 100 … 110, positions uniform in 10 … 20 and 50 … 60 (6a), or 10 … 20, 33 … 43 and 66 … 76 (6b),
    counted from 1, so that the minimal lag is the published 40 (24). 8 one-hot inputs (E, B, a, b, c, d, X, Y),
    an output per class in the paper's order (XX, XY, YX, YY; XXX, XXY, …), the only error at B. ``classes``: from 0.

    Reference: Hochreiter & Schmidhuber 1997, section 5.6.
    """

    relevant: int = field(metadata={"choices": tuple(POSITIONS)})

    @property
    def inputs(self) -> int:
        return len(SYMBOLS)

    @property
    def outputs(self) -> int:
        return int(2**self.relevant)

    @property
    def mean_steps(self) -> float:
        return sum(LENGTHS) / 2

    @property
    def minimal_lag(self) -> int:
        return LENGTHS[0] - POSITIONS[self.relevant][-1][1]

    @property
    def answers(self) -> tuple[str, ...]:
        return tuple("".join(order) for order in product("XY", repeat=self.relevant))

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(symbol if symbol in "XY" else "" for symbol in SYMBOLS)

    def kinds(self, block: Sequences) -> Kinds:
        return {"class": np.array([f"of class {name}" for name in self.answers])[block.classes]}

    def draw(self, n: int, rng: Generator) -> Sequences:
        starts = starts_of(rng.integers(LENGTHS[0], LENGTHS[1] + 1, size=n))
        symbols = rng.integers(A, A + DISTRACTORS, size=starts[-1], dtype=np.int32)
        symbols[starts[:-1]] = E
        symbols[starts[1:] - 1] = B
        classes = np.zeros(n, dtype=np.int64)
        for low, high in POSITIONS[self.relevant]:
            is_y = rng.integers(2, size=n)
            symbols[starts[:-1] + rng.integers(low, high + 1, size=n) - 1] = X + is_y
            classes = 2 * classes + is_y
        return Sequences(
            starts=starts,
            scored=last_only(starts),
            targets=np.eye(self.outputs)[classes],
            inputs=self.inputs,
            symbols=symbols,
            classes=classes,
        )
