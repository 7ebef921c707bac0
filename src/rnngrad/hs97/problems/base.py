"""What a problem of the paper is: a generator of blocks of sequences, with what it guarantees about them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..sequences import Sequences

Ints = NDArray[np.int64]
Kinds = dict[str, NDArray[np.str_]]
"""By what tells them apart, such as place or class: (scored steps,) the kind of each, as it follows a number."""


@dataclass(frozen=True)
class Problem97(ABC):
    """A problem of Hochreiter & Schmidhuber 1997. Its fields are the keys of a card's [problem].

    A sequence is what the net reads: where a final element is only predicted (experiments 1 and 2) there is no step
    for it, since the net is reset after it. Positions in the paper start at 1.
    """

    @property
    @abstractmethod
    def inputs(self) -> int:
        """I, the input width."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """O, the output width."""

    @property
    @abstractmethod
    def mean_steps(self) -> float:
        """Expected number of steps of a sequence."""

    @property
    @abstractmethod
    def minimal_lag(self) -> int:
        """The minimal time lag in steps, as the paper's table 10 counts it."""

    @abstractmethod
    def draw(self, n: int, rng: Generator) -> Sequences:
        """``n`` training sequences."""

    def draw_test(self, n: int, rng: Generator) -> Sequences:
        """``n`` fresh test sequences: like those of training, but for noise on the targets."""
        return self.draw(n, rng)

    @abstractmethod
    def kinds(self, block: Sequences) -> Kinds:
        """What kinds of scored steps the block has, by which a net's mistakes are counted."""

    @property
    def answers(self) -> tuple[str, ...]:
        """(O,) Names of the outputs."""
        return tuple(f"output {k + 1}" for k in range(self.outputs)) if self.outputs > 1 else ("output",)

    @property
    def symbols(self) -> tuple[str, ...]:
        """(I,) Names of the one-hot inputs, empty for mere distractors."""
        return ("",) * self.inputs

    def named(self, sequence: Sequences) -> list[str]:
        """(T,) What matters of a sequence's elements, in a few letters; empty for all others."""
        return [""] * sequence.steps if sequence.symbols is None else [self.symbols[k] for k in sequence.symbols]

    @property
    def trials_per_set(self) -> int:
        """Trials, of successive seeds, that share a training set."""
        return 1

    def prepare(self, rng: Generator) -> "Problem97":
        """The problem with its training set drawn, where it has one (experiment 1)."""
        return self


def starts_of(lengths: Ints) -> Ints:
    """(N + 1,) Where each sequence starts, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)])


def last_only(starts: Ints) -> NDArray[np.bool_]:
    """(steps,) The error signal of experiments 2c to 6: at the last step of each sequence alone."""
    scored = np.zeros(starts[-1], dtype=np.bool_)
    scored[starts[1:] - 1] = True
    return scored


def ends_of(block: Sequences) -> NDArray[np.bool_]:
    """(scored steps,) Which of them are the last of their sequence."""
    steps = np.zeros(block.steps, dtype=np.bool_)
    steps[block.starts[1:] - 1] = True
    return np.asarray(steps[block.scored])


def pick(pool: Sequences, chosen: Ints) -> Sequences:
    """The pool's sequences of these numbers, laid end to end; every step of the pool is scored, its inputs one-hot."""
    assert pool.symbols is not None
    starts = starts_of(np.diff(pool.starts)[chosen])
    shift = pool.starts[chosen] - starts[:-1]
    steps = np.arange(starts[-1]) + np.repeat(shift, np.diff(starts))
    return replace(
        pool, starts=starts, scored=pool.scored[steps], targets=pool.targets[steps], symbols=pool.symbols[steps]
    )
