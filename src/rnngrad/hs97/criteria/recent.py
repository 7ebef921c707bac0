"""Experiments 4, 5 and 6: the most recent training sequences."""

from dataclasses import dataclass, field
from math import inf

import numpy as np

from ...errors import UsageError
from ..problems import Problem97
from ..sequences import Reals, Scores, Sequences
from .base import Criterion, Judge, State

ERRORS = ("absolute", "squared")


@dataclass(frozen=True)
class Recent(Criterion):
    """Fewer than so many of the most recent training sequences wrong, and their mean error low.

    A sequence is right if all absolute errors at its end are below ``tolerance``. ``fewer_than`` lists a number per
    milestone; without ``mean_error`` any mean will do. The paper does not say over which window its "average training
    error" goes (``error_window``), nor which error it is (``error``, see :func:`sequence_errors`).

    Reference: Hochreiter & Schmidhuber 1997, sections 5.4 to 5.6, table 11 (ST3).
    """

    tolerance: float = field(metadata={"above": 0})
    mean_error: float | None = field(default=None, metadata={"above": 0})
    fewer_than: tuple[int, ...] = field(default=(1,), metadata={"least": 1})
    window: int = field(default=2000, metadata={"least": 1})
    error_window: int = field(default=2000, metadata={"least": 1})
    error: str = field(default="absolute", metadata={"choices": ERRORS})
    final: int = field(default=2560, metadata={"least": 0})

    def __post_init__(self) -> None:
        if not self.fewer_than or list(self.fewer_than) != sorted(set(self.fewer_than), reverse=True):
            raise UsageError(f"'fewer_than': expected falling numbers, got {list(self.fewer_than)}")

    @property
    def milestones(self) -> tuple[str, ...]:
        return ("solved",) if len(self.fewer_than) == 1 else tuple(f"n_seq {n}" for n in self.fewer_than)

    @property
    def needs_outputs(self) -> bool:
        return self.mean_error is not None and self.error == "absolute"

    def judge(self, problem: Problem97) -> Judge:
        return RecentJudge(self)


class RecentJudge(Judge):
    """Keeps the last window of flags and of errors. With ``everywhere`` errors count at all scored steps."""

    def __init__(self, criterion: Recent, everywhere: bool = False) -> None:
        self.criterion, self.everywhere = criterion, everywhere
        self.wrong, self.errors = Window(criterion.window), Window(criterion.error_window)

    def _wrong(self, scores: Scores) -> Reals:
        """1 where a sequence is wrong; NaN is."""
        error = scores.worst if self.everywhere else scores.last
        return np.asarray(~(error < self.criterion.tolerance), dtype=np.float64)

    def _errors(self, block: Sequences, scores: Scores) -> Reals:
        if self.criterion.mean_error is None:
            return np.zeros(len(block))
        return sequence_errors(self.criterion.error, block, scores)

    def first(self, block: Sequences, scores: Scores, met: int) -> int | None:
        enough = self.wrong.sums(self._wrong(scores)) < self.criterion.fewer_than[met]
        if self.criterion.mean_error is not None:
            means = self.errors.sums(self._errors(block, scores)) / self.criterion.error_window
            enough &= means < self.criterion.mean_error
        return int(enough.argmax()) + 1 if enough.any() else None

    def push(self, block: Sequences, scores: Scores) -> None:
        self.wrong.push(self._wrong(scores))
        self.errors.push(self._errors(block, scores))

    def state(self) -> State:
        return super().state() | {"wrong": self.wrong.kept, "errors": self.errors.kept}

    def restore(self, state: State) -> None:
        super().restore(state)
        self.wrong.kept, self.errors.kept = state["wrong"], state["errors"]


class Window:
    """The last ``length`` numbers of a stream, and moving sums over as many."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.kept: Reals = np.empty(0)

    def sums(self, new: Reals) -> Reals:
        """(len(new),) After each new number the sum of the last ``length``; inf while there are fewer."""
        totals = np.concatenate([[0.0], np.cumsum(np.concatenate([self.kept, new]))])
        ends = len(self.kept) + 1 + np.arange(len(new))
        sums = totals[ends] - totals[np.maximum(ends - self.length, 0)]
        return np.where(ends >= self.length, sums, inf)

    def push(self, new: Reals) -> None:
        """The new numbers have been."""
        self.kept = np.concatenate([self.kept, new])[-self.length :]


def sequence_errors(kind: str, block: Sequences, scores: Scores) -> Reals:
    """(N,) The error of each sequence that averages are taken of.

    "absolute": |target - output|, mean over outputs and scored steps; "squared": (target - output)² summed over both,
    which is what learning lowers, but for its factor.
    """
    if kind == "squared":
        return scores.squared
    scored = np.add.reduceat(block.scored, block.starts[:-1], dtype=np.int64)
    absolute = np.abs(block.targets - scores.outputs).mean(axis=1)
    return np.asarray(np.add.reduceat(absolute, np.cumsum(scored) - scored) / scored)
