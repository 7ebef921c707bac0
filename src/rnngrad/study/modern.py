"""Nets of today beside a paper's: a task card's cell, trained on the paper's problem, as a row that it does not have.

They are trained as ``rnngrad task`` trains them; what is stored of them says which experiment they stand beside.
"""

from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

from .. import cards
from ..cards import Card, CellSpec
from ..errors import UsageError
from ..hs97.cards import Card97, Modern
from ..hs97.readings import TEXT
from ..jobs import key_of
from .settings import Asked
from .training_job import TrainingJob, training_job

SEEDS = 5
"""Trained unless another number is asked for; the paper has no number for them."""
STEP = 5
"""What a time step of one sequence costs, about, in time steps of the paper's nets: 0.5 to 0.8 µs beside 0.1 to 0.2."""


@dataclass(frozen=True)
class ModernSetting(Asked):
    """A row of a card's [[modern]]. ``task``: its task card at the row's protocol and lag, with its cell alone."""

    row: Modern
    task: Card

    @property
    def about(self) -> dict[str, Any]:
        """The task card, and what a table of the experiment's rows needs: the paper prints nothing of it."""
        training = self.task.training
        return {
            **self.task.as_dict(),
            "training": {**asdict(training), "cap": training.max_steps * training.batch},
            "experiment": asdict(self.card.experiment),
            "setting": self.row.name,
            "reading": TEXT,
            "options": {},
            "contradicts": False,
            "why": "",
            "milestones": ["solved"],
            "published": [],
            "modern": asdict(self.row),
        }

    @property
    def trials(self) -> int:
        return SEEDS

    @property
    def weights(self) -> int:
        return int(self._job(1, 0, "").runs[0]["parameters"])

    @property
    def mean_steps(self) -> float:
        lengths = self.task.make_problem().lengths
        return (lengths[0] + lengths[-1]) / 2

    def jobs(self, trials: int | None, seed: int, command: str) -> list[TrainingJob]:
        """One job: its seeds train together. Their keys are not those of the same runs of ``rnngrad task``."""
        job, about = self._job(trials or SEEDS, seed, command), self.about
        name = self.card.experiment.name
        runs = (
            {
                **run,
                "key": key_of({"experiment": name, "setting": self.row.name, "key": run["key"]}),
                "task": f"hs97/{name}",
                "protocol": self.row.name,
                "card": about,
            }
            for run in job.runs
        )
        return [replace(job, runs=tuple(runs))]

    def sequences(self) -> float:
        """All of the budget: who will solve it is not known."""
        return float(self.cap)

    def seconds(self) -> float:
        """An evaluation and an update are tried, each behind another one as warm-up."""
        next(self._job(1, 0, "").ticks())
        training, ticks, times = self.task.training, self._job(1, 0, "").ticks(), [perf_counter()]
        for _ in range(3):
            next(ticks)
            times.append(perf_counter())
        evaluation, update = times[1] - times[0], times[3] - times[2]
        return training.max_steps * (update + evaluation / training.eval_every)

    @property
    def work(self) -> float:
        return STEP * super().work

    def _job(self, trials: int, seed: int, command: str) -> TrainingJob:
        spec = self.task.cells[0]
        return training_job(self.task, spec, range(seed, seed + trials), "cpu", "auto", command, None)


def modern_setting(card: Card97, row: Modern) -> ModernSetting:
    """Raises UsageError for a task card, protocol, lag or cell that there is not."""
    try:
        task = cards.load(row.task)
        task = replace(
            task,
            problem=replace(task.problem, protocol=row.protocol, lag=row.lag),
            stop=replace(task.stop, value=task.stop.value if row.stop_value is None else row.stop_value),
            cells=(CellSpec.parse(row.cell, task.cells[0].hidden),),
        )
        task.check()
    except UsageError as error:
        raise UsageError(f"hs97/{card.experiment.name}, [[modern]] '{row.name}': {error}") from None
    return ModernSetting(card, row, task)
