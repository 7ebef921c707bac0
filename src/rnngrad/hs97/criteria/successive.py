"""Experiments 2a, 2b and 2c: ten thousand successive sequences."""

from dataclasses import dataclass, field

from ..problems import Problem97
from .base import Criterion, Judge, Streams, Test, parts
from .recent import Recent, RecentJudge


@dataclass(frozen=True)
class Successive(Criterion):
    """So many successive, randomly chosen sequences, all with absolute errors below the tolerance.

    ``look``: at the "last" step alone (2b, 2c), or at "every" step (2a). ``judged``: on a "test" of the frozen net
    every ``every`` training sequences ("after training"; table 11 gives 10,000 as the size of the test set), or on
    "training" sequences as they come; there the number of sequences until success is that at the "start" of the row
    or that at its "end" (``counted``). How often the net is tested is not said.

    Reference: Hochreiter & Schmidhuber 1997, section 5.2, table 11 (ABS).
    """

    tolerance: float = field(metadata={"above": 0})
    look: str = field(metadata={"choices": ("last", "every")})
    successive: int = field(default=10_000, metadata={"least": 1})
    every: int = field(default=10, metadata={"least": 1})
    judged: str = field(default="test", metadata={"choices": ("test", "training")})
    counted: str = field(default="start", metadata={"choices": ("start", "end")})

    @property
    def counted_back(self) -> int:
        return self.successive if self.judged == "training" and self.counted == "start" else 0

    @property
    def everywhere(self) -> bool:
        return self.look == "every"

    def judge(self, problem: Problem97) -> Judge:
        if self.judged == "test":
            return SuccessiveJudge(self, problem)
        return RecentJudge(Recent(self.tolerance, window=self.successive), everywhere=self.everywhere)


class SuccessiveJudge(Judge):
    """Tests on fresh sequences until one is wrong."""

    def __init__(self, criterion: Successive, problem: Problem97) -> None:
        self.criterion, self.problem, self.every = criterion, problem, criterion.every

    def test(self, test: Test, streams: Streams, met: int) -> int:
        stream = streams(self.tests)
        self.tests += 1
        for first, last in parts(self.criterion.successive, first=10):
            scores = test(self.problem.draw_test(last - first, stream))
            error = scores.worst if self.criterion.look == "every" else scores.last
            if not (error < self.criterion.tolerance).all():
                return met
        return 1
