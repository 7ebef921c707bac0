"""What jobs report, into the store and its folder. It alone writes there."""

import os
from pathlib import Path

from ..jobs import Job, Tick
from ..store import Store
from .checkpoints import Checkpoints

STORE, WEIGHTS, CHECKPOINTS = "rnngrad.db", "weights", "checkpoints"


class Recorder:
    """Writes each evaluation as it comes: rows, then the weights, then the checkpoint from which it goes on.

    So a checkpoint never knows more than the store, and what the store knows more is computed and written again. A
    run's row is made at its first evaluation; its weights go to weights/run-ID.safetensors. ``failures`` has the
    reasons of the jobs that failed.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.weights = folder / WEIGHTS
        self.checkpoints = Checkpoints(folder / CHECKPOINTS)
        self.failures: list[str] = []
        self._ids: dict[str, int] = {}

    def started(self, job: Job, step: int | None) -> None:
        """Forgets what earlier attempts saw beyond the step: it is going to be measured again."""
        with self.store.transaction():
            known = self.store.known(job.keys)
            self._ids |= known
            for run in known.values():
                self.store.rewind(run, -1 if step is None else step)
                self.store.update_run(run, {"status": "running", "reason": None})

    def ticked(self, job: Job, tick: Tick) -> None:
        """One transaction for all evaluations of a tick."""
        if not tick.reports:
            return
        with self.store.transaction():
            for report in tick.reports:
                run = self._id(job, report.key)
                self.store.add_snapshot({"run": run, **report.snapshot})
                for probe in report.probes:
                    self.store.add_probe({"run": run, **probe})
                self.store.update_run(run, report.outcome)
        self.weights.mkdir(exist_ok=True)
        for key, weights in {report.key: report.weights for report in tick.reports}.items():
            _replace(self.weights / _weights_file(self._ids[key]), weights)
        if tick.state:
            self.checkpoints.write(job, tick.state())

    def ended(self, job: Job) -> None:
        """There is nothing to go on from any more."""
        self.checkpoints.remove(job)

    def failed(self, job: Job, reason: str) -> None:
        """Keeps the runs that had not ended, with the reason."""
        self.failures.append(reason)
        with self.store.transaction():
            for key in set(job.keys) - self.store.ended(job.keys):
                self.store.update_run(self._id(job, key), {"status": "failed", "reason": reason})

    def interrupt(self) -> None:
        """Marks what was begun and has not ended."""
        self.store.interrupt(list(self._ids))

    def _id(self, job: Job, key: str) -> int:
        """The run's id in the store, where it is added when it is first heard of."""
        if key not in self._ids:
            known = self.store.known([key])
            if not known:
                row = next(run for run in job.runs if run["key"] == key)
                known[key] = self.store.add_run(row)
                self.store.update_run(known[key], {"weights": f"{WEIGHTS}/{_weights_file(known[key])}"})
            self._ids |= known
        return self._ids[key]


def _weights_file(run: int) -> str:
    """The name of a run's weights, in a folder beside the store."""
    return f"run-{run}.safetensors"


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    os.replace(partial, path)
