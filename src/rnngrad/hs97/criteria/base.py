"""What a stop criterion is: what a card names, and the judge that watches one trial for it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..problems import Problem97
from ..problems.base import ends_of
from ..sequences import Flags, Reals, Scores, Sequences

State = dict[str, NDArray[Any]]
Test = Callable[..., Scores]
"""The machine's ``test``: sequences in, scores out; with ``outputs=True`` the outputs as well."""
LARGEST_PART = 256
"""Sequences tested at once: in 2a one has 80 kB of targets."""
Streams = Callable[[int], Generator]
"""The random stream of test number k, the same whenever it is asked for."""


@dataclass(frozen=True)
class Examined:
    """Sequences on which a net that failed is looked at. ``name``: which they are, such as training or test.

    ``judged``: (scored steps,) at which steps the criterion asks for the right output; ``right``: where it is right,
    from outputs (scored steps, O).
    """

    name: str
    sequences: Sequences
    judged: Flags
    right: Callable[[Reals], Flags]


class Judge:
    """Watches one trial pass the criterion's milestones, in order.

    Some judges look at the scores of training sequences and find the very sequence at which a milestone is met; the
    others test the frozen net every ``every`` sequences. What a judge carries on is a dict of numpy arrays.
    """

    every: int | None = None
    """Training sequences between two tests; None: it needs no tests."""
    tests = 0
    """Tests taken."""

    def first(self, block: Sequences, scores: Scores, met: int) -> int | None:
        """How many of these training sequences it takes to meet milestone number ``met``, if they do."""
        return None

    def push(self, block: Sequences, scores: Scores) -> None:
        """These training sequences have been."""

    def test(self, test: Test, streams: Streams, met: int) -> int:
        """How many milestones are met, after a test of the net as it is; ``met`` were before."""
        return met

    def state(self) -> State:
        """What it carries."""
        return {"tests": np.array(self.tests)}

    def restore(self, state: State) -> None:
        """Takes over what another has carried."""
        self.tests = int(state["tests"])


class Criterion(ABC):
    """A card's [criterion]. ``final``: fresh sequences that the net is tested on at each milestone, 0 for none;
    a sequence with an absolute error of ``tolerance`` or more at its last step is wrong."""

    final: int = 0
    tolerance: float = inf

    @property
    def milestones(self) -> tuple[str, ...]:
        """Names, in the order in which they are met."""
        return ("solved",)

    @property
    def counted_back(self) -> int:
        """Sequences that a milestone's count leaves out although they were trained on."""
        return 0

    @property
    def needs_outputs(self) -> bool:
        """Must training report all outputs, and not only the largest errors?"""
        return False

    @property
    def everywhere(self) -> bool:
        """Must all scored steps be right, and not only a sequence's last?"""
        return False

    def examined(self, problem: Problem97, rng: Generator) -> tuple[Examined, ...]:
        """Where to look for the mistakes of a net that failed: at fresh sequences, unless the criterion has its own."""
        block = problem.draw_test(LARGEST_PART, rng)
        judged = np.ones(len(block.targets), np.bool_) if self.everywhere else ends_of(block)

        def right(outputs: Reals) -> Flags:
            return np.asarray((np.abs(block.targets - outputs) < self.tolerance).all(axis=1))

        return (Examined("fresh", block, judged, right),)

    @abstractmethod
    def judge(self, problem: Problem97) -> Judge:
        """A judge for one trial. Raises UsageError if the criterion does not fit the problem."""


def parts(total: int, first: int = 16) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of the parts in which a test is taken, growing, so that a net that fails is seen to early."""
    done, size = 0, first
    while done < total:
        yield done, min(done + size, total)
        done, size = done + size, min(4 * size, LARGEST_PART)
