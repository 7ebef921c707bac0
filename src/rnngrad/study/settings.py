"""What can be asked of a rerun: a setting of a card, of the paper or beside it, as jobs; and what that costs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ..hs97.cards import Card97
from ..hs97.setup import Setup
from ..hs97.trial import Trial
from ..jobs import Job
from .trial_job import TrialJob, card_of, trial_job


@dataclass(frozen=True)
class Asked(ABC):
    """A setting of a card that was asked for. A trial's sequences, steps and seconds are those of one seed."""

    card: Card97

    @property
    @abstractmethod
    def about(self) -> dict[str, Any]:
        """What stands in the store's column ``card`` of its trials."""

    @property
    @abstractmethod
    def trials(self) -> int:
        """How many there are unless another number is asked for."""

    @property
    @abstractmethod
    def weights(self) -> int:
        """Of its net."""

    @property
    @abstractmethod
    def mean_steps(self) -> float:
        """Expected number of time steps of a sequence."""

    @property
    def cap(self) -> int:
        """The number of sequences after which a trial counts as unsolved."""
        return int(self.about["training"]["cap"])

    @property
    def work(self) -> float:
        """Expected of all trials, in time steps of the paper's nets: the cheapest setting comes first."""
        return self.sequences() * self.mean_steps * self.trials

    @abstractmethod
    def jobs(self, trials: int | None, seed: int, command: str) -> Sequence[Job]:
        """All trials, of successive seeds."""

    @abstractmethod
    def sequences(self) -> float:
        """Expected of a trial."""

    @abstractmethod
    def seconds(self) -> float:
        """Expected of a trial on this machine, of which a little is tried."""


@dataclass(frozen=True)
class PaperSetting(Asked):
    """A setting of the paper, under the reading and with the options that were asked for."""

    setup: Setup

    @property
    def about(self) -> dict[str, Any]:
        return card_of(self.card, self.setup)

    @property
    def trials(self) -> int:
        return self.card.experiment.trials

    @property
    def weights(self) -> int:
        return int(self.setup.topology().count)

    @property
    def mean_steps(self) -> float:
        return self.setup.problem.mean_steps

    def jobs(self, trials: int | None, seed: int, command: str) -> list[TrialJob]:
        """A job for each trial; without a number as many as the paper's."""
        seeds = range(seed, seed + (trials or self.trials))
        return [trial_job(self.card, self.setup, own, command) for own in seeds]

    def sequences(self) -> float:
        """By the paper's numbers: its last mean where it solves the task, the cap where not."""
        rows = [row for row in self.card.published if row.setting == self.setup.setting]
        means = [row.value for row in rows if row.metric == "sequences" and not row.bound]
        percent = [row.value for row in rows if row.metric == "solved_percent"] or [100.0]
        cap, share = self.setup.training.cap, percent[0] / 100 if means else 0.0
        return share * min(cap, max(means, default=0.0)) + (1 - share) * cap

    def seconds(self) -> float:
        """Two blocks of sequences are tried, the first as warm-up."""
        trial = Trial(self.setup, 0)
        trial.advance(0.0)
        before, began = trial.sequences, perf_counter()
        if trial.advance(0.0).sequences == before:
            return 0.0
        return (perf_counter() - began) / (trial.sequences - before) * self.sequences()
