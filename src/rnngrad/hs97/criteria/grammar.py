"""Experiment 1: every symbol of both sets predicted."""

from dataclasses import dataclass, field
from math import inf

import numpy as np

from ...errors import UsageError
from ..problems import Problem97
from ..problems.reber import ReberSets, encode, legal_steps
from ..sequences import Flags, Reals
from .base import Criterion, Judge, Streams, Test, parts


@dataclass(frozen=True)
class Grammar(Criterion):
    """At every step of every string of training set and test set the legal next symbols are the most active.

    Every legal symbol's output must be above every other's. How often the sets are tried (``every``) is not said.

    Reference: Hochreiter & Schmidhuber 1997, section 5.1.
    """

    every: int = field(default=100, metadata={"least": 1})

    def judge(self, problem: Problem97) -> Judge:
        if not isinstance(problem, ReberSets):
            raise UsageError("criterion 'grammar' fits the problem 'embedded_reber' alone")
        return GrammarJudge(self, problem)


class GrammarJudge(Judge):
    """Tests both sets, the training set first, until a symbol is wrong."""

    def __init__(self, criterion: Grammar, sets: ReberSets) -> None:
        self.every = criterion.every
        strings = [*sets.train, *sets.test]
        self.strings, self.legal = encode(strings), legal_steps(strings)

    def test(self, test: Test, streams: Streams, met: int) -> int:
        self.tests += 1
        for first, last in parts(len(self.strings)):
            outputs = test(self.strings.part(first, last), outputs=True).outputs
            begin, end = self.strings.starts[[first, last]]
            if not predicted(outputs, self.legal[begin:end]).all():
                return met
        return 1


def predicted(outputs: Reals, legal: Flags) -> Flags:
    """(steps,) Is every legal symbol's output above all others'? Both arguments (steps, O); NaN never is."""
    least = np.where(legal, outputs, inf).min(axis=1)
    most = np.where(legal, -inf, outputs).max(axis=1)
    return np.asarray(least > most)
