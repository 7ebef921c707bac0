"""Experiment 3: a random test set, twice."""

from dataclasses import dataclass, field

from ..problems import Problem97
from ..sequences import Sequences
from .base import Criterion, Judge, Streams, Test, parts


@dataclass(frozen=True)
class HeldOut(Criterion):
    """ST1: fewer than so many of a random test set wrong; ST2: ST1, and their mean absolute error low.

    How often the test set is tried (``every``) the paper does not say, nor whether it is drawn anew (``redraw``:
    "never" within a trial, or at each "test"). A test ends as soon as ST1 is out of reach. Test sets have the targets
    without noise (3c).

    Reference: Hochreiter & Schmidhuber 1997, section 5.3, table 11.
    """

    tolerance: float = field(metadata={"above": 0})
    fewer_than: int = field(metadata={"least": 1})
    mean_error: float = field(metadata={"above": 0})
    test_size: int = field(default=256, metadata={"least": 1})
    every: int = field(default=100, metadata={"least": 1})
    redraw: str = field(default="never", metadata={"choices": ("never", "test")})
    final: int = field(default=2560, metadata={"least": 0})

    @property
    def milestones(self) -> tuple[str, ...]:
        return ("ST1", "ST2")

    def judge(self, problem: Problem97) -> Judge:
        return HeldOutJudge(self, problem)


class HeldOutJudge(Judge):
    """Its test set comes from the seed and is no part of its state."""

    def __init__(self, criterion: HeldOut, problem: Problem97) -> None:
        self.criterion, self.problem, self.every = criterion, problem, criterion.every
        self.held: Sequences | None = None

    def _test_set(self, streams: Streams) -> Sequences:
        if self.held is None or self.criterion.redraw == "test":
            stream = streams(self.tests if self.criterion.redraw == "test" else 0)
            self.held = self.problem.draw_test(self.criterion.test_size, stream)
        self.tests += 1
        return self.held

    def test(self, test: Test, streams: Streams, met: int) -> int:
        held, wrong, total = self._test_set(streams), 0, 0.0
        for first, last in parts(len(held)):
            error = test(held.part(first, last)).last
            wrong += int((~(error < self.criterion.tolerance)).sum())
            total += float(error.sum())
            if wrong >= self.criterion.fewer_than:
                return met
        return 2 if total / len(held) < self.criterion.mean_error else max(met, 1)
