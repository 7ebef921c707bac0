"""Experiments 4 and 5: add, or multiply, two marked numbers."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ..sequences import Reals, Sequences
from .base import Ints, Kinds, Problem97, last_only, starts_of

FIRST = 10
"""The first marked pair is one of so many."""


@dataclass(frozen=True)
class MarkedPairs(Problem97):
    """Each step shows a pair (value, marker). Two pairs carry the marker 1; the answer is due at the last step.

    Length uniform in T … T + T/10 (whole numbers, both ends). Marked are one of the first ten pairs, whose value is
    X1, then one of the first T/2 - 1 still unmarked pairs, X2; the minimal lag is therefore T/2. "The second
    components of all remaining pairs are zero except for the first and final pair, whose second components are -1.
    (In the rare case where the first pair of the sequence gets marked, we set X1 to zero.)" In multiplication, to 1.
    That case, one sequence in ten, leaves three things open:

    - ``first_marker``, what a marked first pair shows: its mark ("one"; it is no *remaining* pair) or "minus_one";
    - ``first_value``, where X1 is set: in the pair itself and so in the target ("shown"), or in the target alone
      ("target"), or nowhere ("kept");
    - ``first_draw``, whose mark counts: only X1's, as the text has it ("first"), or X2's as well ("either").

    Reference: Hochreiter & Schmidhuber 1997, sections 5.4 and 5.5.
    """

    length: int = field(metadata={"least": 2 * FIRST + 2})
    first_marker: str = field(default="one", metadata={"choices": ("one", "minus_one")})
    first_value: str = field(default="shown", metadata={"choices": ("shown", "target", "kept")})
    first_draw: str = field(default="first", metadata={"choices": ("first", "either")})

    neutral: ClassVar[float]
    """What X1 is set to."""

    @property
    def inputs(self) -> int:
        return 2

    @property
    def outputs(self) -> int:
        return 1

    @property
    def mean_steps(self) -> float:
        return self.length + (self.length // 10) / 2

    @property
    def minimal_lag(self) -> int:
        return self.length // 2

    def kinds(self, block: Sequences) -> Kinds:
        """How far apart the marked pairs are, where the first pair is one of them, and where the target is near an end
        of the logistic output's range, which it reaches only with large weights.
        """
        near, far = self.length // 8, self.length // 4
        gaps = [f"with marks {words} apart" for words in (f"up to {near}", f"{near + 1} to {far}", f"over {far}")]
        ends = [f"with a target {words}" for words in ("under 0.05", "0.05 to 0.95", "over 0.95")]
        first, second = _marks(block)
        return {
            "distance": np.array(gaps)[np.digitize(second - first, (near, far), right=True)],
            "pair": np.where(first == 0, "with the first pair marked", "with later pairs marked"),
            "target": np.array(ends)[np.digitize(block.targets[:, 0], (0.05, 0.95))],
        }

    def named(self, sequence: Sequences) -> list[str]:
        assert sequence.values is not None
        return [f"{value:.2f}" if marker == 1 else "" for value, marker in sequence.values]

    @abstractmethod
    def _values(self, uniform: Reals) -> Reals:
        """The pairs' values, from numbers uniform in [0, 1]."""

    @abstractmethod
    def _answer(self, x1: Reals, x2: Reals) -> Reals:
        """The target."""

    def draw(self, n: int, rng: Generator) -> Sequences:
        starts = starts_of(rng.integers(self.length, self.length + self.length // 10 + 1, size=n))
        first = rng.integers(FIRST, size=n)
        second = rng.integers(self.length // 2 - 1, size=n)
        second += second >= first
        pairs = np.zeros((starts[-1], 2))
        pairs[:, 0] = self._values(rng.random(starts[-1]))
        targets = self._mark(pairs, starts[:-1], first, second)
        pairs[starts[1:] - 1, 1] = -1.0
        return Sequences(starts=starts, scored=last_only(starts), targets=targets, inputs=2, values=pairs)

    def _mark(self, pairs: Reals, begins: Ints, first: Ints, second: Ints) -> Reals:
        """Sets the markers, and the value of a marked first pair, in place; returns the targets, (N, 1)."""
        marked_first = (first == 0) | ((second == 0) & (self.first_draw == "either"))
        begin = begins[marked_first]
        drawn = pairs[begin, 0]
        if self.first_value != "kept":
            pairs[begin, 0] = self.neutral
        targets = self._answer(pairs[begins + first, 0], pairs[begins + second, 0])
        if self.first_value == "target":
            pairs[begin, 0] = drawn
        pairs[begins, 1] = -1.0
        pairs[begins + first, 1] = pairs[begins + second, 1] = 1.0
        if self.first_marker == "minus_one":
            pairs[begin, 1] = -1.0
        return targets[:, np.newaxis]


class Adding97(MarkedPairs):
    """Experiment 4: values uniform in [-1, 1], target .5 + (X1 + X2)/4; X1 = 0 if it is the first pair."""

    neutral: ClassVar[float] = 0.0

    def _values(self, uniform: Reals) -> Reals:
        return 2 * uniform - 1

    def _answer(self, x1: Reals, x2: Reals) -> Reals:
        return 0.5 + (x1 + x2) / 4


class Multiplication97(MarkedPairs):
    """Experiment 5: values uniform in [0, 1], target X1 · X2; X1 = 1 if it is the first pair."""

    neutral: ClassVar[float] = 1.0

    def _values(self, uniform: Reals) -> Reals:
        return uniform

    def _answer(self, x1: Reals, x2: Reals) -> Reals:
        return x1 * x2


def _marks(block: Sequences) -> tuple[Ints, Ints]:
    """(N,) The steps of both marked pairs, from 0; of a pair that does not show its mark it is the first step."""
    assert block.values is not None
    at = np.flatnonzero(block.values[:, 1] == 1)
    owner = np.searchsorted(block.starts, at, side="right") - 1
    first, second = np.zeros(len(block), dtype=np.int64), np.zeros(len(block), dtype=np.int64)
    second[owner] = at - block.starts[owner]  # of two, the last one stays
    hidden = np.bincount(owner, minlength=len(block)) < 2
    first[owner[::-1]] = (at - block.starts[owner])[::-1]
    first[hidden] = 0
    return first, second
