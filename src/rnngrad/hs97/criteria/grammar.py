"""Experiment 1: every symbol of both sets predicted."""

from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.random import Generator

from ...errors import UsageError
from ..problems import Problem97
from ..problems.reber import ReberSets, encode, legal_steps
from ..sequences import Flags, Reals
from .base import Criterion, Examined, Judge, Streams, Test, parts


@dataclass(frozen=True)
class Grammar(Criterion):
    """At every step of every string of training set and test set the legal next symbols are the most active.

    "If the output unit(s) corresponding to the possible next symbol(s) is(are) always the most active ones":
    "all" legal symbols' outputs are above all others (``legal``), or, more leniently, "one" of them is. How often the
    sets are tried (``every``) is not said.

    Reference: Hochreiter & Schmidhuber 1997, section 5.1.
    """

    every: int = field(default=100, metadata={"least": 1})
    legal: str = field(default="all", metadata={"choices": ("all", "one")})

    def judge(self, problem: Problem97) -> Judge:
        return GrammarJudge(self, _sets(problem))

    def examined(self, problem: Problem97, rng: Generator) -> tuple[Examined, ...]:
        sets = _sets(problem)
        return tuple(self._examined(name, strings) for name, strings in (("training", sets.train), ("test", sets.test)))

    def _examined(self, name: str, strings: tuple[str, ...]) -> Examined:
        legal = legal_steps(strings)
        judged = np.ones(len(legal), np.bool_)
        return Examined(name, encode(strings), judged, lambda outputs: predicted(outputs, legal, self.legal))


def _sets(problem: Problem97) -> ReberSets:
    if not isinstance(problem, ReberSets):
        raise UsageError("criterion 'grammar' fits the problem 'embedded_reber' alone")
    return problem


class GrammarJudge(Judge):
    """Tests both sets, the training set first, until a symbol is wrong."""

    def __init__(self, criterion: Grammar, sets: ReberSets) -> None:
        self.every, self.which = criterion.every, criterion.legal
        strings = [*sets.train, *sets.test]
        self.strings, self.legal = encode(strings), legal_steps(strings)

    def test(self, test: Test, streams: Streams, met: int) -> int:
        self.tests += 1
        for first, last in parts(len(self.strings)):
            outputs = test(self.strings.part(first, last), outputs=True).outputs
            begin, end = self.strings.starts[[first, last]]
            if not predicted(outputs, self.legal[begin:end], self.which).all():
                return met
        return 1


def predicted(outputs: Reals, legal: Flags, which: str = "all") -> Flags:
    """(steps,) Are "all" legal symbols' outputs, or is "one", above all others? Arguments (steps, O); NaN never is."""
    inside = np.where(legal, outputs, inf).min(axis=1) if which == "all" else np.where(legal, outputs, -inf).max(axis=1)
    return np.asarray(inside > np.where(legal, -inf, outputs).max(axis=1))
