"""How long a portion takes, from a short calibration."""

from dataclasses import dataclass, replace
from time import monotonic

from .plan import Portion
from .training_job import TrainingJob

SHORT = 200
"""The longest lag that is calibrated at: time is proportional to it."""
UPDATES = 4


@dataclass(frozen=True)
class Pace:
    """Seconds of an update and of an evaluation, per step of the sequence."""

    update: float
    evaluation: float


class Calibration:
    """Trains a few updates of a portion's cell and seeds, once for all lags, and forgets them."""

    def __init__(self) -> None:
        self._paces: dict[tuple[object, ...], Pace] = {}

    def seconds(self, portion: Portion) -> float:
        """How long the portion takes if none of its runs ends before its budget."""
        job = portion.job
        assert isinstance(job, TrainingJob)
        pace, length = self._pace(job), job.runs[0]["length"]
        updates = job.budget - (portion.step or 0)
        return float(length * (updates * pace.update + updates / job.card.training.eval_every * pace.evaluation))

    def _pace(self, job: TrainingJob) -> Pace:
        lag = min(SHORT, job.card.problem.lag)
        what = (job.spec, lag, len(job.keys))
        if what not in self._paces:
            card = replace(job.card, problem=replace(job.card.problem, lag=lag))
            self._paces[what] = _measured(replace(job, card=card))
        return self._paces[what]


def _measured(job: TrainingJob) -> Pace:
    """The fastest of some updates: what else the machine does comes and goes."""
    length = job.card.make_problem().lengths[-1]
    updates = job.ensemble().run()
    times = []
    for _ in range(1 + UPDATES):
        began = monotonic()
        next(updates, None)
        times.append(monotonic() - began)
    return Pace(min(times[1:]) / length, times[0] / length)
