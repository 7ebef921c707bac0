"""Experiment 2c: very long lags among random distractors."""

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from ..sequences import Sequences
from .base import Kinds, Problem97, last_only, starts_of

STOP = 0.1
"""The chance that the next element of the suffix is e. (The paper prints 1/10 for a distractor too: 9/10 is meant.)"""
E, B, X = 0, 1, 2
"""Codes behind the p distractors, as in the paper's list: e, b, x; y follows x."""


@dataclass(frozen=True)
class Distractors(Problem97):
    """Read ``b (y|x) a … a e`` with q + k distractors from a_1 … a_p; at e, tell whether the second symbol was x or y.

    p+4 one-hot inputs (a_1 … a_p, e, b, x, y), two outputs (x, y), the only error at e. The suffix, k, ends with
    chance 1/10 at each of its elements. The paper contradicts itself on its length. ``suffix = "not_empty"`` follows
    its printed mean length "q + 14" and (q + 10)/p occurrences of a distractor: k from 1. ``suffix = "may_be_empty"``
    follows its "minimal sequence length q + 4" and "minimal time lag q + 1": k from 0, and a mean length of q + 13,
    which is the value of the paper's own sum. Lengths count the final x or y, which is not read.
    ``classes``: 1 where the answer is y.

    Reference: Hochreiter & Schmidhuber 1997, section 5.2, task 2c.
    """

    q: int = field(metadata={"least": 1})
    p: int = field(metadata={"least": 1})
    suffix: str = field(default="not_empty", metadata={"choices": ("not_empty", "may_be_empty")})

    @property
    def inputs(self) -> int:
        return self.p + 4

    @property
    def outputs(self) -> int:
        return 2

    @property
    def mean_steps(self) -> float:
        return self.q + 2 + 1 / STOP + (self.suffix == "not_empty")

    @property
    def minimal_lag(self) -> int:
        return self.q

    def draw(self, n: int, rng: Generator) -> Sequences:
        classes = rng.integers(2, size=n)
        extra = rng.geometric(STOP, size=n) - (self.suffix == "may_be_empty")
        starts = starts_of(self.q + 3 + extra)
        symbols = rng.integers(self.p, size=starts[-1], dtype=np.int32)
        symbols[starts[:-1]] = self.p + B
        symbols[starts[:-1] + 1] = self.p + X + classes
        symbols[starts[1:] - 1] = self.p + E
        return Sequences(
            starts=starts,
            scored=last_only(starts),
            targets=np.eye(2)[classes],
            inputs=self.inputs,
            symbols=symbols,
            classes=classes,
        )

    @property
    def answers(self) -> tuple[str, ...]:
        return ("x", "y")

    @property
    def symbols(self) -> tuple[str, ...]:
        return (*("",) * self.p, "e", "", "x", "y")

    def kinds(self, block: Sequences) -> Kinds:
        return {"class": np.array(["with x", "with y"])[block.targets.argmax(axis=1)]}
