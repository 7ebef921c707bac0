"""One trial of an experiment of the 1997 paper as a job: the net of one seed, until it is solved or capped."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import floor, isfinite, log10
from time import monotonic
from typing import Any

from ..hs97.cards import Card97
from ..hs97.failing import Failing, failing
from ..hs97.inside import inside
from ..hs97.machine import Topology, prepare
from ..hs97.setup import Setup
from ..hs97.trial import DIVERGED, RUNNING, SOLVED, UNSOLVED, Progress, Trial
from ..jobs import Job, Report, State, Tick, key_of, packed
from .provenance import versions

NUMERICS = 1
"""Raised when the same setup and seed no longer give the same numbers, so that no older run is taken for a new one."""
SECONDS = 2.0
"""Between two reports, at most and about: what a kill may lose."""
LOOKS = 8
"""Reports for every tenfold number of sequences, so that a quick trial too has a course; the first at FIRST_LOOK."""
FIRST_LOOK = 1000
MEMORY = 256 * 2**20
"""Of a trial, far above what the largest net and its blocks of sequences take."""


@dataclass(frozen=True)
class TrialJob(Job):
    """A trial. Its steps are training sequences; the state at a tick is all that it goes on from, bit for bit."""

    setup: Setup
    seed: int

    @property
    def budget(self) -> int:
        return self.setup.training.cap

    def memory(self, runs: int) -> int:
        return runs * MEMORY

    def part(self, keys: set[str]) -> "TrialJob":
        return self

    def ticks(self, state: State | None = None) -> Iterator[Tick]:
        prepare()
        trial, seconds = self._begun(state), state.facts["seconds"] if state else 0.0
        while trial.status == RUNNING:
            began = monotonic()
            progress = trial.advance(SECONDS, next_look(trial.sequences))
            seconds += monotonic() - began
            yield Tick(trial.sequences, (self._report(trial, progress, seconds),), _saved(trial, seconds))

    def _begun(self, state: State | None) -> Trial:
        if state is None:
            return Trial(self.setup, self.seed)
        trial = Trial.resume(self.setup, self.seed, dict(state.arrays))
        trial.seconds, trial.timed = state.facts["cpu"], state.facts["timed"]
        return trial

    def _report(self, trial: Trial, progress: Progress, seconds: float) -> Report:
        error = progress.error if isfinite(progress.error) else None
        seen = inside(trial) if progress.status not in (RUNNING, DIVERGED) else {}
        lost = failing(trial) if progress.status == UNSOLVED else Failing()
        return Report(
            key=self.keys[0],
            outcome=_outcome(progress, seconds, lost) | {"versions": versions()},
            snapshot={"step": progress.sequences, "train_loss": error, "scores": {}, "flow": seen | lost.flow},
            weights=packed({"weights": trial.machine.weights}),
        )


def next_look(sequences: int) -> float:
    """The number of sequences at which the next report is due, whatever the time."""
    looks = floor(LOOKS * log10(sequences / FIRST_LOOK) + 1e-9) + 1 if sequences >= FIRST_LOOK else 0
    return round(FIRST_LOOK * 10 ** (looks / LOOKS))


def trial_job(card: Card97, setup: Setup, seed: int, command: str) -> TrialJob:
    """The job, with what is known of its run."""
    key = key_of({"numerics": NUMERICS, **setup.as_dict(), "seed": seed})
    net = setup.topology()
    steps = round(setup.problem.mean_steps)
    run = {
        "key": key,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": f"hs97/{card.experiment.name}",
        "problem": card.tables["problem"]["kind"],
        "protocol": setup.setting,
        "lag": steps,
        "length": steps,
        "minimal_lag": setup.problem.minimal_lag,
        "cell": "lstm97" if setup.net.rule == "lstm" else setup.net.rule,
        "init": setup.reading,
        "hidden": net.cells if isinstance(net, Topology) else 1,
        "parameters": net.count,
        "lr": setup.training.lr,
        "seed": seed,
        "device": "cpu",
        "engine": "hs97",
        "versions": versions(),
        "command": command,
        "card": card_of(card, setup),
        "baselines": {},
        "status": "running",
        "steps": 0,
        "solved": 0,
        "scores": {},
        "seconds": 0.0,
    }
    return TrialJob((run,), setup, seed)


def card_of(card: Card97, setup: Setup) -> dict[str, Any]:
    """The resolved setup, and what the paper prints of this setting: all that a table of the rows needs."""
    readings = card.reading(setup.reading)
    return {
        **setup.as_dict(),
        "experiment": asdict(card.experiment),
        "contradicts": card.contradicts(setup),
        "why": "; ".join(reading.why for reading in readings),
        "milestones": list(setup.criterion.milestones),
        "published": [asdict(row) for row in card.published if row.setting == setup.setting],
    }


def _outcome(progress: Progress, seconds: float, lost: Failing) -> dict[str, Any]:
    """Columns of the table of runs. ``scores``: what no column is for."""
    status = {RUNNING: "running", DIVERGED: "diverged"}.get(progress.status, "finished")
    solved = progress.status == SOLVED
    return {
        "status": status,
        "steps": progress.sequences,
        "solved": int(solved),
        "steps_to_solve": list(progress.reached.values())[-1] if solved else None,
        "diverged_at": progress.sequences if status == "diverged" else None,
        "scores": {
            "reached": progress.reached,
            "tests": {name: asdict(test) for name, test in progress.tests.items()},
            "cell_added": progress.cell_added,
            "time_steps": progress.steps,
            "ns_per_step": progress.ns_per_step if isfinite(progress.ns_per_step) else None,
            **lost.scores,
        },
        "seconds": round(seconds, 3),
    }


def _saved(trial: Trial, seconds: float) -> Any:
    facts = {"step": trial.sequences, "seconds": seconds, "cpu": trial.seconds, "timed": trial.timed}
    return lambda: State(trial.state(), facts)
