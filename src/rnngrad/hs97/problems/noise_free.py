"""Experiments 2a and 2b: a first symbol that must be known again after p steps, all of them predicted."""

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from ..sequences import Sequences
from .base import Kinds, Problem97, ends_of


@dataclass(frozen=True)
class LongLag(Problem97):
    """Read ``y a_1 … a_{p-1}`` or ``x a_1 … a_{p-1}``, predict each next symbol: at the end, the first one again.

    p+1 one-hot inputs and outputs, a_1 … a_{p-1}, x, y in this order; both sequences are equally likely. In 2b
    (``between = "random"``) p-1 draws from a_1 … a_{p-1} stand between, so that only the end can be predicted. As the
    text has it there is an error at ``every`` step; ``end``: at the last one alone, which 2b's criterion looks at.
    ``classes``: 1 where the sequence begins with y.

    Reference: Hochreiter & Schmidhuber 1997, section 5.2, tasks 2a and 2b.
    """

    p: int = field(metadata={"least": 2})
    between: str = field(default="ordered", metadata={"choices": ("ordered", "random")})
    errors: str = field(default="every", metadata={"choices": ("every", "end")})

    @property
    def inputs(self) -> int:
        return self.p + 1

    @property
    def outputs(self) -> int:
        return self.p + 1

    @property
    def mean_steps(self) -> float:
        return float(self.p)

    @property
    def minimal_lag(self) -> int:
        return self.p

    @property
    def answers(self) -> tuple[str, ...]:
        return (*(f"a{k}" for k in range(1, self.p)), "x", "y")

    @property
    def symbols(self) -> tuple[str, ...]:
        return ("",) * (self.p - 1) + ("x", "y")

    def kinds(self, block: Sequences) -> Kinds:
        first = np.repeat(block.symbols[block.starts[:-1]] == self.p, np.diff(block.starts))  # type: ignore[index]
        return {
            "place": np.where(ends_of(block), "at the end", "before the end"),
            "class": np.where(first[block.scored], "beginning with y", "beginning with x"),
        }

    def draw(self, n: int, rng: Generator) -> Sequences:
        classes = rng.integers(2, size=n)
        symbols = np.empty((n, self.p + 1), dtype=np.int32)
        symbols[:, 0] = symbols[:, -1] = self.p - 1 + classes
        distractors = self.p - 1
        symbols[:, 1:-1] = (
            np.arange(distractors) if self.between == "ordered" else rng.integers(distractors, size=(n, distractors))
        )
        scored = np.arange(1, self.p + 1) >= (self.p if self.errors == "end" else 1)
        return Sequences(
            starts=np.arange(n + 1) * self.p,
            scored=np.tile(scored, n),
            targets=np.eye(self.outputs)[symbols[:, 1:][:, scored].ravel()],
            inputs=self.inputs,
            symbols=symbols[:, :-1].ravel(),
            classes=classes,
        )
