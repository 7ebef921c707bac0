"""Experiment 1: the embedded Reber grammar."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..sequences import Flags, Sequences
from .base import Ints, Kinds, Problem97, pick, starts_of

SYMBOLS = "BTSXPVE"
EDGES: dict[int, dict[str, int]] = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
}
"""The Reber automaton: from each state, the symbol on an edge and the state that it leads to; 7 is the end."""
END = 7
SHORTEST = 9
"""Symbols of the shortest embedded string, which is what table 10 has as the minimal lag."""
BANDS = (11, 16)
LENGTHS = ("up to 10", "11 to 15", "over 15")
"""Of embedded strings, by which mistakes are counted; the shortest have 9 symbols."""
Strings = list[str]


def reber_strings(n: int, rng: Generator) -> Strings:
    """``n`` strings of the embedded grammar: B, T or P, a Reber string, the same T or P, E; each branch 1 in 2."""
    outer = np.where(rng.random(n) < 0.5, "T", "P")
    return [f"B{o}{inner}{o}E" for o, inner in zip(outer, _inner(n, rng), strict=True)]


def _inner(n: int, rng: Generator) -> Strings:
    """All strings take each of their steps together, until the longest one has ended."""
    targets, letters = _edge_tables()
    states = np.zeros(n, dtype=np.int64)
    columns = []
    while (states != END).any():
        branch = (rng.random(n) < 0.5).astype(np.int64)
        columns.append(letters[states, branch])
        states = targets[states, branch]
    return ["".join(row) for row in np.stack(columns, axis=1)]


def _edge_tables() -> tuple[Ints, NDArray[np.str_]]:
    """(8, 2) The state and the letter of both branches of every state; the end leads to itself without a letter."""
    targets = np.full((END + 1, 2), END)
    letters = np.full((END + 1, 2), "", dtype="<U1")
    for state, edges in EDGES.items():
        branches = list(edges.items())
        for branch in (0, 1):
            letters[state, branch], targets[state, branch] = branches[branch % len(branches)]
    return targets, letters


def legal_next(string: str) -> list[str]:
    """After each symbol of an embedded string but the last: the symbols that the grammar allows next."""
    legal, state = ["TP", "B"], 0
    for symbol in string[2:-2]:
        state = EDGES[state][symbol]
        legal.append(string[1] if state == END else "".join(EDGES[state]))
    return [*legal, "E"]


def encode(strings: Sequence[str]) -> Sequences:
    """Every symbol but the last is an input, and the one after it its target."""
    codes = [np.array([SYMBOLS.index(symbol) for symbol in string], dtype=np.int32) for string in strings]
    starts = starts_of(np.array([len(code) - 1 for code in codes]))
    following = np.concatenate([code[1:] for code in codes])
    return Sequences(
        starts=starts,
        scored=np.ones(starts[-1], dtype=np.bool_),
        targets=np.eye(len(SYMBOLS))[following],
        inputs=len(SYMBOLS),
        symbols=np.concatenate([code[:-1] for code in codes]),
    )


def legal_steps(strings: Sequence[str]) -> Flags:
    """(steps, 7) Which symbols may come next, at every step of the encoded strings."""
    return np.array([[symbol in legal for symbol in SYMBOLS] for string in strings for legal in legal_next(string)])


@dataclass(frozen=True)
class EmbeddedReber(Problem97):
    """Predict the next symbol of ``B (T|P) REBER (T|P) E`` at every step; 7 one-hot inputs, 7 outputs.

    The paper draws 256 training strings at random, trains on exemplars picked from them at random, and tests on 256
    more "generated randomly, too, but sequences already used in the training set are not used for testing". Whether
    a set may hold a string twice it does not say (``repeats``: "allowed" or "none"); one random string in four
    is one of the four shortest. "With each such pair we run 10 trials with different initial weights":
    ``inits_per_set`` successive seeds.

    References: Hochreiter & Schmidhuber 1997, section 5.1; Fahlman 1991 (the sets of 256).
    """

    train_strings: int = field(default=256, metadata={"least": 1})
    test_strings: int = field(default=256, metadata={"least": 1})
    repeats: str = field(default="allowed", metadata={"choices": ("allowed", "none")})
    inits_per_set: int = field(default=10, metadata={"least": 1})

    @property
    def trials_per_set(self) -> int:
        return self.inits_per_set

    @property
    def inputs(self) -> int:
        return len(SYMBOLS)

    @property
    def outputs(self) -> int:
        return len(SYMBOLS)

    @property
    def mean_steps(self) -> float:
        """All symbols but the E at the end: 3 around a Reber string, whose expected length is 8."""
        return 11.0

    @property
    def minimal_lag(self) -> int:
        return SHORTEST

    @property
    def answers(self) -> tuple[str, ...]:
        return tuple(SYMBOLS)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(SYMBOLS)

    def kinds(self, block: Sequences) -> Kinds:
        """Which symbol was to be predicted, and how many the string has; all steps are scored."""
        lengths = np.diff(block.starts)
        since = np.arange(block.steps) - np.repeat(block.starts[:-1], lengths)
        left = np.repeat(lengths, lengths) - since
        places = ["at the last symbol but one", "at the last symbol", "at the second symbol"]
        long = np.array([f"of {words} symbols" for words in LENGTHS])
        return {
            "place": np.select([left == 2, left == 1, since == 0], places, "inside the Reber string"),
            "length": np.repeat(long[np.digitize(lengths + 1, BANDS)], lengths),
        }

    def draw(self, n: int, rng: Generator) -> Sequences:
        return encode(reber_strings(n, rng))

    def prepare(self, rng: Generator) -> "ReberSets":
        train = self._set(self.train_strings, set(), rng)
        test = self._set(self.test_strings, set(train), rng)
        return ReberSets(**{f.name: getattr(self, f.name) for f in fields(self)}, train=train, test=test)

    def _set(self, size: int, without: set[str], rng: Generator) -> tuple[str, ...]:
        chosen: Strings = []
        while len(chosen) < size:
            chosen += [string for string in reber_strings(size, rng) if string not in without]
            chosen = list(dict.fromkeys(chosen)) if self.repeats == "none" else chosen
        return tuple(chosen[:size])


@dataclass(frozen=True)
class ReberSets(EmbeddedReber):
    """The experiment with its training and its test set drawn; training picks from the first at random."""

    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    @cached_property
    def _pool(self) -> Sequences:
        return encode(self.train)

    def draw(self, n: int, rng: Generator) -> Sequences:
        return pick(self._pool, rng.integers(len(self.train), size=n))
