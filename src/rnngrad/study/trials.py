"""What a rerun asks for: experiments of the paper, their settings, a reading, trials; and what that costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ..hs97.cards import Card97, load, shipped
from ..hs97.readings import TEXT
from ..hs97.setup import Setup
from ..hs97.trial import Trial
from .trial_job import TrialJob, card_of, trial_job

PAPER = "hs97"


@dataclass(frozen=True)
class Asked:
    """A setting of a card, under the reading and with the options that were asked for."""

    card: Card97
    setup: Setup

    @property
    def about(self) -> dict[str, Any]:
        """What stands in the store's column ``card`` of its trials."""
        return card_of(self.card, self.setup)

    def jobs(self, trials: int | None, seed: int, command: str) -> list[TrialJob]:
        """A job for each trial, of successive seeds; without a number as many as the paper's."""
        seeds = range(seed, seed + (trials or self.card.experiment.trials))
        return [trial_job(self.card, self.setup, own, command) for own in seeds]

    def sequences(self) -> float:
        """Expected of a trial by the paper's numbers: its last mean where it solves the task, the cap where not."""
        rows = [row for row in self.card.published if row.setting == self.setup.setting]
        means = [row.value for row in rows if row.metric == "sequences" and not row.bound]
        percent = [row.value for row in rows if row.metric == "solved_percent"] or [100.0]
        cap, share = self.setup.training.cap, percent[0] / 100 if means else 0.0
        return share * min(cap, max(means, default=0.0)) + (1 - share) * cap

    def seconds(self) -> float:
        """Expected of a trial on this machine: two blocks of sequences are tried, the first as warm-up."""
        trial = Trial(self.setup, 0)
        trial.advance(0.0)
        before, began = trial.sequences, perf_counter()
        if trial.advance(0.0).sequences == before:
            return 0.0
        return (perf_counter() - began) / (trial.sequences - before) * self.sequences()


def asked(names: Sequence[str], reading: str = TEXT, options: Mapping[str, Any] | None = None) -> list[Asked]:
    """The settings of all experiments that are named, the cheapest first; each once.

    A name is ``hs97`` (all), ``hs97/4`` (an experiment), ``hs97/4/T100`` (one of its settings), or the path of a card.
    Under a reading that does not fit all settings of an experiment, those that it fits.
    Raises UsageError for a name, reading or option that there is not.
    """
    found: dict[tuple[str, str], Asked] = {}
    for name in names:
        for card, settings in _named(name):
            fitting = _fitting(card, reading)
            for setting in settings or fitting:
                found[card.experiment.name, setting] = Asked(card, card.resolve(setting, reading, options))
    return sorted(found.values(), key=_time_steps)


def _time_steps(one: Asked) -> float:
    return one.sequences() * one.setup.problem.mean_steps * one.card.experiment.trials


def _named(name: str) -> list[tuple[Card97, Sequence[str]]]:
    """Cards with the settings that were named; none for all."""
    if name == PAPER:
        return [(load(short), ()) for short in shipped()]
    if name.endswith(".toml"):
        return [(load(name), ())]
    experiment, _, setting = name.removeprefix(f"{PAPER}/").partition("/")
    card = load(experiment)
    return [(card, (card.setting(setting).name,) if setting else ())]


def _fitting(card: Card97, reading: str) -> Sequence[str]:
    card.reading(reading)
    return card.fitting(reading)
